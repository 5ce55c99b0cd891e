#!/bin/sh
# PostgreSQL's primary with a synchronous standby: the primary is killed under
# load, the standby promoted; nothing that a client received is missing.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
# shellcheck source=tests/op/nodes-lib.sh
. "$SRCDIR/tests/op/nodes-lib.sh"
ca_make pem
pg_make pg "synchronous_standby_names = 'second'" "wal_keep_size = 64MB"
# Nobody to wait for yet.
sed -i 's/^synchronous_standby_names/#&/' "$T/pg/postgresql.conf"
pg_start pg
pg_sql pg postgres "CREATE DATABASE ca"
pg_standby pg second
sed -i 's/^#synchronous_standby_names/synchronous_standby_names/' \
	"$T/pg/postgresql.conf"
pg_sql pg postgres "SELECT pg_reload_conf()" >/dev/null
is_sync() { [ "$(pg_sql pg postgres "SELECT sync_state
	FROM pg_stat_replication")" = sync ]; }
ok "there is a synchronous standby" wait_for 30 is_sync
nodes_make "postgresql://microca@/ca?host=$T/pg.sock,$T/second.sock"
rows_sql() { pg_sql "$live" ca "$1"; }
live=pg
node_start 0 simpleenroll
ln -s "simpleenroll-0.sock" "$T/simpleenroll.sock"

# ---- the primary is killed under load --------------------------------------------------
clients 24
some() { [ "$(rows_sql 'SELECT count(*) FROM certificate')" -ge 5 ]; }
ok "they are being issued" wait_for 60 some
pg_kill pg
live=second
csr between /CN=between
is "in between: 503" "$(ask "$T/simpleenroll.sock" simpleenroll maker-ra \
	between answer)" 503
like "… with Retry-After" "$(cat "$T/between.answer")" '^Retry-After: [1-9]'
"$PG_BIN/pg_ctl" -D "$T/second" -w promote >/dev/null
for one in $clients; do wait "$one"; done
is "no 503 was without it" "$(cat "$T"/c*.said | grep -c Retry)" 0
ok "every client has its certificate, and the new primary has each" each_has 24 1 c
is "the audit holds" "$(at 0 audit verify >/dev/null 2>&1; echo $?)" 0

# ---- a standby that is gone ---------------------------------------------------------------
# Nobody is told of what one machine alone has.
psql -XAtq -h "$T/second.sock" -U microca -d postgres \
	-c "ALTER SYSTEM SET synchronous_standby_names = 'nobody'" \
	-c "SELECT pg_reload_conf()" >/dev/null
csr alone /CN=alone
is "no standby answers: nothing is told" \
	"$(ask "$T/simpleenroll.sock" simpleenroll maker-ra alone answer)" 503
psql -XAtq -h "$T/second.sock" -U microca -d postgres \
	-c "ALTER SYSTEM RESET synchronous_standby_names" \
	-c "SELECT pg_reload_conf()" >/dev/null
told() { [ "$(ask "$T/simpleenroll.sock" simpleenroll maker-ra alone \
	answer)" = 200 ]; }
ok "it does again: the same request gets its certificate" wait_for 30 told
is "… and there is one" "$(rows_sql "SELECT count(*) FROM certificate
	WHERE subject = 'CN=alone'")" 1
done_testing
