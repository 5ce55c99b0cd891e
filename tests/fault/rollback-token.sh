#!/bin/sh
# An image of all that is on the disk is put back, heads and published lists
# too: the token notices, which does not come back with it.  And tokens that
# keep nothing: the other guards go on.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/../op/fcgi.sh"
if ! command -v softhsm2-util >/dev/null ||
	! command -v pkcs11-tool >/dev/null || ! softhsm_find; then
	[ "${CI:-}" = true ] && bail "no SoftHSM or no pkcs11-tool"
	echo "1..0 # SKIP no SoftHSM or no pkcs11-tool"
	exit 0
fi
SHIM_MODULE=$MODULE
SHIM_CONTROL=$T/faults
SHIM_LOG=$T/calls
export SHIM_MODULE SHIM_CONTROL SHIM_LOG
: >"$SHIM_CONTROL"
softhsm_find() { MODULE=$BUILDDIR/tests/shim/pkcs11-shim.so; }
faults() { echo "$*" >"$SHIM_CONTROL"; } # see the shim
db=$T/state/microca.db
asked() { csr "$1" "/CN=$1" && send_csr plain "$T/$1.b64"; }
serial_of() { openssl x509 -in "$T/$1.pem" -noout -serial | sed 's/.*=//'; }
rc_of() { # rc_of COMMAND...: what it says is in $T/out
	"$@" >"$T/out" 2>&1
	echo "$?"
}
health_is() {
	cgi health REQUEST_METHOD=GET REQUEST_URI=/health \
		REMOTE_ADDR=127.0.0.1 </dev/null >/dev/null
	grep -q -e "$1" "$T/body"
}
status_of() { # what the responder says of a certificate
	openssl ocsp -issuer "$T/ca.pem" -cert "$T/$1.pem" -no_nonce \
		-reqout "$T/ocsp.der" 2>/dev/null
	cgi ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request <"$T/ocsp.der"
}
counts='the store is not behind what the token counts'
checked() { admin check | grep -q "^$1: $2"; }
# What the token has, as another program sees it.
token() {
	pkcs11-tool --module "$SHIM_MODULE" --token-label op-test --login \
		--pin 987654 --type data "$@" 2>/dev/null
}
label='microca audit issuer 0'
kept() { token --label "$label" --application-label microca --read-object; }
objects() { token --list-objects | grep -c "label: *'$label'"; }
last() { sql "SELECT max(seq) FROM audit"; }
writes() { grep -c '^C_CreateObject ' "$T/calls"; }
image() { # image NAME: what a snapshot of the disk has; nothing runs
	sqlite3 "$db" "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
	rm -rf "$T/image.$1" && mkdir "$T/image.$1" &&
		cp -a "$T/state" "$T/public" "$T/image.$1"
}
put_back() {
	rm -rf "$T/state" "$T/public" &&
		cp -a "$T/image.$1/state" "$T/image.$1/public" "$T"
}
live() { # live NAME: one more certificate, revoked, listed, a head of it
	enrol "$1" "/CN=$1" && admin revoke "$(serial_of "$1")" &&
		admin crl && admin audit head
}

MODULE_ENV="\"SHIM_MODULE=$SHIM_MODULE\", \"SHIM_CONTROL=$SHIM_CONTROL\",
	\"SHIM_LOG=$SHIM_LOG\""
TOKEN=softhsm
ca_make softhsm
enrol one /CN=one || bail "enrol"
admin ocsp >/dev/null || bail "ocsp"
is "nothing is in the token but keys" "$(objects)" 0
n=$(writes)
enrol two /CN=two || bail "enrol"
is "… and who issues writes nothing there" "$(writes)" "$n"
ok "check says that it counts nothing yet" checked note \
	'the token counts nothing yet: microca audit head begins it'
is "a head is signed" "$(rc_of admin audit head)" 0
is "… and the token keeps it, once" "$(objects)" 1
is "… as it is" "$(kept | sed 1d)" \
	"$(sql "SELECT '0 ' || seq || ' ' || lower(hex(hash)) FROM audit
		ORDER BY seq DESC LIMIT 1")"
n=$(writes)
is "the same head again" "$(rc_of admin audit head)" 0
is "… writes nothing" "$(writes)" "$n"
ok "check: it is not behind" checked ok "$counts"
enrol more /CN=more || bail "enrol"
is "a bundle makes a head as well" "$(rc_of admin audit export "$T/bundle")" 0
is "… and writes nothing there: only the hour's does" "$(writes)" "$n"
image old
live three >"$T/setup.log" 2>&1 || bail "three"
is "the next head moves the counter on" \
	"$(kept | sed -n '2s/^0 \([0-9]*\) .*/\1/p') $(objects)" "$(last) 1"
image new

# ---- all of the disk is put back
put_back old
start simpleenroll
is "an image of the disk: nothing is issued" "$(asked four)" "0 503 db-behind"
ok "… the log says which record the token knows" wait_for 15 grep -q \
	"the token's counter tells of record [0-9]* of lane 0, which is not" \
	"$T/simpleenroll.log"
ok "… health says down" wait_for 15 health_is \
	'^down: db-behind: simpleenroll: '
is "… the responder says nothing either" "$(status_of one)" 503
is "no list is made" "$(rc_of admin crl --force)" 7
is "no certificate by hand" "$(rc_of admin issue --endpoint device \
	-o "$T/hand.pem" "$T/four.der")" 7
is "no head is signed" "$(rc_of admin audit head)" 7
like "… and that says why" "$(cat "$T/out")" "what this CA's token counts"
is "check finds it" "$(rc_of admin check) $(grep -c "^FAIL: $counts" \
	"$T/out")" "8 1"
is "the token keeps what it kept" "$(kept | sed -n '2s/^0 \([0-9]*\) .*/\1/p')" \
	"$(sqlite3 "$T/image.new/state/microca.db" \
		"SELECT max(seq) FROM audit")"

# ---- the right one put back: no restart
put_back new
ok "the right disk again: it goes on by itself" wait_for 20 grep -q \
	'not behind any more' "$T/simpleenroll.log"
is "… issues" "$(asked five)" "0 200 "
stop TERM

# ---- the operator takes the loss
put_back old
start simpleenroll
is "the image again" "$(asked six)" "0 503 db-behind"
is "microca audit gap" "$(rc_of admin audit gap)" 0
like "… tells of it" "$(cat "$T/out")" 'the gap is recorded'
ok "… goes on by itself" wait_for 20 grep -q 'not behind any more' \
	"$T/simpleenroll.log"
is "… issues" "$(asked six)" "0 200 "
is "… the audit verifies, and tells of the gap" "$(rc_of admin audit verify)
$(grep -c 'gaps are recorded' "$T/out")" "0
1"
ok "… check" checked ok "$counts"
is "… heads go on, and the counter" "$(rc_of admin audit head) \
$(kept | sed -n '2s/^0 \([0-9]*\) .*/\1/p')" "0 $(last)"
is "a second gap finds nothing" "$(rc_of admin audit gap)
$(cat "$T/out")" "0
no head, no list and no token tells of more than is here"
stop TERM

# ---- heads that were kept elsewhere know of the gap
is "what was signed and is lost is forgiven" "$(rc_of admin audit verify \
	--heads "$T/image.new/state/heads/local")" 0

# ---- the disk is put back under a program that runs: the next head tells
image old
live seven >"$T/setup.log" 2>&1 || bail "seven"
image new
start simpleenroll
stop TERM
put_back old
start simpleenroll
is "one look at the start, and it is noticed" "$(asked eight)" \
	"0 503 db-behind"
stop TERM
put_back new
start simpleenroll
is "a program that runs" "$(asked eight)" "0 200 "
put_back old
is "… the next head finds it" "$(rc_of admin audit head)" 7
ok "… then the program knows" wait_for 20 grep -q \
	'nothing is issued or answered' "$T/simpleenroll.log"
is "… issues nothing" "$(asked nine)" "0 503 db-behind"
stop TERM

# ---- microca restore knows of the counter
is "the image, and a backup of it" "$(rc_of admin backup "$T/it.tar")" 0
is "microca restore" "$(rc_of admin restore --accept-loss "$T/it.tar")" 0
ok "… the gap is recorded, for the token's sake" test \
	"$(sql "SELECT count(*) FROM audit WHERE event = 'gap'")" -ge 2
ok "… check" checked ok "$counts"
start simpleenroll
is "… issues" "$(asked ten)" "0 200 "
stop TERM
is "… and heads go on" "$(rc_of admin audit head)" 0

# ---- … if the token is there
mv "$T/tokens" "$T/away"
mkdir "$T/tokens"
is "microca restore without the token" "$(rc_of admin restore --accept-loss \
	"$T/it.tar")" 0
like "… says what is to be done when it is there" "$(cat "$T/out")" \
	'is not known .*: run microca audit gap when it is there'
rmdir "$T/tokens"
mv "$T/away" "$T/tokens"
is "… until then it is noticed" "$(rc_of admin crl --force)" 7
is "… and taken then" "$(rc_of admin audit gap) $(rc_of admin crl --force)" \
	"0 0"

# ---- a token that is not there cannot say that all is well
put_back old
mv "$T/tokens" "$T/away"
mkdir "$T/tokens"
is "without the token no loss can be taken" "$(rc_of admin audit gap)" 7
rmdir "$T/tokens"
mv "$T/away" "$T/tokens"
start simpleenroll
is "… and with it it is noticed" "$(asked eleven)" "0 503 db-behind"
stop TERM
is "the loss is taken" "$(rc_of admin audit gap)" 0

# ---- tokens of many kinds
faults data-kept
is "one that lets nothing go" "$(rc_of live thirteen)" 0
like "… says so" "$(cat "$T/out")" 'does not let go of old data'
is "… two are there" "$(objects)" 2
is "… and not more with the next head" "$(rc_of live fourteen) $(objects)" \
	"0 2"
faults
ok "… of which the later one counts" checked ok "$counts"
image new
put_back old
is "… also for the guard" "$(rc_of admin crl --force)" 7
put_back new
live nineteen >"$T/setup.log" 2>&1 || bail "nineteen"
is "… and one is left at the next change" "$(objects)" 1

token --label "$label" --application-label microca --delete-object >/dev/null
faults data-denied
is "one that takes no data: heads are signed" "$(rc_of live fifteen)" 0
like "… with a word about it" "$(cat "$T/out")" \
	'keeps no counter of the audit: data-object: the token keeps no data of ours'
ok "check says so, and what guards instead" checked note \
	'the token cannot count, heads and lists alone show an older database'
start simpleenroll
is "… and it issues" "$(asked sixteen)" "0 200 "
stop TERM
faults data-cut
is "one that keeps half of it" "$(rc_of admin audit head)" 0
like "… says so" "$(cat "$T/out")" 'does not keep what it is given'
is "… and nothing of that stays" "$(objects)" 0
faults
ok "check begins where no head could" checked ok "$counts"
is "… by the last head" "$(kept | sed -n '2s/^0 \([0-9]*\) .*/\1/p')" \
	"$(tail -n 1 "$T/state/heads/local" | jq -r .head |
		jq -r '.lanes[0].seq')"
faults data-hidden
start simpleenroll
is "one that shows no data" "$(asked seventeen)" "0 200 "
ok "… is told in the log" grep -q "the token's counter is not looked at" \
	"$T/simpleenroll.log"
is "… gap takes what heads and lists tell" "$(rc_of admin audit gap)" 0
stop TERM
faults

token --label "$label" --application-label microca --delete-object >/dev/null
echo "microca.counter/2 what is to come" >"$T/note"
token --label "$label" --application-label microca --private \
	--write-object "$T/note" >/dev/null
is "a note that nobody reads: heads are signed" "$(rc_of admin audit head)" 0
ok "… check says so" checked note \
	'the token cannot count.*no counter that this version reads'
is "… and it stays as it is" "$(kept)" "$(cat "$T/note")"
token --label "$label" --application-label microca --delete-object >/dev/null

# ---- switched off
image old
live eighteen >"$T/setup.log" 2>&1 || bail "eighteen"
put_back old
is "it would be noticed" "$(rc_of admin crl --force)" 7
sed -i 's/  key_type = /  audit_counter = false; key_type = /' "$CONF"
rm -rf "$T/state" && cp -a "$T/image.old/state" "$T/state"
is "audit_counter = false: it is not" "$(rc_of admin crl --force)" 0
ok "… and check says nothing of it" sh -c "! '$BUILDDIR/bin/microca' \
	-c '$CONF' check | grep -q 'token c'"
done_testing
