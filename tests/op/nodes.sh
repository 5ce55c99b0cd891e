#!/bin/sh
# Three nodes behind HAProxy over one PostgreSQL, and one of them is killed.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
# shellcheck source=tests/op/nodes-lib.sh
. "$SRCDIR/tests/op/nodes-lib.sh"
command -v haproxy >/dev/null || PATH=$PATH:/usr/sbin
nodes_store
nodes_make "$(pg_url pg ca)"
for n in 0 1 2; do node_start $n simpleenroll; done
balance simpleenroll

# ---- a node is killed under load ----------------------------------------------------
clients 24
some() { [ "$(rows_sql 'SELECT count(*) FROM certificate')" -ge 5 ]; }
ok "they are being issued" wait_for 60 some
kill -KILL "$(cat "$T/simpleenroll-1.pid")"
for one in $clients; do wait "$one"; done
ok "every client has exactly one certificate, the recorded one" each_has 24 1 c
is "serial numbers are unique" "$(rows_sql "SELECT count(*) = count(DISTINCT
	serial) FROM certificate")" t
is "no answer was an error of ours" "$(cat "$T"/c*.said |
	grep -cvE '^(200|503|none)$')" 0
ok "the nodes that live wrote to lanes of their own" \
	[ "$(issued_by 0)" -gt 0 -a "$(issued_by 2)" -gt 0 ]
is "one chain: all lanes hold" "$(at 2 audit verify >/dev/null 2>&1; echo $?)" 0
like "one head covers them" "$(at 0 audit head 2>&1 >/dev/null
	jq -r '.head' "$T/state/heads/local" | jq -c '[.lanes[].lane]')" \
	'^\[0,(1,)?2\]'
is "… and verifies" "$(at 0 audit verify >/dev/null 2>&1; echo $?)" 0

# ---- what one did, the others know ---------------------------------------------------
ask "$T/simpleenroll-0.sock" simpleenroll maker-ra c1 again >/dev/null
is "the same request at another node: the same answer" \
	"$(received c1 again)" "$(cat "$T/c1.pem")"
node_start 2 simplereenroll
rm "$T/c1.key"
csr c1n /CN=c1
is "renewed at another node" \
	"$(ask "$T/simplereenroll-2.sock" simplereenroll c1 c1n answer)" 200
serial=$(openssl x509 -in "$T/c2.pem" -noout -serial | cut -d= -f2)
at 0 revoke "$serial" >/dev/null 2>&1
csr c2n /CN=c2
is "revoked here, refused there, at once" "$(ask \
	"$T/simplereenroll-2.sock" simplereenroll c2 c2n answer) $(sed \
	'1,/^\r*$/d' "$T/c2n.answer" | sed 's/:.*//')" "403 client-revoked"

# ---- the same at two nodes at once -----------------------------------------------------
for n in 1 2 3 4 5 6; do
	csr "twin$n" "/CN=twin$n"
	for node in 0 2; do
		ask "$T/simpleenroll-$node.sock" simpleenroll maker-ra \
			"twin$n" "at$node" >/dev/null &
		eval "ask$node=$!"
	done
	# shellcheck disable=SC2154 # eval
	wait "$ask0" "$ask2"
	received "twin$n" at0 >"$T/x0" && received "twin$n" at2 >"$T/x2" &&
		cmp -s "$T/x0" "$T/x2" || echo "twin$n" >>"$T/differ"
done
ok "one request at two nodes at once is one certificate" test ! -e "$T/differ"
is "… and one row" "$(rows_sql "SELECT count(*) FROM certificate
	WHERE subject LIKE 'CN=twin%'")" 6
done_testing
