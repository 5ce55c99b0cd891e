#!/bin/sh
# The store's unit tests once more, on PostgreSQL.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
pg_make pg
pg_start pg

# unit NAME: its lines, numbered on.
unit() {
	pg_sql pg postgres "CREATE DATABASE $1" || bail "CREATE DATABASE"
	CMOCKA_MESSAGE_OUTPUT=TAP MICROCA_TEST_STORE=$(pg_url pg "$1") \
		"$BUILDDIR/tests/unit/$1" >"$T/out" 2>"$T/err"
	rc=$?
	awk -v n="$tap_n" -v test="$1" '
		/^(not )?ok [0-9]+ # SKIP/ {
			n++
			print "ok " n " - " test ": " $NF \
				" # SKIP it is about files of SQLite"
			next
		}
		/^(not )?ok [0-9]+/ {
			n++
			sub(/ok [0-9]+ - /, "ok " n " - " test ": ")
		}
		/^1\.\.[0-9]+/ { next }
		{ print }' "$T/out"
	sed 's/^/# /' "$T/err" | head -n 40
	tap_n=$((tap_n + $(grep -cE '^(not )?ok [0-9]+' "$T/out")))
	tap_bad=$((tap_bad + $(grep -c '^not ok [0-9]* - ' "$T/out")))
	is "$1: runs to its end" \
		"$rc $(grep -cE '^1\.\.[1-9][0-9]*$' "$T/out")" "0 1"
}

for name in store audit browse outbox pending revoke secret; do
	unit "$name"
done
done_testing
