#!/bin/sh
# Every request of tests/vectors/csr-expected.tsv through simpleenroll: the
# status and the reason word it names, one audit row, nothing issued.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"

# Two rows want an issuer of this name that excludes these names.
CA_SUBJECT="CN=Example Issuing CA 1"
CA_EXTENSION="nameConstraints=critical,excluded;DNS:outside.test"
ca_make pem

cp -pR "$T/state" "$T/fresh"
tab=$(printf '\t')
tail -n +2 "$SRCDIR/tests/vectors/csr-expected.tsv" >"$T/table"
while IFS="$tab" read -r file _ status word _; do
	grep -v -e '^-----' "$SRCDIR/tests/vectors/$file" >"$T/body.b64"
	# Many of them ask for the same key or name: each meets a fresh CA.
	if [ "$status" = 200 ]; then
		rm -rf "$T/state"
		cp -pR "$T/fresh" "$T/state"
	fi
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
