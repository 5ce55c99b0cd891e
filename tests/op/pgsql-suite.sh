#!/bin/sh
# The tests of the operations once more, with a store in PostgreSQL.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
pg_make pg
pg_start pg

STORE_HOST=$T/pg.sock
export STORE_HOST
for test in simplereenroll revoke ocsp inventory; do
	"$SRCDIR/tests/op/$test.sh" >"$T/out" 2>"$T/err"
	rc=$?
	# Their lines, numbered on.
	awk -v n="$tap_n" -v test="$test" '
		/^(not )?ok [0-9]+/ {
			n++
			sub(/ok [0-9]+ - /, "ok " n " - " test ": ")
		}
		/^1\.\.[0-9]+/ { next }
		{ print }' "$T/out"
	tap_n=$((tap_n + $(grep -cE '^(not )?ok [0-9]+' "$T/out")))
	tap_bad=$((tap_bad + $(grep -c '^not ok' "$T/out")))
	is "$test: runs to its end" \
		"$rc $(grep -cE '^1\.\.[1-9][0-9]*$' "$T/out")" "0 1"
done
done_testing
