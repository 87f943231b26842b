#!/usr/bin/env bash
# The same file work on several directories in turn, and each result as a ratio to the first directory's.
#
#   compare.sh [--rounds N] [--size-mib N] [--files N] [--seconds N] [--only WORK,…] [--json] NAME=DIR [NAME=DIR …]
#   compare.sh --list
#
# For example, with a mount at /mnt/db:  compare.sh native=/var/tmp/native tdefs=/mnt/db
# Needs fio and python3. As root the page cache is dropped before the cold reads; otherwise they are warm, and it says so.
exec env PYTHONDONTWRITEBYTECODE=1 python3 "$(dirname "$(readlink -f "$0")")/compare/main.py" "$@"
