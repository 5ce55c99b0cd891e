#!/bin/sh
# microca revoke and release: by serial, fingerprint and pattern; what renewals,
# revocation lists, the responder and the outbox make of it at once.
# shellcheck source-path=SCRIPTDIR source=lib.sh
# shellcheck disable=SC2119 # stop has a signal of its own
. "$(dirname "$0")/lib.sh"
ca_make pem
# shellcheck source-path=SCRIPTDIR source=fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"
profiles_write
sed -i 's/{ name = "device";/& azure = true; device_id = "CN";/' \
	"$T/profiles.conf"
conf_write "$T/issuer.key"

KEYID=$(openssl x509 -in "$T/ca.pem" -noout -ext subjectKeyIdentifier |
	tail -n 1 | tr -d ' :' | tr A-F a-f)
run() {
	admin "$@" >"$T/out" 2>"$T/err" </dev/null
	echo $?
}
says() { # says NAME EXIT PATTERN ARGUMENT...: on stderr
	says_name=$1 says_exit=$2 says_pattern=$3
	shift 3
	is "$says_name" "$(run "$@")" "$says_exit"
	like "… and says so" "$(cat "$T/err")" "$says_pattern"
}
serial() { openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2; }
finger() { openssl x509 -in "$T/$1.pem" -outform DER | sha256sum | cut -d' ' -f1; }
colons() { sed 's/../&:/g; s/:$//'; }
status() { admin show --json "$(serial "$1")" | jq -r "${2:-.status}"; }
rows() { sql "SELECT count(*) FROM audit WHERE event = '$1'"; }
record() { # record EVENT MEMBER: of the last such row
	sql "SELECT record FROM audit WHERE event = '$1' ORDER BY seq DESC
		LIMIT 1" | jq -r ".$2 // empty"
}
told() { # told DEVICE: what the outbox has, in order
	sql "SELECT kind FROM outbox WHERE device = '$1' ORDER BY seq" | xargs
}
renew() { # renew NAME: with a key of its own; "status reason"
	csr "$1-next" "/CN=$1"
	renew_is=$(post device simplereenroll "$1" "$T/$1-next.b64")
	[ "$renew_is" != 200 ] || certs | openssl x509 -out "$T/$1-next.pem"
	echo "$renew_is$([ "$renew_is" = 200 ] || printf ' %s' "$(reason)")"
}
listed() { # listed NAME: what the list says of it, on one line
	admin crl >/dev/null
	openssl crl -inform DER -in "$T/public/crl/$KEYID.crl" -noout -text |
		grep -A 12 "Serial Number: $(serial "$1")" |
		sed '1d; /Serial Number/,$d; /Signature/,$d' | tr -s ' \n' ' '
}
said() { # said NAME: the responder
	openssl ocsp -issuer "$T/ca.pem" -no_nonce -cert "$T/$1.pem" \
		-reqout "$T/rq" >/dev/null 2>&1
	send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request <"$T/rq" >/dev/null
	openssl ocsp -respin "$BODY" -noverify -resp_text 2>&1 | sed -n \
		's/^ *Cert Status: *//p; s/^ *Revocation Reason: *\([^ ]*\).*/\1/p' |
		head -n 2 | tr '\n' ' '
}
for name in one two three four five six seven; do
	enrol "$name" "/CN=$name"
done
admin ocsp >/dev/null
start ocsp

# ---- which one --------------------------------------------------------------
says "two of which one is unknown" 6 'serial AB12' revoke "$(serial one)" ab:12
is "… nothing was revoked" "$(status one) $(rows revoke)" "good 0"
is "by fingerprint, in capitals, with colons" "$(run revoke --text lost \
	"$(finger one | tr a-f A-F | colons)")" 0
is "… names the serial" "$(cat "$T/out")" "revoked $(serial one) unspecified"
is "… is recorded" "$(record revoke serial) $(record revoke cert_sha256) \
$(record revoke subject) $(record revoke text)" \
	"$(serial one) $(finger one) CN=one lost"
is "… the cloud will hear" "$(told one)" "enrolled revoked"
is "again" "$(run revoke "$(finger one)") $(cat "$T/out")" \
	"0 already revoked $(serial one) unspecified"
is "… nothing more was written" "$(rows revoke) $(told one)" \
	"1 enrolled revoked"
says "another fingerprint" 6 'no certificate with fingerprint' \
	revoke "$(finger root)"
says "neither" 5 'a serial \(1 to 40 hex digits\) or a SHA-256' \
	revoke "$(finger one | cut -c 1-50)"
says "no digits" 5 'want a serial' revoke pump
says "removeFromCRL is no reason" 2 'RFC 5280, 5.3.1: .*certificateHold' \
	revoke --reason removeFromCRL "$(serial two)"

# ---- since when -------------------------------------------------------------
says "a time to come" 5 'RFC 5280, 5.3.2: .* is in the future' \
	revoke --time 20990101000000Z "$(serial two)"
says "a time before it was" 5 'RFC 5280, 5.3.2: .* is before certificate' \
	revoke --time 2001-01-01T00:00:00Z "$(serial two)"
says "no time" 2 'yesterday' revoke --time yesterday "$(serial two)"
since=$(openssl x509 -in "$T/two.pem" -noout -startdate | cut -d= -f2)
since=$(date -u -d "$since" +%Y-%m-%dT%H:%M:%SZ)
begun=$(date +%s)
is "its first second" "$(run revoke --reason keyCompromise --time "$since" \
	--text stolen "$(serial two)")" 0
is "… is recorded" "$(record revoke text)" "invalid since $since: stolen"
like "… is shown" "$(admin show "$(serial two)")" "^Invalid from +$since"
like "… is on the list" "$(listed two)" \
	"Key Compromise (X509v3 )?Invalidity Date: $(date -u -d "$since" '+%b %e %T' |
	tr -s ' ')"
ok "… and the date of revocation is that of the command" test "$(date -d \
	"$(status two .revoked)" +%s)" -ge "$begun"
is "its key is certified no more" "$(post device simpleenroll maker-ra \
	"$T/two.b64") $(reason)" "400 key-reuse"

# ---- hold and release -------------------------------------------------------
is "good before" "$(said three)" "good "
is "on hold" "$(run revoke --reason certificateHold "$(serial three)")" 0
is "… is told by list and show" "$(admin list --status held --format json |
	jq -r '.[].subject') $(status three)" "CN=three held"
is "… by the responder" "$(said three)" "revoked certificateHold "
like "… by the revocation list" "$(listed three)" 'Certificate Hold'
is "… and counts for renewals at once" "$(renew three)" "403 client-revoked"
is "released" "$(run release --text found "$(serial three)") $(cat "$T/out")" \
	"0 released $(serial three)"
is "… is recorded" "$(record release serial) $(record release text) \
$(record release reason)" "$(serial three) found "
is "… good again" "$(status three) $(said three)" "good good "
is "… gone from the list" "$(listed three)" ""
is "… the cloud will hear" "$(told three)" "enrolled revoked renewed"
is "… and renews" "$(renew three)" 200
is "released again" "$(run release "$(serial three)") $(cat "$T/out")" \
	"0 not on hold $(serial three)"
is "… is no row" "$(rows release)" 1
says "what is revoked is not released" 4 'only a hold can be released' \
	release "$(serial one)"
is "a hold" "$(run revoke -r certificateHold "$(serial four)")" 0
is "… becomes final" "$(run revoke -r superseded "$(serial four)") \
$(status four '.status + " " + .reason')" "0 revoked superseded"
says "… and is no hold again" 4 'already revoked: superseded' \
	revoke -r certificateHold "$(serial four)"
says "reasons do not change" 4 'already revoked: superseded' \
	revoke -r cessationOfOperation "$(serial four)"
is "but a key may turn out to be known" "$(run revoke -r keyCompromise \
	"$(serial four)") $(status four .reason)" "0 keyCompromise"

# ---- at once, in a program that knows the client already ----------------------
ocsp=$pid
start simplereenroll
asked() { # asked NAME: by the program that runs; "status reason"
	csr "$1-again" "/CN=$1"
	send plain simplereenroll REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/simplereenroll" MICROCA_ENDPOINT=device \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/$1.pem")" <"$T/$1-again.b64"
}
is "a program renews" "$(asked five)" "0 200 "
is "another one holds" "$(run revoke -r certificateHold "$(serial five)")" 0
is "… the first one's next answer" "$(asked five)" "0 403 client-revoked"
is "another one releases" "$(run release "$(serial five)")" 0
rm "$T/five-again.key"
is "… the first one's next answer" "$(asked five)" "0 200 "
sql "SELECT serial FROM certificate WHERE subject = 'CN=five' AND serial <>
	'$(serial five)'" >"$T/renewals"
xargs "$BUILDDIR/bin/microca" -c "$CONF" revoke <"$T/renewals" >"$T/out" 2>&1
stop
pid=$ocsp

# ---- patterns ---------------------------------------------------------------
before=$(rows revoke)
is "a pattern is shown" "$(run revoke --dry-run -p device -s 'CN=*e*')" 0
is "… those that are good, and they alone" "$(tail -n +2 "$T/out" |
	sed 's/.*CN=/CN=/' | sort | tr '\n' ' ')" \
	"CN=five CN=seven CN=three CN=three "
says "nobody is there to ask" 2 'nobody is there to ask' revoke \
	-p device -s 'CN=*e*'
says "more than are wanted" 4 '4 certificates .* no more than 3' \
	revoke --max 3 --yes -p device -s 'CN=*e*'
says "none" 6 'no certificate of this pattern' revoke --yes -s 'CN=e'
says "a pattern and a serial" 2 'not both' revoke -s 'CN=*' "$(serial five)"
says "--yes without a pattern" 2 'are for --subject' revoke --yes \
	"$(serial five)"
says "nothing" 2 'too few operands' revoke
typed() { # typed ANSWER ARGUMENT...: on a terminal
	typed_answer=$1
	shift
	echo "$typed_answer" | script -qec "'$BUILDDIR/bin/microca' -c '$CONF' \
$*" /dev/null >"$T/out"
	echo $?
}
is "the wrong number typed" "$(typed 3 revoke -p device -s "'CN=*e*'")" 4
like "… says so" "$(cat "$T/out")" 'not confirmed: nothing was changed'
is "nothing was revoked" "$(rows revoke)" "$before"
is "the number typed" "$(typed 2 revoke -r certificateHold -s "'CN=?i*'")" 0
is "… both are held" "$(status five) $(status six)" "held held"
is "… each with its row" "$(rows revoke)" "$((before + 2))"
is "of one profile" "$(run revoke -y -p late -s 'CN=*')" 6
is "a hold is not held again" "$(run revoke -n -r certificateHold \
	-s 'CN=*i*')" 6
is "all are released" "$(run release --yes -s 'CN=*') $(status five) \
$(status six)" "0 good good"

# ---- before its time --------------------------------------------------------
enrol early "/CN=early"
faketime -f -1h "$BUILDDIR/bin/microca" -c "$CONF" revoke "$(serial early)" \
	>"$T/out" 2>"$T/err"
is "one that is not valid yet" "$? $(status early)" "0 revoked"

# ---- CAs --------------------------------------------------------------------
csr sub "/CN=Sub CA"
admin issue --profile subca -o "$T/sub.pem" "$T/sub.der"
is "a subordinate CA" "$(run revoke -r cACompromise "$(serial sub)")" 0
like "… is said to take what it issued along" "$(cat "$T/out")" \
	"is a CA's: so is all that it issued"
like "… is on the list" "$(listed sub)" 'CA Compromise'
says "the CA's own" 4 'RFC 5280, 5: .*only its issuer revokes' \
	revoke "$(serial ca)"
says "… by fingerprint" 4 'RFC 5280, 5: .*only its issuer revokes' \
	revoke "$(finger ca)"

# ---- the key is not needed --------------------------------------------------
mv "$T/issuer.key" "$T/issuer.away"
is "without the CA's key" "$(run revoke "$(serial seven)")" 0
is "… it counts at once" "$(said seven)" "revoked "
mv "$T/issuer.away" "$T/issuer.key"
is "… for renewals too" "$(renew seven)" "403 client-revoked"
like "… and the list follows" "$(listed seven)" 'Revocation Date'
stop
is "the chain holds" "$(run audit verify)" 0
done_testing
