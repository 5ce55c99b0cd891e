#!/bin/sh
# microca-upload with a store in PostgreSQL: what is issued and revoked reaches
# the hub, and of those that share the store one tells at a time.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/cloud-lib.sh
. "$SRCDIR/tests/op/cloud-lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"

# shellcheck disable=SC2119 # none but "device"
profiles_write() { cloud_profiles; }
conf_write() { cloud_settings "$1"; }
serial() { openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2; }
says_of() { hub_says | sed -n "s/^$1|\([a-z]*\)|.*/\1/p"; }
told() { hub_says | grep -c "^$1"; }
lease() { sql "SELECT value FROM meta WHERE name = 'uploader'"; }

pg_make pg
pg_start pg
store_at "$T/pg.sock"
ca_make pem
hub_start
cloud_conf '' ''

# ---- told ---------------------------------------------------------------------
for n in 1 2 3; do
	enrol "pump-$n" "/CN=pump-$n" || bail "no certificate: $(cat "$T/log")"
done
is "three wait" "$(open_rows)" 3
is "told" "$(upload)$(same)" 0
is "… each once" "$(open_rows) $(told pump-)" "0 3"
is "nothing is left to tell" "$(upload) $(sed -n \
	's/.*run: done; \([0-9]*\) told.*/\1/p' "$T/upload.log")" "0 0"
admin revoke --reason keyCompromise "$(serial pump-2)" >/dev/null 2>&1
is "revoked: told" "$(upload)$(same)" 0
is "… that device alone is disabled" \
	"$(says_of pump-1) $(says_of pump-2) $(says_of pump-3)" \
	"enabled disabled enabled"
rm "$T/pump-2.key"
enrol pump-2 /CN=pump-2
is "enrolled anew: enabled again" "$(upload)$(same) $(says_of pump-2)" \
	"0 enabled"

# ---- more than a page ------------------------------------------------------------
fill issue d 1 250
fill issue d 11 10
fill revoke d 21 10
is "a backlog" "$(open_rows)" 270
is "… is told" "$(upload)$(same)" 0
is "… wholly" "$(open_rows)" 0
enrol pump-4 /CN=pump-4
is "what is issued after it" "$(upload) $(says_of pump-4)" "0 enabled"

# ---- of many, one -------------------------------------------------------------
cp -R "$T/state" "$T/state1"
mkdir "$T/run1"
fill issue e 1 100
cp "$CONF" "$T/kept.conf"
RATE=300
cloud_conf '' 'bulk = false;'
{
	sed -e "s,\"$T/state\",\"$T/state1\",; s,\"$T/run\",\"$T/run1\"," "$CONF"
	echo "node = 1;"
} >"$T/node1.conf"
"$UPLOAD" -c "$CONF" 2>"$T/first.log" &
first=$!
told_some() { [ "$(told e0)" -ge 3 ]; }
ok "one is at work" wait_for 30 told_some
is "a second one of that node ends at once" "$(upload)" 7
like "… and says why" "$(cat "$T/upload.log")" 'running already'
like "… the first one still has the word" "$(lease)" ' node 0$'
is "so one of another node leaves it to it" "$(
	"$UPLOAD" -c "$T/node1.conf" 2>"$T/upload.log"
	echo $?)" 0
like "… and says so" "$(cat "$T/upload.log")" 'another node uploads'
ok "… while it is still at work" kill -TERM $first
wait $first
is "it ends when it has to" $? 7
is "what was told is recorded" "$(open_rows)" "$((100 - $(told e0)))"
is "nobody has the word" "$(lease)" ""
sed -i 's/^rate = 300;/rate = 0;/' "$T/node1.conf"
is "then another node goes on" "$(
	"$UPLOAD" -c "$T/node1.conf" 2>"$T/upload.log"
	echo $?)$(same)" 0
is "… to the end" "$(open_rows) $(lease)" "0 "
cp "$T/kept.conf" "$CONF"

# ---- not taken ----------------------------------------------------------------
hub_put f00001 '"status":"enabled","authentication":{"type":"sas"}'
fill issue f 1 2
is "one device is somebody else's" "$(upload)" 8
is "… the other one is told" "$(open_rows) $(says_of f00002) $(dead_letters)" \
	"1 enabled 1"
is "… it is not tried again" "$(upload) $(open_rows)" "0 1"
is "dropped" "$(admin cloud drop --text theirs f00001) $(open_rows)" \
	"f00001: dropped 0"

ok "the audit holds" admin audit verify

# ---- a backup that is put back, and copied into an empty database -----------------
standing() { admin cloud status --json | jq -r 'has("restored")'; }
store_is() { sed -i "s,^\(.*disk_reserve = \"1M\";\).*,\1 store = \"$1\";," "$CONF"; }
ok "a backup" admin backup "$T/it.tar"
fill issue r 1 1
is "told since" "$(upload) $(standing)" "0 false"
store_is sqlite:again.db
ok "restored into SQLite" admin restore --accept-loss "$T/it.tar"
is "it is to be compared" "$(standing)" true
psql -Xq -h "$STORE_HOST" -U microca -d postgres -c "CREATE DATABASE again" ||
	bail "CREATE DATABASE"
store_name=again
like "copied into an empty one" "$(admin store copy "sqlite:$T/state/again.db" \
	"$(pg_url pg again)" 2>&1)" 'counted and verified'
store_is "$(pg_url pg again)"
is "the copy is to be compared, too" "$(standing)" true
is "a run takes nothing back" "$(upload) $(standing)" "0 true"
like "reconcile lists what is lost" "$(admin cloud reconcile --json |
	jq -r '.differences[] | .device + " " + .difference' | xargs)" \
	'r00001 unknown'
admin cloud reconcile --repair >"$T/out" 2>&1
is "once seen to, it is compared" "$(standing)" false
rm -f "$T/pump-5.key"
enrol pump-5 /CN=pump-5
is "it goes on there" "$(upload) $(says_of pump-5)" "0 enabled"
ok "the audit holds there" admin audit verify
done_testing
