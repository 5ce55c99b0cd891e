#!/bin/sh
# PostgreSQL's plans: nothing that is asked of 20,000 certificates walks over them,
# with statistics or without.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
pg_make pg "autovacuum = off"
pg_start pg
store_at "$T/pg.sock"
# shellcheck source=tests/op/inventory-lib.sh
. "$SRCDIR/tests/op/inventory-lib.sh"
inventory_conf desk.pem
"$BUILDDIR/tests/tools/fill" "$STORE_URL" issue d 1 20000 >"$T/setup.log" 2>&1 ||
	bail "fill"

# read_by: entries that were read of the indexes; a page in the order of ends looks
# where its slice of 10,000 is over, along the index of the ends alone.
read_by() {
	sql "SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes
		WHERE indexrelname <> 'certificate_end'"
}
gone() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE datname =
	current_database() AND backend_type = 'client backend'")" = 1 ]; }
# few NAME WANT COMMAND...: it says so, and read few entries.
few() {
	few_name=$1 few_want=$2
	shift 2
	few_before=$(read_by)
	few_is=$("$@")
	# A process counts what it did when it ends.
	wait_for 10 gone
	few_read=$(($(read_by) - few_before))
	is "$few_name: read $few_read" "$few_is $((few_read < 200))" "$few_want 1"
}
page() { # page ORDER: the status, and the rows
	echo "$(look ada "$C?order=$1&rows=50") $(jq -r '.certificates | length' \
		"$T/body")"
}
renew() { # renew NAME FROM
	csr "$1" "/CN=$2" && post device simplereenroll "$2" "$T/$1.b64"
}
serial() { openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2; }
revoke() { admin revoke "$(serial "$1")" >"$T/out" 2>&1; echo $?; }
show() { admin show "$(serial "$1")" >"$T/out" 2>&1; echo $?; }
all() { # all WHEN N
	for order in newest oldest ending ended; do
		few "$1: a page, $order first" "200 50" page $order
	done
	few "$1: issuing" "" enrol "x$2" "/CN=x$2"
	few "$1: renewing" 200 renew "y$2" "x$2"
	few "$1: looking" 0 show "x$2"
	few "$1: revoking" 0 revoke "x$2"
}
all "as they came" 1
sql "ANALYZE"
all "analyzed" 2
sql "VACUUM"
all "vacuumed" 3
done_testing
