#!/bin/sh
# An older database is put in the place of this CA's, not by microca restore:
# that is noticed, and nothing is issued, listed or answered from it.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/../op/fcgi.sh"
db=$T/state/microca.db
old() { # old NAME: what is there is kept as that
	sqlite3 "$db" "VACUUM INTO '$T/$1.db'"
}
put_back() { # as a backup program does it, that knows nothing of us
	rm -f "$db-wal" "$db-shm"
	cp "$T/$1.db" "$db.new" && mv "$db.new" "$db"
}
asked() { # asked NAME: a fresh request
	csr "$1" "/CN=$1" && send_csr plain "$T/$1.b64"
}
serial_of() { openssl x509 -in "$T/$1.pem" -noout -serial | sed 's/.*=//'; }
health_is() {
	cgi health REQUEST_METHOD=GET REQUEST_URI=/health \
		REMOTE_ADDR=127.0.0.1 </dev/null >/dev/null
	grep -q -e "$1" "$T/body"
}
checked() {
	admin check | grep -q '^ok: the store is not behind what was signed'
}
rc_of() { # rc_of COMMAND...: "status reason"
	"$@" >"$T/out" 2>&1
	echo "$?"
}
status_of() { # what the responder says of a certificate
	openssl ocsp -issuer "$T/ca.pem" -cert "$T/$1.pem" -no_nonce \
		-reqout "$T/ocsp.der" 2>/dev/null
	cgi ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request <"$T/ocsp.der"
}

ca_make pem
for d in one two; do
	enrol $d /CN=$d || bail "enrol"
done
admin ocsp >/dev/null || bail "ocsp"
old before
admin revoke "$(serial_of two)" >/dev/null || bail "revoke"
admin crl >/dev/null || bail "crl"
list=$(echo "$T"/public/crl/*.crl)
cp "$list" "$T/list.crl"

# ---- without a head nobody can know, and nobody is kept from working
put_back before
start simpleenroll
is "no head was signed: nothing is noticed" "$(asked three)" "0 200 "
stop TERM
old between
is "a head is signed" "$(rc_of admin audit head)" 0
ok "check lets it be" checked
start simpleenroll
is "… and issue" "$(asked four)" "0 200 "
stop TERM
enrol five /CN=five || bail "enrol"
admin revoke "$(serial_of five)" >/dev/null || bail "revoke"
admin crl >/dev/null && cp "$list" "$T/list.crl"
admin audit head >/dev/null || bail "head"
is "the responder says of one that it is good" "$(status_of one)" 200
old after

# ---- put back while nothing runs
put_back between
n=$(issued)
start simpleenroll
is "an older database: nothing is issued" "$(asked six)" "0 503 db-behind"
is "… none is recorded" "$(issued)" "$n"
ok "… Retry-After" grep -qi '^Retry-After: [1-9]' "$ANSWER"
ok "… the log says which record is missing" grep -q \
	'nothing is issued or answered.*the last head tells of record' \
	"$T/simpleenroll.log"
ok "… health says down" wait_for 15 health_is \
	'^down: db-behind: simpleenroll: '
ok "microca check says so" sh -c "! '$BUILDDIR/bin/microca' -c '$CONF' \
	check >'$T/check' 2>&1 && grep -q 'older than what this CA has signed' \
	'$T/check'"
is "no list is made" "$(rc_of admin crl --force)" 7
ok "… the one that names the revoked one stays" cmp "$list" "$T/list.crl"
is "the responder does not call the revoked one good" "$(status_of five)" 503
is "no certificate by hand" "$(rc_of admin issue --endpoint device \
	-o "$T/hand.pem" "$T/six.der")" 7
is "no head is signed" "$(rc_of admin audit head)" 4
is "audit verify names what is missing" "$(rc_of admin audit verify)" 8
ok "what only looks works: list" admin list

# ---- the right one put back: all goes on, as it was
stop TERM
put_back after
start simpleenroll
is "the right database again" "$(asked seven)" "0 200 "
ok "… and check" checked

# ---- exchanged under a running program
put_back between
ok "exchanged while it runs: health says down" wait_for 30 health_is \
	'^down: db-behind: simpleenroll: '
is "… nothing is issued" "$(asked eight)" "0 503 db-behind"

# ---- the operator takes the loss: recorded, and no restart is needed, even if
# what the program has read changed as well
touch "$CONF"
is "microca audit gap" "$(rc_of admin audit gap)" 0
ok "… goes on by itself" wait_for 20 sh -c "grep -q 'not behind any more' \
	'$T/simpleenroll.log'"
is "… issues" "$(asked eight)" "0 200 "
ok "… check" checked
is "… the audit verifies, and tells of the gap" "$(rc_of admin audit verify)
$(grep -c 'gaps are recorded' "$T/out")" "0
1"
is "a head is signed again" "$(rc_of admin audit head)" 0
stop TERM

# ---- the whole state folder is put back, heads and all: the list tells
is "a list, and a backup" "$(rc_of admin crl --force) \
$(rc_of admin backup "$T/it.tar")" "0 0"
for one in nine ten; do
	enrol $one /CN=$one || bail "enrol"
done
sqlite3 "$db" "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
cp -a "$T/state" "$T/image"
image_back() {
	rm -rf "$T/state" && cp -a "$T/image" "$T/state"
}
start simpleenroll
is "with heads and list of its own time nothing is wrong" "$(asked eleven)" \
	"0 200 "
stop TERM
image_back
for one in nine ten; do
	admin revoke "$(serial_of $one)" >/dev/null || bail "revoke"
done
enrol twelve /CN=twelve || bail "enrol"
admin revoke "$(serial_of twelve)" >/dev/null || bail "revoke"
admin crl >/dev/null || bail "crl"
admin audit head >/dev/null || bail "head"
cp "$list" "$T/list.crl"
image_back
start simpleenroll
is "an image of the state folder: nothing is issued" "$(asked thirteen)" \
	"0 503 db-behind"
ok "… the log says by which list" grep -q \
	'list [0-9]* of key [0-9a-f]* is published, and the database knows none' \
	"$T/simpleenroll.log"
is "… no list is made" "$(rc_of admin crl --force)" 7
ok "… the one that names the revoked ones stays" cmp "$list" "$T/list.crl"
is "… the responder says nothing" "$(status_of nine)" 503
ok "… check says so" sh -c "! '$BUILDDIR/bin/microca' -c '$CONF' check \
	>'$T/check' 2>&1 && grep -q 'older than what this CA has published' \
	'$T/check'"
revoked_in_list() {
	openssl crl -inform DER -in "$list" -noout -text >"$T/listed"
	for one in nine ten twelve; do
		grep -q "$(serial_of "$one")" "$T/listed" || return 1
	done
}
is "microca audit gap takes the list over" "$(rc_of admin audit gap)" 0
like "… and says what of it" "$(cat "$T/out")" 'stay revoked: 2, and 1 '
ok "… goes on by itself" wait_for 20 sh -c "grep -q 'not behind any more' \
	'$T/simpleenroll.log'"
is "… issues" "$(asked thirteen)" "0 200 "
is "… a list is made" "$(rc_of admin crl --force)" 0
ok "… on which all of them are revoked still" revoked_in_list
is "… the responder knows it" "$(status_of nine)" 200
is "… the audit verifies" "$(rc_of admin audit verify)" 0
stop TERM

# ---- the same, and microca restore as the way out
image_back
is "an image again" "$(rc_of admin crl --force)" 7
is "microca restore of a backup" "$(rc_of admin restore --accept-loss \
	"$T/it.tar")" 0
start simpleenroll
is "… issues" "$(asked fourteen)" "0 200 "
is "… a list is made" "$(rc_of admin crl --force)" 0
ok "… on which all of them are revoked still" revoked_in_list
ok "… and check" checked
stop TERM

# ---- a list that this CA did not sign accuses nobody
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout "$T/foe.key" -out "$T/foe.pem" -subj "/CN=Foe" \
	2>/dev/null
: >"$T/index"
cat >"$T/ca.cnf" <<-END
	[ca]
	default_ca = foe
	[foe]
	database = $T/index
	crlnumber = $T/crlnumber
	default_md = sha256
	default_crl_days = 30
	crl_extensions = ext
	[ext]
	authorityKeyIdentifier = keyid
END
echo 7FFFFFFFFFFFFFFF >"$T/crlnumber"
openssl ca -config "$T/ca.cnf" -gencrl -keyfile "$T/foe.key" \
	-cert "$T/foe.pem" 2>/dev/null | openssl crl -outform DER \
	-out "$T/foe.crl" || bail "another's list"
cp "$T/foe.crl" "$list"
ok "another's list with a high number: check lets it be" checked
done_testing
