# The Debian packages that building and testing need; installs the missing ones without a word unless it fails.
build_packages=(g++ cmake ninja-build pkg-config ccache mold libfuse3-dev fuse3 libtoml11-dev libspdlog-dev libfmt-dev
  libcli11-dev nlohmann-json3-dev libssl-dev libgtest-dev libgmock-dev)
test_packages=(strace xfsprogs clang-19 libclang-rt-19-dev postgresql sqlite3 libsqlite3-dev attr acl jq fio
  clang-format python3-minimal e2fsprogs procps git)

missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || echo "$package"
  done
}

install_packages() {
  local missing log no_cluster=/etc/postgresql-common/createcluster.d/tdefs-test.conf
  mapfile -t missing < <(missing_packages "${build_packages[@]}" "${test_packages[@]}")
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || { echo "not Debian; please install the like of: ${missing[*]}"; return 0; }
  log=$workspace/apt.log
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # PostgreSQL's package would start a server; the tests need only the programs.
  mkdir -p "${no_cluster%/*}" && echo 'create_main_cluster = false' >"$no_cluster"
  { apt-get -qq update && apt-get -qq -y --no-install-recommends install "${missing[@]}"; } >"$log" 2>&1 </dev/null
  local status=$?
  rm -f "$no_cluster"
  [ $status -eq 0 ] || tail -n 20 "$log"
  return $status
}
