#!/usr/bin/env bash
# docs/format.md is enough to decrypt a store: its example is read with openssl alone.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=format

for tool in openssl getfattr; do command -v $tool >/dev/null || { skip "the documented format decrypts a store" "no $tool"; finish; }; done
check "the documented format decrypts a store" "$(dirname "$(readlink -f "$0")")/../../docs/format-example.sh" "$tdefs"
finish
