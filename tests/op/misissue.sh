#!/bin/sh
# What comes from above is not believed: each kind of bad server and of bad
# certificate leaves the intermediate in use where it is, and its reason in
# the exit status, the status file and the audit chain.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ANSWER=$BUILDDIR/tests/tools/answer
UP=$T/up
[ -x "$ANSWER" ] || bail "$ANSWER is not built"
ca_make pem

# ---- the server above ---------------------------------------------------------
# server NAME CA [openssl x509 arguments]: a TLS server's certificate.
server() {
	server_name=$1 server_ca=$2
	shift 2
	printf '%s\n' basicConstraints=critical,CA:FALSE \
		keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth \
		"subjectAltName=${SERVER_SAN:-DNS:localhost}" >"$T/server.ext"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/$server_name.key" -subj "/CN=up" \
		-out "$T/server.csr" 2>/dev/null &&
		openssl x509 -req -in "$T/server.csr" -CA "$T/$server_ca.pem" \
			-CAkey "$T/$server_ca.key" -CAcreateserial -days 30 \
			-extfile "$T/server.ext" "$@" -out "$T/$server_name.pem" \
			2>/dev/null
}

# up_start SERVER [answer's arguments]: it listens on $port.
up_start() {
	up_server=$1
	shift
	up_stop
	rm -f "$UP/port"
	"$ANSWER" "$@" -C "$T/maker.pem" -c "$T/$up_server.pem" \
		-k "$T/$up_server.key" "$UP" 2>>"$T/setup.log" &
	up_pid=$!
	started="$started $up_pid"
	wait_for 10 test -s "$UP/port" || bail "the server above does not start"
	port=$(cat "$UP/port")
	configure "https://localhost:$port"
}
up_stop() {
	[ -z "${up_pid:-}" ] || {
		kill "$up_pid" 2>/dev/null
		wait "$up_pid" 2>/dev/null
	}
	up_pid=
}

RENEWED= # when the intermediate is
configure() { # configure URL
	conf_write "$T/issuer.key" "
	upstream = { url = \"$1\"; anchors = \"root.pem\"; timeout = \"2s\"; };
	certificates = (
	  { name = \"client\"; source = \"upstream\"; subject = \"CN=box\";
	    initial_certificate = \"maker-ra.pem\";
	    initial_key = \"maker-ra.key\"; },
	  { name = \"intermediate\"; source = \"upstream\"; $RENEWED } );"
}

# says STATUS HEADER...: what an operation answers; the body on standard input.
says() {
	says_status=$1
	shift
	cat >"$T/says.body"
	printf 'HTTP/1.1 %s\r\n' "$says_status"
	printf '%s\r\n' "$@" "Content-Length: $(wc -c <"$T/says.body")" ''
	cat "$T/says.body"
}
P7='Content-Type: application/pkcs7-mime; smime-type=certs-only'
B64='Content-Transfer-Encoding: base64'
p7() { # p7 FILE...: base64 of a certs-only message
	cat "$@" >"$T/p7.pem"
	openssl crl2pkcs7 -nocrl -certfile "$T/p7.pem" -outform DER |
		openssl base64
}
cacerts_are() { p7 "$@" | says '200 OK' "$P7" "$B64" >"$UP/cacerts"; }

# What the issuing script below takes: HOW is a shell text.
cat >"$T/issue" <<'END'
#!/bin/sh
# A certificate for the request in file $1, as $T/how says.
ca=root days=3000 hash=sha256 start= name= out=$T/issued.pem
basic=critical,CA:TRUE,pathlen:1 usage=critical,keyCertSign,cRLSign more=
. "$T/how"
openssl base64 -d -in "$1" -out "$T/asked.der" 2>/dev/null
printf '%s\n' "${basic:+basicConstraints=$basic}" "${usage:+keyUsage=$usage}" \
	subjectKeyIdentifier=hash "$more" >"$T/issue.ext"
case $start in
'') openssl x509 -req -inform DER -in "$T/asked.der" -$hash \
	${key:+-force_pubkey "$key"} ${name:+-set_subject "$name"} \
	-CA "$T/$ca.pem" -CAkey "$T/$ca.key" -CAcreateserial -days $days \
	-extfile "$T/issue.ext" -out "$out" ;;
*) faketime -f "$start" openssl x509 -req -inform DER -in "$T/asked.der" \
	-CA "$T/$ca.pem" -CAkey "$T/$ca.key" -CAcreateserial -days $days \
	-extfile "$T/issue.ext" -out "$out" ;;
esac 2>>"$T/setup.log"
openssl crl2pkcs7 -nocrl -certfile "$out" -outform DER | openssl base64 \
	>"$T/issued.b64"
printf 'HTTP/1.1 200 OK\r\n'
printf 'Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n'
printf 'Content-Transfer-Encoding: base64\r\n'
printf 'Content-Length: %d\r\n\r\n' "$(wc -c <"$T/issued.b64")"
cat "$T/issued.b64"
END
chmod 755 "$T/issue"
issues() { # issues HOW: simpleenroll makes certificates
	printf '%s\n' "$1" >"$T/how"
	rm -f "$UP/simpleenroll" "$UP/simpleenroll.mode"
	cp "$T/issue" "$UP/simpleenroll"
}
enrols() { # simpleenroll says what stands on standard input
	rm -f "$UP/simpleenroll" "$UP/simpleenroll.mode"
	cat >"$UP/simpleenroll"
}

# ---- what is looked at ---------------------------------------------------------
told() { admin status --json intermediate | jq -r ".[0].$1 // empty"; }
own_rows() {
	sql "SELECT count(*) FROM audit WHERE event LIKE 'own-%'
		AND reason = '$1'"
}
in_use() {
	cat "$T/state/issuer.pem" "$T/public/chain.pem" \
		"$T/state/own/intermediate/current/chain.pem" | sha256sum
}
# No request and no history: as the first try.
forget() {
	rm -f "$T/state/own/intermediate/status.json"
	for forgotten in "$T"/state/own/intermediate/0*/csr.der; do
		[ ! -e "$forgotten" ] || rm "$forgotten"
	done
}
requests=0
# bad NAME EXIT REASON: asked for a new intermediate, this is what comes of it.
bad() {
	forget
	before=$(in_use) recorded=$(own_rows "$3")
	admin enroll --force intermediate >"$T/out" 2>"$T/err"
	bad_exit=$?
	sql "SELECT record FROM audit WHERE event LIKE 'own-%'
		ORDER BY seq DESC LIMIT 1" >"$T/row"
	is "$1" "exit $bad_exit, $(told reason), \
audit $(($(own_rows "$3") - recorded))" "exit $2, $3, audit 1"
	[ "$(told reason)" = "$3" ] || sed 's/^/# /' "$T/err"
	ok "$1: nothing that a terminal obeys is printed, nor written down" sh -c \
		"! LC_ALL=C grep -q '[^[:print:]]' '$T/err' '$T/out' '$T/row'"
	# A server that says nothing is waited for once.
	case $3 in up-net) ;; *)
		admin enroll --force intermediate >"$T/out" 2>"$T/err"
		is "$1: again, the same" "$? $(told reason)" "$2 $3" ;;
	esac
	is "$1: the one in use stays" "$(in_use)" "$before"
	requests=$((requests + 1))
	csr "probe$requests" "/CN=probe$requests"
	ok "$1: and issues" admin issue --profile device \
		-o "$T/probe.pem" "$T/probe$requests.der"
}

mkdir "$UP"
export T
root_make other "/CN=Other Root" 2>/dev/null
server up root
cacerts_are "$T/root.pem"
printf 'HTTP/1.1 204 No Content\r\n\r\n' >"$UP/csrattrs"
issues ''

configure "https://localhost:1"
is "what was installed by hand is the one in use" \
	"$(admin renew intermediate | cut -d, -f1)" "intermediate: good"

# ---- no server, or another one (J01, J02) ---------------------------------------
configure "https://localhost:1"
bad "nobody listens" 7 up-net
configure "https://no.such.host.invalid:8443"
bad "a name that does not resolve" 7 up-net
up_start up -n
bad "nothing is said" 7 up-net
up_start up -g
bad "garbage in place of TLS" 4 up-tls
up_start up -t 1.1
bad "TLS 1.1" 4 up-tls
server stranger other
up_start stranger
bad "a server of an unknown CA" 4 up-tls
SERVER_SAN=DNS:elsewhere.example server elsewhere root
up_start elsewhere
bad "a server of another name" 4 up-authz
server expired root
faketime -f -90d openssl x509 -req -in "$T/server.csr" -CA "$T/root.pem" \
	-CAkey "$T/root.key" -days 30 -extfile "$T/server.ext" \
	-out "$T/expired.pem" 2>/dev/null
up_start expired
bad "a server whose certificate has expired" 4 up-tls
up_start up
is "none of them was asked anything" "$(grep -c simpleenroll "$UP/log")" 0

# ---- not an answer (J04 to J12) --------------------------------------------------
: | says '302 Found' 'Location: https://elsewhere.example/' | enrols
bad "sent elsewhere" 4 up-redirect
: | says '401 Unauthorized' 'WWW-Authenticate: Basic realm="x"' | enrols
bad "a password is wanted" 4 up-auth
echo 'no' | says '403 Forbidden' 'Content-Type: text/plain' | enrols
bad "no" 4 up-refused
: | says '404 Not Found' | enrols
bad "no such operation" 4 up-refused
: | says '429 Too Many Requests' 'Retry-After: 5' | enrols
bad "too many" 7 up-busy
: | says '503 Service Unavailable' | enrols
bad "not now" 7 up-busy
: | says '500 Internal Server Error' | enrols
bad "broken" 7 up-busy
: | says '204 No Content' | enrols
bad "nothing" 5 up-proto
: | says '418 Teapot' | enrols
bad "a teapot" 4 up-refused
echo '<html>' | says '200 OK' 'Content-Type: text/html' | enrols
bad "a captive portal" 5 up-type
: | says '200 OK' "$P7" "$B64" | enrols
bad "an empty answer" 5 up-body
echo '!!!!' | says '200 OK' "$P7" "$B64" | enrols
bad "no base64" 5 up-body
echo 'AAAA' | says '200 OK' "$P7" "$B64" | enrols
bad "no PKCS#7" 5 up-body
p7 "$T/ca.pem" | says '200 OK' "$P7" "$B64" | enrols
echo "cut 300" >"$UP/simpleenroll.mode"
bad "half of an answer" 5 up-body
p7 "$T/ca.pem" | says '200 OK' "$P7" "$B64" | enrols
echo "hang 100" >"$UP/simpleenroll.mode"
bad "an answer that does not go on" 7 up-net
printf 'HTTP/1.1 200 OK\r\n%s\r\n%s\r\n\r\n' "$P7" "$B64" | enrols
echo endless >"$UP/simpleenroll.mode"
bad "an answer without an end" 5 up-body
cacerts_are "$T/root.pem"
echo '<html>' | says '200 OK' 'Content-Type: text/html' >"$UP/cacerts"
bad "cacerts are a captive portal" 5 up-type
cacerts_are "$T/root.pem"

# ---- not the certificate (J13, J14) ----------------------------------------------
openssl pkey -in "$T/other.key" -pubout -out "$T/other.pub"
issues "key=$T/other.pub"
bad "another key" 5 up-cert
issues 'basic=critical,CA:FALSE usage=critical,digitalSignature'
bad "not a CA" 4 up-cert
issues 'usage=critical,cRLSign'
bad "no keyCertSign" 4 up-cert
issues 'basic=critical,CA:TRUE,pathlen:0'
bad "no room for the subca profile" 4 up-cert
like "its profile is named" "$(told text)" subca
issues 'more="nameConstraints=critical,permitted;DNS:a.example"'
bad "new name constraints" 4 up-cert
issues 'days=10'
bad "shorter than the present one" 4 up-cert
issues 'start=+40d'
bad "not valid yet" 4 up-cert
issues 'start=-400d days=300'
bad "expired" 4 up-cert
issues 'hash=sha1'
bad "SHA-1" 4 up-cert
issues 'more="1.3.6.1.4.1.99999.7=critical,DER:0500"'
bad "an unknown critical extension" 4 up-cert
issues 'ca=other'
bad "of a wrong root" 4 up-chain
cacerts_are "$T/root.pem" "$T/other.pem"
bad "of a new root that nobody vouches for" 4 up-chain
is "which is not trusted from then on" "$(grep -c BEGIN \
	"$T/state/own/anchors.pem" 2>/dev/null)" ""
cacerts_are "$T/root.pem"
is "what was refused is kept to be looked at" \
	"$(openssl x509 -in "$T/state/own/intermediate/rejected/cert.pem" \
		-noout -issuer)" "issuer=CN = Other Root"

# ---- approval, for ever (J07) ----------------------------------------------------
for retry in 0 -5 1000000000000 'Thu, 01 Jan 1970 00:00:00 GMT' ''; do
	: | says '202 Accepted' ${retry:+"Retry-After: $retry"} | enrols
	bad "202, Retry-After \"$retry\"" 3 up-pending
	next=$(($(date +%s -d "$(told next_try)") - $(date +%s)))
	is "202, \"$retry\": from a minute to a day" \
		"$([ "$next" -ge 50 ] && [ "$next" -le 95040 ] && echo "in time")" \
		"in time"
done

# ---- alarms (J18) -----------------------------------------------------------------
forget
up_stop
RENEWED='renew_percent = 40;'
configure "https://localhost:1"
later() { # later DAYS: what renew says then
	faketime -f "+${1}d" "$BUILDDIR/bin/microca" -c "$CONF" renew \
		intermediate >"$T/out" 2>"$T/err"
}
alarms() { sql "SELECT count(*) FROM audit WHERE event = 'own-alarm'"; }
is "no alarm yet" "$(alarms)" 0
alarmed=0
for at in "half 920 49" "a quarter 1380 24" "a tenth 1650 9" "5 % 1740 4"; do
	days=${at% *}
	days=${days##* }
	later "$((days - 30))"
	is "${at%% [0-9]*} of its life is left in a month: no alarm for it yet" \
		"$(alarms)" "$alarmed"
	later "$days"
	alarmed=$((alarmed + 1))
	like "… it is: an alarm" "$(cat "$T/err")" \
		"alarm: intermediate: ${at##* } %"
	is "… recorded" "$(alarms)" "$alarmed"
	later "$((days + 1))"
	is "… once a threshold" "$(alarms)" "$alarmed"
done
later 1830
is "it has ended: nothing is renewed" "$? $(told reason)" "7 up-net"
csr ended /CN=ended
faketime -f +1830d "$BUILDDIR/bin/microca" -c "$CONF" issue --profile device \
	-o "$T/ended.pem" "$T/ended.der" 2>"$T/err"
is "… nor issued" "$? $(last_refusal reason)" "7 issuer-time"

# ---- and a good one ----------------------------------------------------------------
RENEWED=
up_start up
issues ''
forget
# J16: the server answers when nobody listens any more, and once more.
echo "late 3000" >"$UP/simpleenroll.mode"
admin enroll --force intermediate >"$T/out" 2>"$T/err"
is "an answer that comes too late" "$? $(told reason)" "7 up-net"
late=$(openssl x509 -in "$T/issued.pem" -noout -serial)
rm "$UP/simpleenroll.mode"
ok "a good one is taken" admin enroll intermediate
is "… for the same request" "$(find "$UP" -name 'request.*.body' -size +0 \
	-printf '%T@ %p\n' | sort -n | tail -n 2 | cut -d' ' -f2 | xargs cksum |
	cut -d' ' -f1,2 | sort -u | wc -l)" 1
is "… the newer of two certificates" "$(openssl x509 -noout -serial \
	-in "$T/state/own/intermediate/current/cert.pem")" \
	"$(openssl x509 -in "$T/issued.pem" -noout -serial)"
ok "… which are two" test "$late" != "$(openssl x509 -in "$T/issued.pem" \
	-noout -serial)"
is "it is staged" "$(admin issuers --json | jq -r '.[].state' | tr '\n' ' ')" \
	"active staged "
is "it is recorded" "$(sql "SELECT count(*) FROM audit
	WHERE event = 'own-enrolled'")" 1
is "its key is kept as long as it is needed" "$(find \
	"$T/state/own/issuer-keys" -name '*.pem' -printf '%m\n')" 600
is "nothing is wrong any more" "$(told state)" good

# ---- killed when the answer is there, at a step until it is stored (J15) ------------
client_now() { # client_now COMMAND...: the box's own from above, anew
	"$@" "$BUILDDIR/bin/microca" -c "$CONF" enroll --force client \
		>"$T/out" 2>"$T/err"
	echo $?
}
asked_last() { # the newest request with a body: its number, its octets
	find "$UP" -name 'request.*.body' -size +0 -printf '%T@ %p\n' | sort -n |
		tail -n 1 | cut -d' ' -f2 | xargs cksum
}
client_serial() {
	openssl x509 -in "$T/state/own/client/current/cert.pem" -noout -serial
}
how="basic=critical,CA:FALSE usage=critical,digitalSignature days=90
	more=extendedKeyUsage=clientAuth"
issues "$how"
cp "$T/issue" "$UP/simplereenroll"
is "a certificate of the box's own" "$(client_now env)" 0
issues "$how; echo sent >>'$T/steps'"
SHIM=$BUILDDIR/tests/shim/cut-shim.so
is "… another, in steps" "$(client_now env LD_PRELOAD="$SHIM" \
	CUT_LOG="$T/steps")" 0
steps=$(sed '1,/^sent/d' "$T/steps" | cut -d' ' -f1)
like "… some of them when the answer is there" "$steps" '^[0-9]'
issues "$how"
# Each third of them is enough for every day.
for step in $(echo "$steps" | sed -n '1~3p'); do
	is "killed at step $step" \
		"$(client_now env LD_PRELOAD="$SHIM" CUT_AT="$step")" 137
	first=$(asked_last) force=--force
	# It may be in use already.
	[ "$(client_serial)" != "$(openssl x509 -in "$T/issued.pem" -noout \
		-serial)" ] || force=
	is "… what is in use is a pair" "$(openssl x509 -noout -pubkey \
		-in "$T/state/own/client/current/cert.pem")" "$(openssl pkey -pubout \
		-in "$T/state/own/client/current/key.pem")"
	admin enroll $force client >"$T/out" 2>"$T/err"
	is "… told again, it is done" "$? $(admin status --json client |
		jq -r '.[0].state')" "0 good"
	now=$(asked_last)
	# Stored, or with the request that was sent.
	is "… by the same request" "${now%% /*}" "${first%% /*}"
	is "… with what was issued last" "$(client_serial)" \
		"$(openssl x509 -in "$T/issued.pem" -noout -serial)"
done
ok "the audit is whole" admin audit verify
done_testing
