#!/usr/bin/env bash
# From a clean checkout to a mounted, encrypted directory with a small database in it:
#
#   sudo ./quickstart.sh [BACKING MOUNTPOINT]     (/var/lib/tdefs/demo and /mnt/tdefs)
#
# Installs missing Debian packages, builds in ./build/release, makes a key (/etc/tdefs/<name of BACKING>.key) and a store,
# mounts it and shows what is on the disk underneath. Run again, it builds what changed and mounts what is not mounted;
# keys, stores and data are never made anew. Outside these places it makes one thing: the link /sbin/mount.fuse.tdefs.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
exec </dev/null
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

packages=(g++ cmake ninja-build pkg-config libfuse3-dev fuse3 libtoml11-dev libspdlog-dev libfmt-dev libcli11-dev
  nlohmann-json3-dev libssl-dev sqlite3)
build=$PWD/build/release
tdefs=$build/cli/tdefs
helper=/sbin/mount.fuse.tdefs

step() { printf '\n== %s\n' "$1"; }
refuse() {  # ERROR HINT
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 2
}
# quietly LOG COMMAND…: the output is shown only if the command fails.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; refuse "failed: $*" "the whole output is in $log"; }
}

case $# in
  0) backing=/var/lib/tdefs/demo mountpoint=/mnt/tdefs ;;
  2) backing=$1 mountpoint=$2 ;;
  *) refuse "two arguments or none" "sudo ./quickstart.sh [BACKING MOUNTPOINT]" ;;
esac
[ "$(id -u)" -eq 0 ] || refuse "installing and mounting need root" "sudo ./quickstart.sh $*"
case $backing$mountpoint in /*) ;; *) refuse "$backing: not an absolute path" "write whole paths" ;; esac
case $mountpoint in /*) ;; *) refuse "$mountpoint: not an absolute path" "write whole paths" ;; esac
key=/etc/tdefs/$(basename "$backing").key
mkdir -p "$build"

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || refuse "this is not Debian" "install the like of: ${missing[*]}"
  step "installing ${missing[*]}"
  quietly "$build/apt.log" apt-get -qq update
  quietly "$build/apt.log" apt-get -qq -y --no-install-recommends install "${missing[@]}"
fi
[ -c /dev/fuse ] || refuse "/dev/fuse is missing" "modprobe fuse; in a container: --device /dev/fuse --cap-add SYS_ADMIN"

step "building in $build"
quietly "$build/cmake.log" cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release
quietly "$build/ninja.log" ninja -C "$build" tdefs
if [ -e "$helper" ] && [ "$(readlink -f "$helper")" != "$tdefs" ]; then
  echo "$helper stays as it is: it belongs to $(readlink -f "$helper")"
else
  ln -sfn "$tdefs" "$helper"
  echo "$helper -> $tdefs, for mount -t fuse.tdefs and fstab"
fi

if [ -e "$backing/.tdefs/key.dict" ]; then
  step "the store $backing is there already"
else
  step "making a store in $backing with the key $key"
  mkdir -p "$backing"
  mkdir -p -m 0700 "$(dirname "$key")"
  [ -e "$key" ] || "$tdefs" genkey "$key"
  "$tdefs" init "$backing" --key-file "$key"
fi

source_of_mount() { findmnt -n -o SOURCE --mountpoint "$mountpoint" 2>/dev/null | tail -n 1 || true; }
is_alive() { stat -f "$mountpoint" >/dev/null 2>&1; }
if [ "$(source_of_mount)" = "$(readlink -f "$backing")" ] && is_alive; then
  step "it is mounted at $mountpoint already"
else
  step "mounting it at $mountpoint"
  is_alive || mkdir -p "$mountpoint" 2>/dev/null || true  # a dead mount is neither there nor absent: mount clears it
  key_argument=()
  [ ! -e "$key" ] || key_argument=(--key-file "$key")
  "$tdefs" mount "$backing" "$mountpoint" "${key_argument[@]}"
fi

step "an SQLite database on the mount"
marker="secret-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
database=$mountpoint/quickstart.db
sqlite3 "$database" "CREATE TABLE IF NOT EXISTS notes(id INTEGER PRIMARY KEY, note TEXT);
  INSERT INTO notes(note) VALUES('$marker');"
echo "SELECT finds it through the mount:  $(sqlite3 "$database" "SELECT note FROM notes WHERE note = '$marker'")"
[ "$(sqlite3 "$database" 'PRAGMA integrity_check')" = ok ] || refuse "$database is damaged" "please report this"
sync -f "$database"
if found=$(grep -rlaF -- "$marker" "$backing"); then refuse "the text is readable in $found" "please report this"; fi
echo "grep finds nothing of it in $(find "$backing" -type f | wc -l) backing files:"
od -A d -t x1z -N 32 "$backing/quickstart.db" | head -n 2

step "tdefs status $mountpoint"
"$tdefs" status "$mountpoint"

cat <<EOF

Use it:      put a database's data directory below $mountpoint; copy $key to a safe place
Unmount it:  $tdefs umount $mountpoint
Mount it:    mount -t fuse.tdefs $backing $mountpoint -o key-file=$key
EOF
