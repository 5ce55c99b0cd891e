#!/bin/sh
# Man pages are clean, and every program and file format has one.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need mandoc

for f in man/*.[1-8]; do
	ok "$f" mandoc -Tlint -Wwarning "$f"
done
for p in cgi-bin/*.c; do
	p=$(basename "$p" .c)
	ok "$p has a page" test -s "man/$p.8"
done
for p in microca.8 microca-upload.8 microca.conf.5 profiles.conf.5 est-client.1 \
	est-client.conf.5; do
	ok "$p exists" test -s "man/$p"
done
done_testing
