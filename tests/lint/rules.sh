#!/usr/bin/env bash
# The rules of the house that a script can check; one line a rule. Needs git, and clang-format for the last one.
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
suite=lint
. tests/lib/report.sh

mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- '*.cc' '*.h' | grep -v '^third_party/')

# rule NAME FINDINGS: passes when there are none.
rule() { if [ -z "$2" ]; then ok "$1"; else fail "$1" "$2"; fi; }

# The include lines of the files whose path begins so that match a pattern, with file and line.
includes() {  # PATH PATTERN
  local files
  mapfile -t files < <(printf '%s\n' "${sources[@]}" | grep -E "^$1")
  [ ${#files[@]} -eq 0 ] || grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*$2" "${files[@]}" /dev/null
}

points_up() {
  includes base/ '"(crypto|config|keys|fs|cli|tests|bench)/'
  includes config/ '"(crypto|keys|fs|cli|tests|bench)/'
  includes crypto/ '"(config|keys|fs|cli|tests|bench)/'
  includes keys/ '"(fs|cli|tests|bench)/'
  includes fs/ '"(cli|tests|bench)/'
  includes cli/ '"(tests|bench)/'
}
rule "includes point only down the house" "$(points_up)"
rule "headers are included by their path from the top" \
  "$(includes '(base|crypto|config|keys|fs|cli)/' '"' | grep -vE 'include[[:space:]]*"(base|crypto|config|keys|fs|cli|tests|bench)/')"

# only_in NAME ALLOWED PATTERN: a library's headers appear only in the files that may know it.
only_in() { rule "$1" "$(grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$3" "${sources[@]}" /dev/null | grep -vE "^($2)")"; }
only_in "OpenSSL appears only in crypto/" 'crypto/|tests/unit/crypto/' '(openssl|gcrypt|sodium|mbedtls)/'
only_in "FUSE appears only in fs/fuse_*" 'fs/fuse_' '(linux/)?(fuse|fuse3/)'
only_in "TOML appears only in config/" 'config/' 'toml'
only_in "curl appears only in keys/" 'keys/' 'curl/'
only_in "spdlog appears only in base/log.cc" 'base/log\.cc' 'spdlog/'

crypto_and_keys=$(printf '%s\n' "${sources[@]}" | grep -E '^(crypto|keys)/')
rule "secrets are not compared by memcmp" \
  "$(grep -nE '\b(memcmp|bcmp|strcmp|strncmp)[[:space:]]*\(' $crypto_and_keys /dev/null)"
rule "random numbers come from crypto/random.h" \
  "$(grep -nE '\b(RAND_(priv_)?bytes|getrandom|getentropy)[[:space:]]*\(|std::random_device' "${sources[@]}" /dev/null | grep -vE '^(crypto/random\.cc|tests/|bench/)')"
rule "descriptors are closed by UniqueFd alone" \
  "$(grep -nE '(^|[^_[:alnum:]>.:])(::)?close[[:space:]]*\(' "${sources[@]}" /dev/null | grep -vE '^(base/unique_fd\.h|tests/|bench/)|//.*close *\(')"
rule "nothing but bad_alloc is thrown" \
  "$(grep -nE '\bthrow\b' "${sources[@]}" /dev/null | grep -vE '//.*\bthrow\b|throw std::bad_alloc|^tests/')"
rule "no test waits by sleeping" \
  "$(git ls-files --cached --others --exclude-standard -- 'tests/*' | grep -vE '^tests/lint/' | xargs -d '\n' grep -nE '\b(u|nano)?sleep(_for|_until)?[[:space:]]*\(|(^|[;&|({[:space:]])sleep[[:space:]]+[0-9.]' /dev/null)"
rule "no file is longer than 500 lines" \
  "$(git ls-files --cached --others --exclude-standard -- '*.cc' '*.h' '*.sh' '*.py' | xargs -d '\n' awk 'FNR == 501 {print FILENAME}')"
rule "nothing is left open in the code" \
  "$(grep -nEw 'TODO|FIXME|XXX|HACK' "${sources[@]}" /dev/null)"

if command -v clang-format >/dev/null; then
  rule "clang-format agrees with every file" \
    "$(for file in "${sources[@]}"; do clang-format --dry-run -Werror "$file" 2>/dev/null || echo "$file"; done)"
else
  skip "clang-format agrees with every file" "no clang-format"
fi
finish
