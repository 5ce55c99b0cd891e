#!/bin/sh
# A store in PostgreSQL: what is refused, what happens when it goes away, its
# schema, and the way from SQLite to it and back.
# shellcheck source=tests/op/lib.sh
# shellcheck disable=SC2119 # stop has a signal of its own
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
ca_make pem
pg_make pg
pg_start pg
URL=$(pg_url pg ca)
psql_ca() { pg_sql pg ca "$1"; }
said() { admin "$@" 2>&1 >"$T/said" | tail -n 1; cat "$T/said"; }
holds() { admin audit verify >/dev/null 2>&1; echo $?; }
store_is() { # store_is URL: the CA's, from now on
	sed -i '/^store = /d' "$CONF"
	[ -z "$1" ] || echo "store = \"$1\";" >>"$CONF"
}
fresh() { # fresh NAME: enrol with a new key; the status and the reason
	rm -f "$T/$1.key"
	csr "$1" "/CN=$1"
	fresh_is=$(post device simpleenroll maker-ra "$T/$1.b64")
	case $fresh_is in
	200) certs | openssl x509 -out "$T/$1.pem" && echo 200 ;;
	*) echo "$fresh_is $(reason)" ;;
	esac
}

# ---- what is no store ------------------------------------------------------------
store_is "postgresql://microca:geheim@/ca?host=$T/pg.sock"
like "a password in the URL is refused" "$(said list)" \
	'no password belongs in the store'
is "… and told to nobody" "$(admin check --config 2>&1 | grep -c geheim)" 0
store_is "$URL"
like "a database that is not there" "$(said list)" \
	'cannot be reached.*database "ca" does not exist'
pg_sql pg postgres "CREATE DATABASE ca" || bail "CREATE DATABASE"
like "one that is empty" "$(said list)" 'is empty: "microca init"'
is "… answers nothing" "$(fresh early)" "500 db-missing"
psql_ca "CREATE TABLE other (x int)"
like "one of somebody else's" "$(said list)" 'not a database of microca'
psql_ca "DROP TABLE other"
pg_sql pg postgres "ALTER DATABASE ca SET synchronous_commit = off"
like "one that forgets with the power" "$(said list)" \
	'synchronous_commit is "off"'
pg_sql pg postgres "ALTER DATABASE ca RESET synchronous_commit"
pg_sql pg postgres "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0"
store_is "$(pg_url pg latin)"
like "one that is not UTF-8" "$(said init)" 'server_encoding is "LATIN1"'

# ---- from SQLite to it --------------------------------------------------------------
store_is ""
for n in 1 2 3; do fresh "dev$n" >/dev/null; done
admin revoke --reason keyCompromise "$(openssl x509 -in "$T/dev3.pem" \
	-noout -serial | cut -d= -f2)" >/dev/null 2>&1
csr spare /CN=spare
admin secret add device spare >"$T/secret" 2>/dev/null
SQLITE=sqlite:$T/state/microca.db
rows() { sql "SELECT (SELECT count(*) FROM certificate),
	(SELECT count(*) FROM audit), (SELECT count(*) FROM secret)"; }
before=$(rows | tr '|' ' ')
like "copied" "$(said store copy "$SQLITE" "$URL")" \
	"^postgresql:.*: ${before%% *} certificates, .*counted and verified"
is "… the row of each certificate" "$(psql_ca "SELECT md5(string_agg(
	serial || status || reason || encode(sha256, 'hex'), ',' ORDER BY id))
	FROM certificate")" "$(sql "SELECT serial || status || reason ||
	lower(hex(sha256)) FROM certificate ORDER BY id" | paste -sd, |
	tr -d '\n' | md5sum | cut -d' ' -f1)"
is "… and the copy says so" "$(psql_ca "SELECT event FROM audit
	ORDER BY seq DESC LIMIT 1")" copy
like "not over what is there" "$(said store copy "$SQLITE" "$URL")" \
	'is a database already'
store_is "$URL"
is "it goes on there" "$(fresh dev4)" 200
is "… for one of before" "$(csr dev1 /CN=dev1 && rm "$T/dev1.key" &&
	csr dev1n /CN=dev1 && post device simplereenroll dev1 \
	"$T/dev1n.b64")" 200
is "a compromised key stays so" "$(csr again /CN=dev3 && cp "$T/dev3.key" \
	"$T/again.key" && csr again /CN=dev3 &&
	post device simpleenroll maker-ra "$T/again.b64") $(reason)" \
	"400 key-reuse"
is "the audit holds" "$(holds)" 0
is "status" "$(admin store status --json | jq -r '.schema, .certificates,
	.lanes[0].lane' | xargs)" \
	"$(sql 'SELECT value FROM meta WHERE name = '"'schema'") \
$((${before%% *} + 2)) 0"
like "revoked: on the list" "$(admin crl >/dev/null 2>&1
	openssl crl -in "$T"/public/crl/*.crl -inform DER -noout -text)" \
	"$(openssl x509 -in "$T/dev3.pem" -noout -serial | cut -d= -f2)"
ok "a backup of it" admin backup "$T/backup.tar"
ok "… is whole" admin backup --verify "$T/backup.tar"
like "it is not restored into" "$(said restore "$T/backup.tar")" \
	'then "microca store copy"'

# ---- tampered with ---------------------------------------------------------------------
psql_ca "UPDATE audit SET record = replace(record, 'dev4', 'dev5')
	WHERE record LIKE '%CN=dev4%'"
is "a changed record is found" "$(admin audit verify >"$T/out" 2>&1
	echo $?) $(cut -d: -f1 "$T/out" | head -n 1)" "8 broken"
psql_ca "UPDATE audit SET record = replace(record, 'dev5', 'dev4')
	WHERE record LIKE '%CN=dev5%'"
is "… and made good" "$(holds)" 0
psql_ca "BEGIN; CREATE TABLE kept AS SELECT * FROM certificate
	WHERE subject = 'CN=dev4'; DELETE FROM certificate
	WHERE subject = 'CN=dev4'; COMMIT"
like "a certificate taken away" "$(admin audit verify 2>&1)" \
	'its certificate is not there'
psql_ca "INSERT INTO certificate SELECT * FROM kept; DROP TABLE kept"

# ---- it goes away -------------------------------------------------------------------------
# shellcheck source-path=SCRIPTDIR source=fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"
start simpleenroll
enroll_at() { # enroll_at NAME: at the running program; status and reason
	rm -f "$T/$1.key"
	csr "$1" "/CN=$1"
	send plain simpleenroll REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/simpleenroll" MICROCA_ENDPOINT=device \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/maker-ra.pem")" <"$T/$1.b64"
}
is "a running program" "$(enroll_at live1 | cut -d' ' -f2)" 200
pg_stop pg
is "the database is down" "$(enroll_at live2 | cut -d' ' -f2)" 503
like "… and says when to come back" "$(tr -d '\r' <"$ANSWER")" \
	'^Retry-After: [1-9]'
like "… by its word" "$(cat "$BODY")" '^db-down: '
like "what begins then begins" "$(fresh live3)" '^503 db-down'
pg_start pg
again() { [ "$(enroll_at live2 | cut -d' ' -f2)" = 200 ]; }
ok "it is back: so is the CA, by itself" wait_for 20 again
psql_ca "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE pid <> pg_backend_pid() AND datname = 'ca'" >/dev/null
is "its connections are cut: nobody hears of it" \
	"$(enroll_at live4 | cut -d' ' -f2)" 200
psql_ca "ALTER DATABASE ca SET default_transaction_read_only = on"
psql_ca "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE pid <> pg_backend_pid() AND datname = 'ca'" >/dev/null
is "one that takes no writes is none" \
	"$(enroll_at live5 | cut -d' ' -f2)" 503
PGOPTIONS="-c default_transaction_read_only=off" psql_ca \
	"ALTER DATABASE ca RESET default_transaction_read_only"
ok "until it does" wait_for 20 again
stop

# ---- its schema --------------------------------------------------------------------------
psql_ca "UPDATE meta SET value = '99' WHERE name = 'schema'"
like "a newer schema is refused" "$(said list)" 'a newer microca'
psql_ca "UPDATE meta SET value = '4' WHERE name = 'schema';
	ALTER TABLE audit ADD COLUMN lane BIGINT NOT NULL DEFAULT 0;
	DROP SEQUENCE certificate_id; DROP INDEX certificate_serial;
	CREATE INDEX certificate_serial ON certificate (serial);
	DROP TABLE shelf, retired, crl;
	DROP INDEX certificate_made, certificate_key;
	CREATE INDEX certificate_request ON certificate (request_head);
	CREATE INDEX certificate_key ON certificate (spki_head, compromised)"
like "an older one is not changed in passing" "$(said list)" \
	'"microca store upgrade"'
like "… but by order" "$(said store upgrade)" 'schema [0-9]+: it was 4'
like "… once" "$(said store upgrade)" 'as it was'
psql_ca "SELECT setval('certificate_id', (SELECT max(id) FROM certificate))" \
	>/dev/null
is "… and issues" "$(fresh dev6)" 200

# ---- and back ------------------------------------------------------------------------------
count=$(psql_ca "SELECT count(*) FROM certificate")
like "copied back" "$(said store copy "$URL" "sqlite:$T/state/back.db")" \
	"^sqlite:.*: $count certificates, .*counted and verified"
store_is sqlite:back.db
is "it goes on there" "$(fresh dev7)" 200
is "the audit holds" "$(holds)" 0

# ---- what ended long ago ---------------------------------------------------------------------
store_is "$URL"
echo 'retention = { expired_after = "30d"; };' >>"$CONF"
late() { faketime -f +150d "$BUILDDIR/bin/microca" -c "$CONF" "$@"; }
count=$(psql_ca "SELECT count(*) FROM certificate")
like "certificates leave" "$(late retire --idle 2>&1)" \
	"$((count - 2)) certificates that ended .* were retired"
is "… but the newest, and what a list has to name" \
	"$(psql_ca "SELECT count(*) FROM certificate")" 2
is "… the others are known" "$(psql_ca "SELECT count(*) FROM retired")" \
	"$((count - 2))"
is "the audit holds with them" "$(late audit verify --retired >"$T/said" 2>&1
	echo $?)" 0
cp "$T/dev6.key" "$T/stolen.key"
csr stolen /CN=stolen
like "whose key it was stays known" "$(late issue --profile device \
	"$T/stolen.der" 2>&1)" 'another name'
like "copied, too" "$(said store copy "$URL" "sqlite:$T/state/late.db")" \
	'^sqlite:.*: 2 certificates, .*counted and verified'
is "… each" "$(sqlite3 "$T/state/late.db" "SELECT count(*) FROM retired")" \
	"$((count - 2))"
done_testing
