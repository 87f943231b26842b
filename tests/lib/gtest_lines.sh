# gtest_lines SUITE COMMAND…: runs a GoogleTest program and prints its results as "ok", "FAIL" and "skipped: " lines.
# What a test printed is shown only if it failed. A program that does not come to its end is a failure too.
gtest_lines() {
  local suite=$1 status
  shift
  "$@" --gtest_color=no 2>&1 </dev/null | awk -v suite="$suite" '
    /^\[ RUN      \] / { output = ""; next }
    /^\[       OK \] / { print "ok " suite ": " $4; fflush(); next }
    /^\[  FAILED  \] .* \([0-9]+ ms\)$/ { sub(/^\[  FAILED  \] /, ""); print "FAIL " suite ": " $0; printf "%s", output; fflush(); next }
    /^\[  SKIPPED \] .* \([0-9]+ ms\)$/ { n = split(output, lines, "\n"); print "skipped: " suite ": " $4 ": " lines[2]; next }
    /^\[==========\] .* ran\./ { ended = 1; output = ""; next }
    { output = output "    " $0 "\n" }
    END { if (!ended) { print "FAIL " suite ": the program ended before its last test"; printf "%s", output }
          else if (output ~ /Sanitizer/) { print "FAIL " suite ": a sanitizer complains at the end"; printf "%s", output } }'
  status=${PIPESTATUS[0]}
  return "$status"
}
