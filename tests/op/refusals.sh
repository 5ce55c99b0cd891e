#!/bin/sh
# Every request of tests/vectors/csr-expected.tsv through simpleenroll: the
# status and the reason word it names, one audit row, nothing issued.
#
# Columns: file, what csr_read() says, status and reason with profile device.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem

TABLE=$SRCDIR/tests/vectors/csr-expected.tsv
grep -v '^#' "$TABLE" >"$T/table"
tab=$(printf '\t')
while IFS="$tab" read -r file _ status word; do
	[ -n "$file" ] || continue
	openssl base64 -in "$SRCDIR/tests/vectors/$file" -out "$T/body.b64"
	before_refusal
	got=$(post device simpleenroll maker-ra "$T/body.b64")
	if [ "$status" = 200 ]; then
		is "$file" "$got issued $(($(issued) - issued_before))" \
			"200 issued 1"
	else
		refused "$file" "$got" "$status" "$word"
	fi
done <"$T/table"
done_testing
