#!/usr/bin/env bash
# Hostile callers of a live mount: the store's own names by every road that leads through the kernel, odd names, paths
# without end, and clients of the control socket that only take up room. What Volume itself refuses is in
# tests/unit/fs/volume_hostile_test.cc.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=hostile

new_store names && mount_store || finish
mkdir "$mountpoint/d" && echo content >"$mountpoint/file"

# Roads to the store's own directory.
ln -s .tdefs/key.dict "$mountpoint/relative" && ln -s ../.tdefs "$mountpoint/d/up"
ln -s "$mountpoint/.tdefs/key.dict" "$mountpoint/absolute"
for road in .tdefs .tdefs/ .tdefs/key.dict d/../.tdefs/key.dict ./.tdefs relative absolute d/up d/up/key.dict \
  "d/up/../.tdefs/file.dict"; do
  refused "no road to the store's own files: $road" 'no such file' stat -L "$mountpoint/$road"
done
refused "nor from inside" 'no such file' bash -c "cd '$mountpoint/d' && cat ../.tdefs/key.dict"
same "nor is it listed" "absolute d file relative" "$(ls -A "$mountpoint" | tr '\n' ' ' | sed 's/ $//')"
same "nor found by a walk" "" "$(find "$mountpoint" -name .tdefs)"
for attempt in "mkdir .tdefs" "touch .tdefs" "mkfifo .tdefs" "ln -s x .tdefs" "ln file .tdefs" "mv file .tdefs" \
  "cp file .tdefs" "mv -T d .tdefs" "mv .tdefs elsewhere" "rm .tdefs/key.dict" "rmdir .tdefs"; do
  refused "the store's own name cannot be used: $attempt" 'permitted|no such file' \
    bash -c "cd '$mountpoint' && $attempt"
done
check "the store's own files are still there" test -s "$store/.tdefs/key.dict" -a -s "$store/.tdefs/file.dict"

# By file handle: a handle of the mount, with the inode number of a file that is not to be reached.
cat >"$workspace/by_number.py" <<'PY'
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
mountpoint, known, wanted = sys.argv[1:]
handle = ctypes.create_string_buffer(8 + 128)
def open_handle():
    directory = os.open(mountpoint, os.O_RDONLY)
    return libc.open_by_handle_at(directory, handle, os.O_RDONLY)
struct.pack_into('I', handle, 0, 128)
mount_id = ctypes.c_int()
if libc.name_to_handle_at(-100, known.encode(), handle, ctypes.byref(mount_id), 0) != 0: sys.exit('no handles here')
number = os.stat(known).st_ino
low, high = number & 0xffffffff, number >> 32
found = handle.raw.find(struct.pack('II', high, low), 8)
if found < 0: sys.exit('the handle does not hold the inode number')
if open_handle() < 0: sys.exit('its own handle is not accepted')
target = os.stat(wanted).st_ino
for generation in range(0, 2):
    struct.pack_into('II', handle, found, target >> 32, target & 0xffffffff)
    struct.pack_into('I', handle, found + 8, generation)
    if open_handle() >= 0: sys.exit('opened')
print('not reachable')
PY
echo outside >"$workspace/outside"
for wanted in "$store/.tdefs" "$store/.tdefs/key.dict" "$store/.tdefs/file.dict" "$workspace/outside" "$workspace"; do
  same "not reachable by its number: ${wanted#"$workspace"}" "not reachable" \
    "$(python3 "$workspace/by_number.py" "$mountpoint" "$mountpoint/file" "$wanted" 2>&1)"
done

# Odd names, through a remount.
long=$(printf 'n%.0s' {1..255})
for name in "$long" $'\xff\xfe\x80' $'new\nline' '-rf' '*' ' ' 'größe'; do
  mkdir "$mountpoint/d/$name" && printf '%s' "$name" >"$mountpoint/d/$name/$name"
done
refused "a name of 256 bytes is too long" 'too long' touch "$mountpoint/d/${long}n"
remount_store || finish
bad=""
for name in "$long" $'\xff\xfe\x80' $'new\nline' '-rf' '*' ' ' 'größe'; do
  [ "$(cat "$mountpoint/d/$name/$name"; echo .)" = "$name." ] || bad+="[$name] "
done
same "odd names and what they hold outlive a remount" "" "$bad"

# A tree deeper than any path can say, as a program builds it step by step; and a move that would push files too deep.
cat >"$workspace/deep.py" <<'PY'
import errno, os, sys
top = os.open(sys.argv[1], os.O_RDONLY)
name = 'd' * 250
os.mkdir('deep', dir_fd=top)
at = os.open('deep', os.O_RDONLY, dir_fd=top)
def step(directory):
    os.mkdir(name, dir_fd=directory)
    below = os.open(name, os.O_RDONLY, dir_fd=directory)
    os.close(directory)
    return below
for _ in range(127): at = step(at)
os.close(os.open('file', os.O_CREAT | os.O_WRONLY, dir_fd=at))
try:
    os.rename('deep', 'deeper' * 40, src_dir_fd=top, dst_dir_fd=top)
    print('moved')
except OSError as error: print('move:', errno.errorcode[error.errno])
at = step(step(at))
try:
    os.open('file', os.O_CREAT | os.O_WRONLY, dir_fd=at)
    print('created')
except OSError as error: print('create:', errno.errorcode[error.errno])
PY
same "paths that the dictionary cannot hold are refused beforehand" $'move: ENAMETOOLONG\ncreate: ENAMETOOLONG' \
  "$(python3 "$workspace/deep.py" "$mountpoint" 2>&1)"
same "and nothing is left to heal" "false" "$("$tdefs" status --json "$mountpoint" | jq .healing)"
check "the deep tree can be removed" rm -r "$mountpoint/deep"
unmount_store
check_store_exactly "after odd names and deep paths"

# Clients of the control socket that say nothing, half a line, or far too much, and one that does not read.
mount_store || finish
cat >"$workspace/clients.py" <<'PY'
import os, socket, subprocess, sys
tdefs, store, mountpoint, daemon = sys.argv[1:]
directory = os.open(store + '/.tdefs', os.O_RDONLY)
def connect():
    client = socket.socket(socket.AF_UNIX)
    client.connect(f'/proc/self/fd/{directory}/control.sock')
    return client
def memory():
    status = open(f'/proc/{daemon}/status').read()
    return int(status.split('VmRSS:')[1].split()[0])
def asked():
    return subprocess.run([tdefs, 'status', '--json', mountpoint], capture_output=True, timeout=60).returncode
asked()
before = memory()
clients = [connect() for _ in range(48)]
for number, client in enumerate(clients):
    if number % 2: client.send(b'{"command":"sta')
print('status beside idle clients:', asked())
clients.clear()
for _ in range(200):
    giant = connect()
    try: giant.sendall(b'x' * 1_000_000)
    except OSError: pass
    giant.close()
print('status after giant lines:', asked())
print('memory grew by less than 16 MiB:', memory() - before < 16 << 10)
PY
same "clients that only take up room neither block others nor use up memory" \
  $'status beside idle clients: 0\nstatus after giant lines: 0\nmemory grew by less than 16 MiB: True' \
  "$(python3 "$workspace/clients.py" "$tdefs" "$store" "$mountpoint" "$(daemon)" 2>&1)"
unmount_store
check_store_exactly "after hostile clients"
finish
