#!/bin/sh
# An older PostgreSQL database is put in the place of the one that two nodes
# share: both notice, by their heads and lists, and by what each of them keeps in
# the token that they share where all of their disks was put back as well.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
# shellcheck source=tests/op/nodes-lib.sh
. "$SRCDIR/tests/op/nodes-lib.sh"
if ! command -v softhsm2-util >/dev/null || ! softhsm_find; then
	[ "${CI:-}" = true ] && bail "no SoftHSM"
	echo "1..0 # SKIP no SoftHSM"
	exit 0
fi
# shellcheck disable=SC2034
TOKEN=softhsm # for ca_make()
nodes_store
nodes_make "$(pg_url pg ca)"
alone() { # nobody is in that database
	pg_sql pg postgres "SELECT pg_terminate_backend(pid)
		FROM pg_stat_activity WHERE datname = '$1'" >/dev/null
}
keep() { # keep NAME: a copy of the database
	alone ca
	pg_sql pg postgres "CREATE DATABASE $1 TEMPLATE ca"
}
put_back() { # put_back NAME: what was here is gone
	pg_sql pg postgres "ALTER DATABASE ca ALLOW_CONNECTIONS false" &&
		alone ca && pg_sql pg postgres "DROP DATABASE ca WITH (FORCE)" &&
		pg_sql pg postgres "CREATE DATABASE ca TEMPLATE $1"
}
word() { sed '1,/^\r*$/d' "$T/$1.answer" | sed 's/:.*//' | head -n 1; }
asked() { # asked N NAME: status and reason
	csr "$2" "/CN=$2"
	asked_is=$(ask "$T/simpleenroll-$1.sock" simpleenroll maker-ra "$2" answer)
	[ "$asked_is" != 200 ] || received "$2" answer >"$T/$2.pem"
	echo "$asked_is $([ "$asked_is" = 200 ] || word "$2")"
}
behind() { grep -q 'nothing is issued or answered' "$T/simpleenroll-$1.log"; }
on_again() { [ "$(asked "$1" "$2")" = "200 " ]; }
rc_of() {
	"$@" >"$T/out" 2>&1
	echo "$?"
}
serial_of() { openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2; }
live() { # live NAME...: each node issues one more, one is revoked, heads of that
	for n in 0 1; do
		at $n issue --endpoint device -o "$T/$1$n.pem" "$T/$1$n.der" || return
	done
	at 0 revoke "$(serial_of "${1}1")" && at 0 crl --force &&
		at 0 audit head && at 1 audit head
}
both() { for n in 0 1; do "$@" $n || return; done; }
begin() { node_start "$1" simpleenroll; }
end() { kill "$(cat "$T/simpleenroll-$1.pid")" && wait_for 20 sh -c \
	"! kill -0 $(cat "$T/simpleenroll-$1.pid")"; }
label() { # what that node has in the token
	pkcs11-tool --module "$MODULE" --token-label op-test --login \
		--pin 987654 --list-objects --type data 2>/dev/null |
		grep -c "label: *'microca audit issuer $1'"
}
for n in a0 a1 b0 b1 c0 c1; do csr $n /CN=$n; done

live a >"$T/setup.log" 2>&1 || bail "a"
is "each node has a counter of its own in the token" "$(label 0) $(label 1)" \
	"1 1"
is "… which covers the lanes of both" "$(wc -l <"$T/state/counter") $(
	wc -l <"$T/state1/counter")" "3 3"
mkdir "$T/image"
image() { (cd "$T" && rm -rf image && mkdir image &&
	cp -a state state1 public public1 image); }
disk_back() { (cd "$T" && rm -rf state state1 public public1 &&
	cp -a image/* .); }
image
keep old || bail "a copy"
live b >"$T/setup.log" 2>&1 || bail "b"
keep new || bail "a copy"

# ---- the database alone
both begin
is "both issue" "$(asked 0 d0) $(asked 1 d1)" "200  200 "
put_back old || bail "put back"
ok "exchanged while they run: node 0 notices" wait_for 30 behind 0
ok "… node 1" wait_for 30 behind 1
is "… nothing is issued" "$(asked 0 e0) $(asked 1 e1)" \
	"503 db-behind 503 db-behind"
for n in 0 1; do
	is "… check of node $n says so" "$(rc_of at $n check) $(
		grep -c '^FAIL: the store is not behind what was signed' \
			"$T/out")" "8 1"
	is "… no head, no list, no certificate by hand" "$(
		rc_of at $n audit head) $(rc_of at $n crl --force) $(
		rc_of at $n issue --endpoint device -o "$T/x.pem" \
			"$T/c$n.der")" "7 7 7"
done
put_back new || bail "put back"
ok "the right one again: node 0 goes on by itself" wait_for 30 on_again 0 f0
ok "… node 1" wait_for 30 on_again 1 f1

# ---- the loss is taken, at each node
put_back old || bail "put back"
ok "the older one: node 1 notices" wait_for 30 behind 1
is "audit gap at node 0, then at node 1" "$(rc_of at 0 audit gap) $(
	rc_of at 1 audit gap)" "0 0"
ok "… node 0 goes on by itself" wait_for 30 on_again 0 g0
ok "… node 1" wait_for 30 on_again 1 g1
is "… the audit verifies at both" "$(rc_of at 0 audit verify) $(
	rc_of at 1 audit verify)" "0 0"
is "… heads go on" "$(rc_of at 0 audit head) $(rc_of at 1 audit head)" "0 0"
both end

# ---- the database, and the disks of both nodes
image
alone old
pg_sql pg postgres "DROP DATABASE old"
keep old || bail "a copy"
live c >"$T/setup.log" 2>&1 || bail "c"
disk_back
put_back old || bail "put back"
both begin
is "all is put back: the token tells each of them" "$(asked 0 h0) $(
	asked 1 h1)" "503 db-behind 503 db-behind"
for n in 0 1; do
	is "… check of node $n says so" "$(rc_of at $n check) $(
		grep -c '^FAIL: the store is not behind what the token counts' \
			"$T/out")" "8 1"
done
is "audit gap at node 0" "$(rc_of at 0 audit gap)" 0
ok "… it goes on by itself" wait_for 30 on_again 0 i0
is "… node 1 has its own to take" "$(asked 1 i1)" "503 db-behind"
is "audit gap at node 1" "$(rc_of at 1 audit gap)" 0
ok "… it goes on by itself" wait_for 30 on_again 1 j1
is "… the audit verifies" "$(rc_of at 0 audit verify)" 0
is "… heads go on" "$(rc_of at 0 audit head) $(rc_of at 1 audit head)" "0 0"
done_testing
