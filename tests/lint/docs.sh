#!/usr/bin/env bash
# The documents against the tree: links, named tests, exit codes, settings. One line a rule; needs git only.
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
suite=docs
. tests/lib/report.sh

mapfile -t documents < <(git ls-files --cached --others --exclude-standard -- '*.md')

# rule NAME FINDINGS: passes when there are none.
rule() { if [ -z "$2" ]; then ok "$1"; else fail "$1" "$2"; fi; }

# "FILE: TARGET" for each relative link of a document, without code blocks.
links() {
  local document
  for document in "${documents[@]}"; do
    awk '/^```/ {code = !code} !code' "$document" | grep -oE '\]\([^) ]+\)' | sed -E "s|^\]\((.*)\)$|$document: \1|" |
      grep -vE ': ([a-z]+:|#)'
  done
}
broken_links() {
  local document target
  while IFS=' ' read -r document target; do
    document=${document%:} target=${target%%#*}
    [ -e "$(dirname "$document")/$target" ] || echo "$document: $target does not exist"
  done < <(links)
}
rule "relative links resolve" "$(broken_links)"
rule "there are links to check" "$([ "$(links | wc -l)" -ge 10 ] || echo "found only: $(links)")"

# Tests in docs/parity.md and docs/reliability.md stand as `tests/FILE` and, after it, their names as `Suite.Test` of GoogleTest or as the text that
# a script gives a check.
named_tests() {
  grep -hE '^\|' docs/parity.md docs/reliability.md | grep -oE '`[^`]+`' | tr -d '`' | awk '/^(tests|bench)\// {file = $0; print file "\t"; next} file {print file "\t" $0}'
}
missing_tests() {
  local file name
  while IFS=$'\t' read -r file name; do
    [ -f "$file" ] || { echo "$file does not exist"; continue; }
    [ -n "$name" ] || continue
    if [[ $file == *.cc ]]; then
      grep -qE "^TEST(_F|_P)?\(${name%%.*}, ${name#*.}\)" "$file" || echo "$file has no test $name"
    else
      grep -qF -- "$name" "$file" || echo "$file has no check \"$name\""
    fi
  done < <(named_tests)
}
rule "every test named in docs/parity.md and docs/reliability.md exists" "$(missing_tests)"
rule "docs/parity.md names tests" "$([ "$(named_tests | wc -l)" -ge 50 ] || echo "found only $(named_tests | wc -l)")"

same "the manual's exit codes are those of base/error.cc" \
  "$({ printf '0\tok\tsuccess\n' && sed -nE 's/^ *\{"([a-z_]+)", E[A-Z]+, ([0-9]+), "(.*)"\},$/\2\t\1\t\3/p' base/error.cc; })" \
  "$(awk '/^\.TS/ {table = 1} /^\.TE/ {table = 0} table && /^[0-9]/' docs/man/tdefs.1)"

# The keys that config/ reads; each has its row in README's table.
mount_options() { grep -oE '\{"[a-z-]+", &MountConfig' config/mount_settings.h | grep -oE '"[a-z-]+"' | tr -d '"'; }
settings() {
  mount_options
  grep -oE '(Read|ReadPath|ReadChoice|ReadMasterKey|Table)\([^;]*"[a-z-]+"' config/load.cc | grep -oE '"[a-z-]+"' | tr -d '"'
}
undocumented() {
  local key
  for key in $(settings | sort -u); do
    grep -qE "^\| (\*\*)?\`\[?([a-z.-]*\.)?$key\]?\`|\`\[security\.encryption\.$key\]\`" README.md || echo "README.md has no row for $key"
  done
}
rule "every setting has its row in README.md" "$(undocumented)"
rule "there are settings to check" "$([ "$(settings | sort -u | wc -l)" -ge 25 ] || echo "found only: $(settings | sort -u | tr '\n' ' ')")"

unlisted_options() {
  local name
  for name in $(mount_options); do
    grep -qE "^\.It Cm ([a-z-]+ , )*$name( |$)" docs/man/mount.fuse.tdefs.8 || echo "docs/man/mount.fuse.tdefs.8 has no $name"
  done
}
rule "every mount option is in its manual" "$(unlisted_options)"

rule "docs/format.md names each magic and label of the formats" \
  "$(grep -hoE '"tdefs[ .]?[a-z. ]+[0-9]?"' keys/*.cc keys/*.h | sort -u | tr -d '"' |
    while read -r label; do grep -qF -- "$label" docs/format.md || echo "docs/format.md does not name \"$label\""; done)"
finish
