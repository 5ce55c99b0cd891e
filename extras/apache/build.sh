#!/bin/sh
# build.sh OUTPUT-FOLDER - mod_channel_binding.so for the Apache that apxs2
# belongs to.  Debian: apache2-dev, apache2-ssl-dev, libssl-dev.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUTPUT-FOLDER}
mkdir -p "$out"
work=$(mktemp -d "$out/apache.XXXXXX")
trap 'rm -rf "$work"' EXIT
# apxs leaves what it makes beside the source.
mkdir "$work/apache"
cp "$here/../channel_binding.h" "$work/"
cp "$here/mod_channel_binding.c" "$work/apache/"
(cd "$work/apache" && apxs2 -c -Wc,-Wall -Wc,-Wextra -Wc,-Werror \
	mod_channel_binding.c -lssl -lcrypto) >"$work/log" 2>&1 || {
	tail -n 40 "$work/log" >&2
	exit 1
}
cp "$work/apache/.libs/mod_channel_binding.so" "$out/"
