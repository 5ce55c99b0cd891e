#!/bin/sh
# One-time secrets (HTTP Basic, RFC 7617): what one opens, once, for whom.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
ca_make pem

# Endpoints more: secrets alone, certificates as well, with approval, with keys
# made here.
sed -i '$d' "$CONF"
sed -i '$s/);$//' "$T/profiles.conf"
{
	echo ","
	profile made 'serverkeygen = "p256";'
	echo ");"
} >>"$T/profiles.conf"
cat >>"$CONF" <<END
, { name = "once"; port = 8460; profile = "device"; auth = "secret";
    allow = ( { secret = true; } ); }
, { name = "twice"; port = 8461; profile = "device"; auth = "secret";
    allow = ( { secret = true; } ); }
, { name = "either"; port = 8462; profile = "device"; auth = "either";
    allow = ( { own = ("device"); },
      { issuer = "maker.pem"; names = "pattern [^X].*"; },
      { secret = true; } ); }
, { name = "held"; port = 8463; profile = "device"; auth = "secret";
    approval = "enroll"; allow = ( { secret = true; } ); }
, { name = "made"; port = 8464; profile = "made"; auth = "secret";
    operations = ("serverkeygen"); allow = ( { secret = true; } ); }
);
END

secret() { admin secret add "$@" 2>"$T/secret.err"; }
# basic NAME SECRET: what a client puts into Authorization.
basic() {
	printf 'HTTP_AUTHORIZATION=Basic %s\n' \
		"$(printf '%s:%s' "$1" "$2" | openssl base64 -A)"
}
# try ENDPOINT DEVICE SECRET CSR [NAME=VALUE...]: the status.  Each device has
# an address of its own, unless told otherwise.
try() {
	try_endpoint=$1 try_device=$2 try_secret=$3 try_csr=$4
	shift 4
	post "$try_endpoint" simpleenroll "" "$T/$try_csr.b64" \
		"$(basic "$try_device" "$try_secret")" "$@"
}
bad() { # bad NAME STATUS REASON try-arguments...: refused and recorded
	bad_name=$1 bad_status=$2 bad_reason=$3
	shift 3
	before_refusal
	bad_got=$(try "$@")
	refused "$bad_name" "$bad_got" "$bad_status" "$bad_reason"
}

# ---- made
s=$(secret once pump-1)
like "a secret is shown once, in groups" "$s" \
	'^[0-7][0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{5}){3}-[0-9A-HJKMNP-TV-Z]{6}$'
like "for whom and until when is said beside it" "$(cat "$T/secret.err")" \
	'secret 1 for pump-1 at endpoint once, until 20'
like "it is listed" "$(admin secret list)" '^1 +open +20.* once +pump-1$'
is "kept as a hash alone" \
	"$(sql "SELECT length(hash) FROM secret")" 32
ok "and nowhere else" sh -c \
	"! grep -rqaF '$s' '$T/state' '$T/public' '$T/run' '$T/secret.err'"
like "the audit says who made it" \
	"$(sql "SELECT record FROM audit WHERE event = 'secret-add'")" \
	'"endpoint":"once","requester":"operator:.*"text":"secret 1 for pump-1'

# ---- asked for
csr pump-1 /CN=pump-1
is "nothing shown: 401" \
	"$(post once simpleenroll "" "$T/pump-1.b64")" 401
is "with a challenge" "$(header WWW-Authenticate)" \
	'Basic realm="once", charset="UTF-8"'
is "and no body" "$(header Content-Length) $(wc -c <"$T/body")" "0 0"
is "the log names the reason" "$(last_refusal reason)" auth-none
is "a certificate opens nothing there" \
	"$(post once simpleenroll maker-ra "$T/pump-1.b64")" 401
is "where secrets are off they are not asked for" \
	"$(post device simpleenroll "" "$T/pump-1.b64" "$(basic pump-1 "$s")")" 403
is "… no challenge" "$(header WWW-Authenticate)" ""

# ---- what fails does not use it up
wrong=$(printf %.1s "$s" | tr 0-7 1-70)${s#?} # another first digit
bad "a wrong secret" 401 auth once pump-1 "$wrong" pump-1
is "… is asked for again" "$(header WWW-Authenticate)" \
	'Basic realm="once", charset="UTF-8"'
bad "an unknown device" 401 auth once pump-2 "$s" pump-1
bad "another endpoint" 401 auth twice pump-1 "$s" pump-1
bad "not a secret at all" 401 auth once pump-1 hunter2 pump-1
like "the cause is the operator's" "$(last_refusal cause)" \
	'device pump-1: no such secret'
csr other /CN=pump-2
bad "another name in the request" 403 name-policy once pump-1 "$s" other
csr san /CN=pump-1 -addext subjectAltName=DNS:pump-2
bad "another name beside it" 403 san-policy once pump-1 "$s" san
csr serial "/CN=pump-1/serialNumber=pump-2"
bad "another serial number" 403 name-policy once pump-1 "$s" serial
is "a renewal wants a certificate" "$(post once simplereenroll "" \
	"$T/pump-1.b64" "$(basic pump-1 "$s")")" 403
is "… and says so" "$(reason)" reenroll-issuer
for header in "Basic $(printf 'pump-1' | openssl base64 -A)" "Basic" \
	"Bearer x" "Basic !!!" "Digest username=pump-1"; do
	before_refusal
	got=$(post once simpleenroll "" "$T/pump-1.b64" \
		"HTTP_AUTHORIZATION=$header" REMOTE_ADDR=192.0.2.99)
	refused "401: Authorization: $header" "$got" 401 auth
done
is "REMOTE_USER is nobody's word" "$(post once simpleenroll "" \
	"$T/pump-1.b64" REMOTE_USER=pump-1 AUTH_TYPE=Basic)" 401
is "it is still open" "$(admin secret list --json | jq -r '.[0].status')" open

# ---- used
is "the right one" "$(try once pump-1 "$s" pump-1)" 200
certs | openssl x509 -out "$T/pump-1.pem"
is "the device's certificate" \
	"$(openssl x509 -in "$T/pump-1.pem" -noout -subject)" "subject=CN = pump-1"
is "asked for by secret" "$(admin list --subject CN=pump-1 --format json |
	jq -r '.[0] | .requester + " " + .owner')" "secret:pump-1 secret:once/pump-1"
is "the audit names the secret" "$(sql "SELECT record FROM audit
	WHERE event = 'issue' AND record LIKE '%secret:%'" | jq -r '.requester + ", " + .text')" \
	"secret:pump-1, secret 1"
is "it is used up" "$(admin secret list --json | jq -r '.[0].status')" used
cp "$T/body" "$T/first"
lower=$(printf %s "$s" | tr -d - | tr '[:upper:]' '[:lower:]')
is "a lost reply: the same request again" \
	"$(try once pump-1 "$lower" pump-1)" 200
ok "the same octets" cmp "$T/first" "$T/body"
is "one certificate" "$(sql "SELECT count(*) FROM certificate
	WHERE requester = 'secret:pump-1'")" 1
csr again /CN=pump-1
bad "another request with it" 401 auth once pump-1 "$s" again
is "renewed by its certificate" \
	"$(post device simplereenroll pump-1 "$T/again.b64")" 200
is "the owner stays" "$(admin list --subject CN=pump-1 --format json |
	jq -r '.[1].owner')" "secret:once/pump-1"

# ---- anew
s2=$(secret --expires 1h once pump-1)
csr anew /CN=pump-1
is "a device that lost its key keeps its name" \
	"$(try once pump-1 "$s2" anew)" 200
s3=$(secret twice pump-1)
csr other-key /CN=pump-1
bad "its name at another endpoint is another's" 403 name-taken \
	twice pump-1 "$s3" other-key

# ---- ended
s4=$(secret once pump-4)
s5=$(secret once pump-4)
csr pump-4 /CN=pump-4
bad "a new secret ends the one before it" 401 auth once pump-4 "$s4" pump-4
like "… the cause" "$(last_refusal cause)" 'secret 4 is revoked'
is "the new one opens" "$(try once pump-4 "$s5" pump-4)" 200
s6=$(secret --expires 1s once pump-6)
csr pump-6 /CN=pump-6
expired() { admin secret list --device pump-6 | grep -q expired; }
wait_for 5 expired
bad "an expired one" 401 auth once pump-6 "$s6" pump-6
like "… the cause" "$(last_refusal cause)" 'is expired'
s7=$(secret once pump-7)
csr pump-7 /CN=pump-7
is "revoked by number" "$(admin secret revoke 7)" "1 revoked"
bad "a revoked one" 401 auth once pump-7 "$s7" pump-7
is "twice is harmless" "$(admin secret revoke 7)" "0 revoked"
is "used ones lose their answers" \
	"$(admin secret revoke --device pump-4)" "1 revoked"
bad "… which is no longer told" 401 auth once pump-4 "$s5" pump-4
admin secret revoke 4711 >/dev/null 2>&1
is "an unknown number" $? 6
admin secret revoke --device nobody >/dev/null 2>&1
is "an unknown device" $? 6
is "the audit has each" \
	"$(sql "SELECT count(*) FROM audit WHERE event = 'secret-revoke'")" 2

# ---- times
future=$(secret --expires 365d once pump-5)
csr pump-5 /CN=pump-5
change() { sqlite3 "$T/state/microca.db" "UPDATE secret SET $1
	WHERE device = 'pump-5'"; }
change "expires = expires + 3 * 86400"
bad "one of a clock that ran ahead lives no longer than others" 401 auth \
	once pump-5 "$future" pump-5
like "… the cause" "$(last_refusal cause)" 'is expired'
change "expires = expires - 2 * 86400"
is "one of a year and a clock put right a little" \
	"$(try once pump-5 "$future" pump-5)" 200

# ---- either
s8=$(secret either pump-8)
csr pump-8 /CN=pump-8
is "either: nothing shown" "$(post either simpleenroll "" \
	"$T/pump-8.b64") $(header WWW-Authenticate)" \
	'401 Basic realm="either", charset="UTF-8"'
is "either: a certificate alone" \
	"$(csr by-ra /CN=by-ra && post either simpleenroll maker-ra \
		"$T/by-ra.b64")" 200
is "either: a certificate and another's name" "$(post either simpleenroll \
	maker-ra "$T/pump-8.b64" "$(basic pump-8 "$s8")")" 403
is "… auth-mismatch" "$(reason)" auth-mismatch
is "either: a secret alone" "$(try either pump-8 "$s8" pump-8)" 200
certs | openssl x509 -out "$T/pump-8.pem"
csr pump-8b /CN=pump-8
is "either: a renewal, and the old secret of the same device" \
	"$(post either simplereenroll pump-8 "$T/pump-8b.b64" \
		"$(basic pump-8 "$s8")")" 200
s9=$(secret either pump-8)
csr pump-8c /CN=pump-8
is "either: a certificate that ended, hidden by the web server" \
	"$(post either simpleenroll "" "$T/pump-8c.b64" "$(basic pump-8 "$s9")" \
		SSL_CLIENT_VERIFY=FAILED:expired)" 200
is "… without a secret it is told" "$(post either simpleenroll "" \
	"$T/pump-8c.b64" SSL_CLIENT_VERIFY=FAILED:expired) $(reason)" \
	"403 client-expired"
admin revoke "$(openssl x509 -in "$T/pump-8.pem" -noout -serial |
	cut -d= -f2)" >/dev/null
s10=$(secret either pump-8)
csr pump-8d /CN=pump-8
is "either: one that was revoked, beside a new secret" \
	"$(post either simpleenroll pump-8 "$T/pump-8d.b64" \
		"$(basic pump-8 "$s10")")" 200

# ---- with approval (RFC 7030, 4.2.3): used up when it is issued
held=$(secret held pump-20)
csr pump-20 /CN=pump-20
is "it waits" "$(try held pump-20 "$held" pump-20)" 202
is "the secret is open meanwhile" \
	"$(admin secret list --device pump-20 --json | jq -r '.[0].status')" open
ok "somebody approves" admin approve --yes \
	"$(openssl dgst -sha256 -r "$T/pump-20.der" | cut -d' ' -f1)"
is "it is issued" "$(try held pump-20 "$held" pump-20)" 200
is "the secret is used up" \
	"$(admin secret list --device pump-20 --json | jq -r '.[0].status')" used
is "a lost reply is had again" "$(try held pump-20 "$held" pump-20)" 200
csr pump-20b /CN=pump-20
bad "another request does not even wait" 401 auth \
	held pump-20 "$held" pump-20b

# ---- with a key made here (RFC 7030, 4.4): its reply cannot be had again
made=$(secret made pump-21)
csr pump-21 /CN=pump-21
make_key() { # make_key CSR: the status
	post made serverkeygen "" "$T/$1.b64" "$(basic pump-21 "$made")"
}
is "a key is made" "$(make_key pump-21)" 200
is "a lost reply: another key for the same request" "$(make_key pump-21)" 200
is "one of the two is good" \
	"$(admin list --subject CN=pump-21 --status good --format csv | tail -n +2 |
		wc -l)" 1
csr pump-21b /CN=pump-21
is "not for another request" "$(make_key pump-21b)" 401
serial_of() { # serial_of SUBJECT: of the good one
	admin list --subject "$1" --status good --format json | jq -r '.[0].serial'
}
ok "somebody takes the certificate away" admin revoke \
	--reason cessationOfOperation "$(serial_of CN=pump-21)"
is "the secret does not bring it back" "$(make_key pump-21) $(reason)" "401 "
like "… for it is used up" "$(cat "$T/log")" 'auth: the secret is used up'

# ---- limits
s11=$(secret once pump-11)
csr pump-11 /CN=pump-11
i=0
while [ $i -lt 9 ]; do
	try once pump-11 wrong pump-11 REMOTE_ADDR=198.51.100.1 >/dev/null
	i=$((i + 1))
done
is "the tenth wrong secret is 401" \
	"$(try once pump-11 wrong pump-11 REMOTE_ADDR=198.51.100.1)" 401
bad "then 429, the right one too" 429 auth-limit once pump-11 "$s11" pump-11 \
	REMOTE_ADDR=198.51.100.1
like "with the time to wait" "$(header Retry-After)" '^(59[0-9]|600)$'
is "another device from there is heard" \
	"$(try once pump-12 wrong pump-11 REMOTE_ADDR=198.51.100.1)" 401
is "and the device from elsewhere gets in" \
	"$(try once pump-11 "$s11" pump-11 REMOTE_ADDR=198.51.100.2)" 200
i=0
while [ $i -lt 30 ]; do
	try once "dev-$i" wrong pump-11 REMOTE_ADDR="2001:db8::$i" >/dev/null
	i=$((i + 1))
done
s13=$(secret once pump-13)
csr pump-13 /CN=pump-13
is "thirty from one /64: 429 for all of it" \
	"$(try once pump-13 "$s13" pump-13 REMOTE_ADDR=2001:db8::ffff)" 429
is "not for the next /64" \
	"$(try once pump-13 "$s13" pump-13 REMOTE_ADDR=2001:db8:0:1::1)" 200

# ---- the file of failures is no reason to let nobody in
mv "$T/state/attempts" "$T/attempts.away"
mkdir "$T/state/attempts"
csr by-cert /CN=by-cert
is "it cannot be opened: certificates are taken" \
	"$(post device simpleenroll maker-ra "$T/by-cert.b64")" 200
csr by-cert2 /CN=by-cert2
is "… beside secrets, too" \
	"$(post either simpleenroll maker-ra "$T/by-cert2.b64")" 200
s14=$(secret once pump-14)
csr pump-14 /CN=pump-14
is "secrets have to wait" "$(try once pump-14 "$s14" pump-14) $(reason)" \
	"503 attempts"
like "… the log says why" "$(cat "$T/log")" "cannot open $T/state/attempts"
rmdir "$T/state/attempts"
mv "$T/attempts.away" "$T/state/attempts"
is "… until it can" "$(try once pump-14 "$s14" pump-14)" 200

# ---- a file of them
printf 'endpoint,device,expires\r\nonce,csv-1,\r\n"once",csv-2,1h\r\n' \
	>"$T/in.csv"
ok "secrets for a file" admin secret add --csv "$T/in.csv" -o "$T/out.csv"
is "the file is private" "$(stat -c %a "$T/out.csv")" 600
is "a header and two rows" "$(wc -l <"$T/out.csv")" 3
csr csv-2 /CN=csv-2
is "and they open" "$(try once csv-2 "$(sed -n 3p "$T/out.csv" |
	cut -d, -f5 | tr -d '"\r')" csv-2)" 200
n=$(sql "SELECT count(*) FROM secret")
refuse() { # refuse NAME EXIT ROWS
	printf '%b' "$3" >"$T/in.csv"
	rm -f "$T/out.csv"
	admin secret add --csv "$T/in.csv" -o "$T/out.csv" 2>"$T/err"
	is "$1" "$? $(test -e "$T/out.csv" && echo file)" "$2 "
}
refuse "a row of one cell" 5 'once,a\nonce\n'
refuse "an unknown endpoint" 2 'once,a\nnosuch,b\n'
refuse "an endpoint without secrets" 2 'once,a\ndevice,b\n'
refuse "a device twice" 2 'once,a\nonce,b\nonce,a\n'
like "… on which line" "$(cat "$T/err")" 'line 3: device "a"'
refuse "a name with a colon" 2 'once,a:b\n'
refuse "too long a life" 2 'once,a,2y\n'
refuse "no rows" 5 ''
is "all or none" "$(sql "SELECT count(*) FROM secret")" "$n"

# ---- two processes, one secret
start simpleenroll
race=$(secret once racer)
csr race-1 /CN=racer
csr race-2 /CN=racer
go() { # go CSR ANSWER
	"$CLIENT" -w 20 "$T/simpleenroll.sock" REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/simpleenroll" MICROCA_ENDPOINT=once \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=NONE \
		"$(basic racer "$race")" REMOTE_ADDR=203.0.113.1 \
		<"$T/$1.b64" >"$T/$2" 2>/dev/null
}
before=$(issued)
runs=
for i in 1 2 3 4; do
	go race-1 "fcgi.$i" &
	runs="$runs $!"
	(post once simpleenroll "" "$T/race-2.b64" "$(basic racer "$race")" \
		REMOTE_ADDR=203.0.113.2 >"$T/cgi.$i") &
	runs="$runs $!"
done
# shellcheck disable=SC2086
wait $runs
is "two requests with one secret: one certificate" \
	"$(($(issued) - before))" 1
like "the winner's repeats get it, the loser 401" \
	"$(sed -n 's/^Status: \([0-9]*\).*/\1/p' "$T"/fcgi.? | sort -u) \
$(sed 's/$/ /' "$T"/cgi.? | sort -u | tr -d '\n')" '^(200 401 |401 200 )$'
ok "no secret in the programs' log" sh -c "! grep -qF '$race' '$T/simpleenroll.log'"
stop TERM
ok "the record is good" admin audit verify
done_testing
