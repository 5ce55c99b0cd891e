#!/bin/sh
# Two nodes over one PostgreSQL, each with a key and an intermediate of its own:
# what one issued is renewed at the other, when an operator says that it may.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
# shellcheck source=tests/op/nodes-lib.sh
. "$SRCDIR/tests/op/nodes-lib.sh"
nodes_store
nodes_own "$(pg_url pg ca)" 1
word() { sed '1,/^\r*$/d' "$T/$1.answer" | sed 's/:.*//' | head -n 1; }
keyid() { openssl x509 -in "$T/$1.pem" -noout -ext subjectKeyIdentifier |
	tail -n 1 | tr -d ' :' | tr A-F a-f; }
serial() { openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2; }
# enrol_at N NAME: by the manufacturer; status and reason.  And renew_at N CLIENT
# NAME, whose subject is the client's.
enrol_at() {
	csr "$2" "/CN=$2"
	enrol_is=$(ask "$T/simpleenroll-$1.sock" simpleenroll maker-ra "$2" answer)
	[ "$enrol_is" != 200 ] || received "$2" answer >"$T/$2.pem"
	echo "$enrol_is"
}
renew_at() {
	csr "$3" "/$(openssl x509 -in "$T/$2.pem" -noout -subject -nameopt RFC2253 |
		sed 's/^subject=//')"
	renew_is=$(ask "$T/simplereenroll-$1.sock" simplereenroll "$2" "$3" answer)
	case $renew_is in
	200) received "$3" answer >"$T/$3.pem" && echo 200 ;;
	*) echo "$renew_is $(word "$3")" ;;
	esac
}
for n in 0 1; do
	node_start $n simpleenroll
	node_start $n simplereenroll
done

# ---- nobody is trusted who is not named ---------------------------------------------
is "a device of node 0" "$(enrol_at 0 a)" 200
is "a device of node 1" "$(enrol_at 1 b)" 200
ok "each node has an issuer of its own" openssl verify -partial_chain \
	-trusted "$T/ca-1.pem" "$T/b.pem"
is "node 1 does not know the other's issuer" "$(renew_at 1 a a0)" \
	"403 client-untrusted"

unknown() { grep -c "key $(keyid "$1"),* .*unknown to this node" "$2"; }
at 1 check >"$T/out" 2>&1
is "… check says which, and nothing of its own" "$(unknown ca-0 "$T/out") $(
	unknown ca-1 "$T/out")" "1 0"
is "… and so does the log, with the refusal" "$(
	unknown ca-0 "$T/simplereenroll-1.log")" 1
is "… nothing of it goes to the client" "$(grep -c "$(keyid ca-0)" \
	"$T/a0.answer")" 0
is "a stranger's is in no store" "$(openssl req -x509 -newkey ec -pkeyopt \
	ec_paramgen_curve:P-256 -nodes -keyout "$T/stray.key" \
	-out "$T/stray.pem" -subj /CN=stray -addext \
	basicConstraints=critical,CA:FALSE 2>/dev/null
	renew_at 1 stray s0) $(grep -c 'is unknown to this node' \
	"$T/simplereenroll-1.log")" "403 client-untrusted 1"

# ---- the operators name each other's -------------------------------------------------
peers 1 0
renewed() { [ "$(renew_at 1 a a1)" = 200 ]; }
ok "it is named: node 1 renews what node 0 issued, without a restart" \
	wait_for 10 renewed
ok "… under its own issuer" openssl verify -partial_chain \
	-trusted "$T/ca-1.pem" "$T/a1.pem"
is "node 0 names nobody: it does not take that" "$(renew_at 0 a1 a2)" \
	"403 client-untrusted"
peers 0 1
back() { [ "$(renew_at 0 a1 a2)" = 200 ]; }
ok "it does: renewed there and back" wait_for 10 back
ok "… under that one's issuer" openssl verify -partial_chain \
	-trusted "$T/ca-0.pem" "$T/a2.pem"
is "one holder, whatever the node" "$(rows_sql "SELECT count(DISTINCT owner)
	FROM certificate WHERE subject = 'CN=a'")" 1
is "its name is taken at the other, too" "$(csr thief /CN=a
	leaf_make other-ra maker "/CN=Line 2 RA" 2>/dev/null
	ask "$T/simpleenroll-1.sock" simpleenroll other-ra thief answer) $(
	word thief)" "403 name-taken"
is "the other's own name is nobody's" "$(csr ca "/CN=Op Test CA 1"
	ask "$T/simpleenroll-0.sock" simpleenroll maker-ra ca answer) $(
	word ca)" "403 name-policy"
cp "$T/issuer-1.key" "$T/key.key"
is "… nor is its key" "$(csr key /CN=key
	ask "$T/simpleenroll-0.sock" simpleenroll maker-ra key answer) $(
	word key)" "400 key-reuse"
openssl req -new -key "$T/b.key" -subj /CN=b -out "$T/b.csr"
printf '%s\n' basicConstraints=critical,CA:FALSE \
	keyUsage=critical,digitalSignature extendedKeyUsage=clientAuth >"$T/leaf.ext"
openssl x509 -req -in "$T/b.csr" -CA "$T/ca-1.pem" -CAkey "$T/issuer-1.key" \
	-CAcreateserial -days 30 -extfile "$T/leaf.ext" -out "$T/forged.pem" \
	2>/dev/null
is "what a peer signed and nobody recorded is nothing" \
	"$(renew_at 0 forged f1)" "403 client-unknown"

# ---- revoked is revoked at both, at once ------------------------------------------------
is "a verdict of node 1 is remembered" "$(renew_at 1 a2 a3)" 200
at 0 revoke --reason keyCompromise "$(serial a2)" >"$T/out" 2>&1
is "revoked at node 0: node 1 refuses it in the same moment" \
	"$(renew_at 1 a2 a4)" "403 client-revoked"
at 1 revoke --reason superseded "$(serial a)" >"$T/out" 2>&1
is "revoked at node 1, and it was node 0's" "$(renew_at 0 a a5)" \
	"403 client-revoked"

# ---- lists and answers are of one key ----------------------------------------------------
for n in 0 1; do at $n crl >"$T/out" 2>&1 || bail "crl"; done
listed() { openssl crl -inform DER -in "$1" -noout -text |
	grep -c "$(serial "$2")"; }
is "node 0's list names what its key signed, by whomever revoked" \
	"$(listed "$T/public/crl/$(keyid ca-0).crl" a) $(
	listed "$T/public/crl/$(keyid ca-0).crl" a2)" "1 1"
is "node 1 has no list of that key, and none of it on its own" "$(
	ls "$T/public1/crl") $(listed "$T/public1/crl/$(keyid ca-1).crl" a2)" \
	"$(keyid ca-1).crl 0"
for n in 0 1; do
	at $n ocsp >"$T/out" 2>&1 || bail "ocsp"
	node_start $n ocsp
done
# ocsp_at N ISSUER NAME: what openssl says of the answer.
ocsp_at() {
	openssl ocsp -issuer "$T/$2.pem" -no_nonce -cert "$T/$3.pem" \
		-reqout "$T/rq" >/dev/null 2>&1
	"$CLIENT" -w 15 "$T/ocsp-$1.sock" REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request <"$T/rq" 2>/dev/null |
		sed '1,/^\r*$/d' >"$T/said"
	openssl ocsp -issuer "$T/$2.pem" -cert "$T/$3.pem" -respin "$T/said" \
		-no_nonce -CAfile "$T/root.pem" -verify_other "$T/$2.pem" 2>&1 |
		grep -oE 'unauthorized|: (good|revoked)' | tr -d ': '
}
is "node 0 answers for its own" "$(ocsp_at 0 ca-0 a2)" revoked
is "node 1 does not for the other's" "$(ocsp_at 1 ca-0 a2)" unauthorized

# ---- what clients are told ------------------------------------------------------------------
for n in 0 1; do
	public=$T/public$n
	[ $n != 0 ] || public=$T/public
	cp "$public/chain.pem" "$T/chain$n.pem"
	is "cacerts of node $n: both issuers, its own first, and the root once" \
		"$(openssl crl2pkcs7 -nocrl -certfile "$T/chain$n.pem" |
		openssl pkcs7 -print_certs -noout | sed -n 's/^subject=//p' |
		sed 's/ //g;s/,O=Example//' | xargs)" "$(case $n in
		0) echo "CN=OpTestCA CN=OpTestCA1 CN=OpTestRoot" ;;
		*) echo "CN=OpTestCA1 CN=OpTestCA CN=OpTestRoot" ;;
		esac)"
	ok "… and its bundle of client CAs has them" openssl verify \
		-CAfile "$public/client-ca-device.pem" "$T/a3.pem" "$T/b.pem"
done
is "the list of issuers tells of it" "$(at 0 issuers --json |
	jq -r '.[] | .state + " " + .subject' | tail -n 1)" "peer CN=Op Test CA 1"
is "a chain is found here for what was issued there" "$(at 0 show --chain \
	"$(serial b)" | grep -c BEGIN)" 3
is "check finds no issuer that is unknown" \
	"$(at 0 check 2>&1 | grep -c 'unknown to this node')" 0
is "check is content" "$(at 0 check 2>&1 | grep -ciE '^not ok.*(chain|published)')" 0
: >"$T/peers0/bad.pem"
like "a file that is none is said" "$(at 0 check 2>&1)" \
	'^FAIL: issuers of other nodes .*bad.pem'
rm "$T/peers0/bad.pem"
mv "$T/peers0" "$T/away"
at 0 check >"$T/out" 2>&1
like "so is a folder that is not there" "$(cat "$T/out")" \
	'^FAIL: issuers of other nodes .*: ca.peers: the folder cannot be read'
ok "… and the node's own chain is complete" grep -q \
	'^ok: the chain is complete' "$T/out"
mv "$T/away" "$T/peers0"

# ---- what ended long ago -----------------------------------------------------------------
for n in 0 1; do
	echo 'retention = { expired_after = "30d"; };' >>"$T/node$n.conf"
done
csr newest /CN=newest
at 1 issue --profile device -o "$T/newest.pem" "$T/newest.der" >"$T/out" 2>&1
late() { # late N COMMAND...: microca of that node after the end of all
	late_n=$1
	shift
	faketime -f +150d "$BUILDDIR/bin/microca" -c "$T/node$late_n.conf" "$@"
}
is_there() { rows_sql "SELECT count(*) FROM certificate WHERE serial = '$1'"; }
late 1 retire --idle >"$T/out" 2>&1
is "node 1 leaves what was revoked of node 0's key to that one's lists" \
	"$(is_there "$(serial a)") $(is_there "$(serial a2)")" "1 1"
late 0 crl >"$T/out" 2>&1
late 0 crl --force >"$T/out" 2>&1
late 0 retire --idle >"$T/out" 2>&1
is "node 0 retires it when its list was made" \
	"$(is_there "$(serial a)") $(is_there "$(serial a2)")" "0 0"

rm "$T/peers0/1.pem"
gone() { [ "$(renew_at 0 b b9)" = "403 client-untrusted" ]; }
ok "a peer that is taken away is trusted no more" wait_for 10 gone
done_testing
