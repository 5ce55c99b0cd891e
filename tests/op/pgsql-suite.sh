#!/bin/sh
# The tests of the operations once more, with a store in PostgreSQL.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/again-lib.sh
. "$SRCDIR/tests/op/again-lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
pg_make pg
pg_start pg

STORE_HOST=$T/pg.sock
export STORE_HOST
for test in simplereenroll revoke ocsp inventory; do
	again "$test" "$SRCDIR/tests/op/$test.sh"
done
done_testing
