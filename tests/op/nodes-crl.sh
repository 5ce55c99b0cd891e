#!/bin/sh
# Three nodes with one key over one PostgreSQL, all of which make revocation lists:
# one number is one list, and none goes back.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
# shellcheck source=tests/op/nodes-lib.sh
. "$SRCDIR/tests/op/nodes-lib.sh"
nodes_store
nodes_make "$(pg_url pg ca)"
KEYID=$(openssl x509 -in "$T/ca.pem" -noout -ext subjectKeyIdentifier |
	tail -n 1 | tr -d ' :' | tr A-F a-f)
list_of() { [ "$1" = 0 ] && echo "$T/public/crl/$KEYID.crl" ||
	echo "$T/public$1/crl/$KEYID.crl"; }
number() { openssl crl -inform DER -in "$1" -noout -crlnumber |
	sed 's/.*=0x//'; }
# all ARGUMENT...: microca crl at all nodes at once; what each said is in $T/said-N.
all() {
	pids=
	for n in 0 1 2; do
		at $n crl --json "$@" >"$T/said-$n" 2>"$T/err-$n" &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || echo "$*" >>"$T/failed"
	done
	for n in 0 1 2; do
		number "$(list_of $n)" >>"$T/numbers-$n"
		jq -r '.[] | select(.made) | .number' "$T/said-$n" >>"$T/made"
	done
}
same() { cmp -s "$(list_of 0)" "$(list_of 1)" &&
	cmp -s "$(list_of 0)" "$(list_of 2)"; }

# ---- when there is something new ----------------------------------------------------
ROUNDS=5
for n in $(seq $ROUNDS); do
	csr "r$n" "/CN=r$n"
	at 0 issue --profile device -o "$T/r$n.pem" "$T/r$n.der"
	openssl x509 -in "$T/r$n.pem" -noout -serial | cut -d= -f2 >"$T/serial"
	at $((n % 3)) revoke "$(cat "$T/serial")"
	all
	same || echo "$n" >>"$T/differ"
	openssl crl -inform DER -in "$(list_of $((n % 3)))" -noout -text |
		grep -q "$(cat "$T/serial")" || echo "$n" >>"$T/without"
done >"$T/setup.log" 2>&1
ok "none failed" test ! -e "$T/failed"
ok "each round all nodes publish one and the same list" test ! -e "$T/differ"
ok "… that names what was revoked before" test ! -e "$T/without"
is "… and one node made it" "$(grep -c . "$T/made")" $ROUNDS

# ---- all want one of their own --------------------------------------------------------
for n in $(seq $ROUNDS); do all --force; done
is "forced, each gets its own" "$(grep -c . "$T/made")" $((4 * ROUNDS))
is "no number came twice" "$(sort "$T/made" | uniq -d)" ""
recorded() { rows_sql "SELECT substring(record from 'revocation list (\d+)')
	FROM audit WHERE event = 'crl'"; }
is "each was recorded, once" "$(recorded | sort)" "$(sort "$T/made")"
for n in 0 1 2; do
	is "node $n never went back" "$(sort -c "$T/numbers-$n" 2>&1)" ""
done
all
ok "the next run without: all have the last" same
is "… which the store knows" "$(number "$(list_of 0)")" \
	"$(rows_sql "SELECT upper(to_hex(number)) FROM crl" | sed 's/^\(\(..\)*.\)$/0\1/')"
ok "it is signed" openssl crl -inform DER -in "$(list_of 2)" -noout \
	-CAfile "$T/ca.pem"

# ---- a node that has an older one ------------------------------------------------------
cp "$(list_of 1)" "$T/old.crl"
at 0 crl --force >"$T/out" 2>&1
ok "node 0 has another" test "$(number "$(list_of 0)")" != "$(number "$T/old.crl")"
is "node 1 makes none" "$(at 1 crl --json | jq '.[0].made')" false
ok "… but publishes that one" cmp "$(list_of 0)" "$(list_of 1)"
rm "$(list_of 1)"
is "one whose file is lost has it back" "$(at 1 crl --json | jq '.[0].made')" false
ok "… the same" cmp "$(list_of 0)" "$(list_of 1)"
rows_sql "UPDATE crl SET number = number + 1, der = decode('3003020101', 'hex')"
is "what is no list of this key is not published: another is made" \
	"$(at 1 crl --json 2>"$T/err" | jq '.[0].made')" true
ok "… a good one" openssl crl -inform DER -in "$(list_of 1)" -noout \
	-CAfile "$T/ca.pem"

# ---- one folder for all -----------------------------------------------------------------
rm -rf "$T/public1/crl" "$T/public2/crl"
ln -s "$T/public/crl" "$T/public1/crl"
ln -s "$T/public/crl" "$T/public2/crl"
(while [ ! -e "$T/enough" ]; do number "$(list_of 0)"; done) >"$T/seen" 2>"$T/err" &
watcher=$!
for n in $(seq $ROUNDS); do all --force; done
: >"$T/enough"
wait $watcher
is "a folder that they share never goes back" "$(sort -c "$T/seen" 2>&1)" ""
is "… and has the last" "$(number "$(list_of 0)")" \
	"$(rows_sql "SELECT upper(to_hex(number)) FROM crl" | sed 's/^\(\(..\)*.\)$/0\1/')"
is "the audit holds" "$(at 0 audit verify >"$T/out" 2>&1; echo $?)" 0
done_testing
