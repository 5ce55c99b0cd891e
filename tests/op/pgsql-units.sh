#!/bin/sh
# The store's unit tests once more, on PostgreSQL.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/again-lib.sh
. "$SRCDIR/tests/op/again-lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
pg_make pg
pg_start pg

unit() {
	pg_sql pg postgres "CREATE DATABASE $1" || bail "CREATE DATABASE"
	again "$1" -s "it is about files of SQLite" \
		env CMOCKA_MESSAGE_OUTPUT=TAP \
		"MICROCA_TEST_STORE=$(pg_url pg "$1")" "$BUILDDIR/tests/unit/$1"
}

for name in store audit browse outbox pending revoke secret; do
	unit "$name"
done
done_testing
