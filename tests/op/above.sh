#!/bin/sh
# The revocation lists of the CAs above us (upstream.crls): a certificate of ours
# that is on one issues no more, a server above that is on one is sent nothing;
# a list that is missing, old, or no good stops nobody.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"
ca_make pem
root_make other "/CN=Op Test Root" >"$T/setup.log" 2>&1 # the same name
root_make tls "/CN=TLS Root" >"$T/setup.log" 2>&1

# list FILE CA SECONDS CERT...: a list of CA's that names these; ends in SECONDS.
cat >"$T/ca.conf" <<'END'
[ca]
default_ca = c
[c]
database = index.txt
default_md = sha256
crl_extensions = e
[e]
authorityKeyIdentifier = keyid
[delta]
2.5.29.27 = critical,DER:020101
END
list() {
	list_file=$1 list_ca=$2 list_s=$3
	shift 3
	: >"$T/index.txt"
	for list_cert in "$@"; do
		printf 'R\t400101000000Z\t250101000000Z\t%s\tunknown\t/CN=x\n' \
			"$(serial "$list_cert")" >>"$T/index.txt"
	done
	(cd "$T" && ${LIST_AT:+faketime -f "$LIST_AT"} openssl ca -gencrl -config ca.conf -cert "$list_ca.pem" \
		-keyfile "$list_ca.key" -crlsec "$list_s" \
		${LIST_EXTENSIONS:+-crlexts "$LIST_EXTENSIONS"} -out list.new \
		2>setup.log) || bail "openssl ca"
	mv "$T/list.new" "$list_file"
}
serial() { openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2; }

configure() { # configure CRLS [URL]
	conf_write "$T/issuer.key" "
	upstream = { url = \"${2:-https://localhost:1}\"; anchors = \"tls.pem\";
	  timeout = \"3s\"; crls = ($1); };
	certificates = ( { name = \"client\"; source = \"upstream\";
	    subject = \"CN=box\"; initial_certificate = \"maker-ra.pem\";
	    initial_key = \"maker-ra.key\"; } );"
}
# until_says ANSWER: the running program comes to say so.
# A new request each time: who asks again gets what was issued.
asked() {
	name=dev$(date +%s%N)
	csr "$name" "/CN=$name"
	send_csr plain "$T/$name.b64" | cut -d' ' -f2-
}
says() { [ "$(asked)" = "$1" ]; }
until_says() { wait_for 20 says "$1"; }

# ---- our own certificate ---------------------------------------------------------
list "$T/above.crl" root 86400 maker-ra
configure '"above.crl"'
start simpleenroll
is "on no list: it issues" "$(asked)" "200 "
list "$T/above.crl" root 86400 ca
ok "the root revokes it: no more, without a restart" until_says "503 issuer-revoked"
like "… with Retry-After" "$(tr -d '\r' <"$ANSWER")" '^Retry-After: [1-9]'
is "… one line, which names nobody" "$(sed 's/ (request.*//' "$BODY")" \
	"issuer-revoked: the issuing certificate, or one above it, is revoked"
before_refusal
is "… nothing is issued" "$(asked) $(($(issued) - issued_before))" \
	"503 issuer-revoked 0"
is "… it is recorded" "$(last_refusal reason) $(last_refusal status)" \
	"issuer-revoked 503"
like "… the log has whom, and since when" "$(cat "$T/simpleenroll.log")" \
	'issues no more.*"CN=Op Test CA,O=Example" is on its issuer.s revocation list since 2025-01-01T00:00:00Z'
is "cacerts answers still" "$(get device cacerts)" 200
like "check says so" "$(admin check 2>&1)" 'FAIL: .*is revoked'
like "it is not installed again, not by force" "$(admin install --force --root \
	"$T/root.pem" intermediate "$T/ca.pem" 2>&1)" \
	'^microca install: the issuing certificate, or one above it, is revoked'
# Another one, which ends sooner than the one that is of no use.
openssl x509 -req -in "$T/ca.csr" -CA "$T/root.pem" -CAkey "$T/root.key" \
	-CAcreateserial -days 30 -extfile "$T/ca.ext" -out "$T/ca2.pem" 2>/dev/null
ok "another one is installed" admin install --root "$T/root.pem" \
	intermediate "$T/ca2.pem"
ok "… and issues at once" until_says "200 "
admin issuers >"$T/out" 2>&1
list "$T/above.crl" root 86400 ca ca2
ok "revoked, too" until_says "503 issuer-revoked"
list "$T/above.crl" root 86400 ca2
ok "the one before is on no list any more: it issues" until_says "200 "
list "$T/above.crl" root 86400 ca ca2
ok "both again" until_says "503 issuer-revoked"
list "$T/above.crl" root 86400 maker-ra
ok "a list without it, which somebody put there: it issues again" \
	until_says "200 "

# ---- lists that say nothing
list "$T/above.crl" other 86400 ca ca2
ok "a list of another CA of that name: nothing" until_says "200 "
LIST_EXTENSIONS="delta" list "$T/above.crl" root 86400 ca ca2
ok "a delta: nothing" until_says "200 "
list "$T/above.crl" root 1 ca ca2
ok "an old one: it names whom it names" until_says "503 issuer-revoked"
sleep 1.1
touch "$T/above.crl"
ok "… after its nextUpdate" until_says "503 issuer-revoked"
head -c 300 "$T/above.crl" >"$T/cut" && mv "$T/cut" "$T/above.crl"
ok "half a list stops nobody" until_says "200 "
ok "… and is told" grep -q 'passed over.*above.crl: .*no revocation list' \
	"$T/simpleenroll.log"
rm "$T/above.crl"
ok "no list stops nobody" until_says "200 "
ok "… and is told" wait_for 10 grep -q 'passed over.*it is not there' \
	"$T/simpleenroll.log"
like "… by check, too" "$(admin check 2>&1)" \
	'FAIL: lists of the CAs above are there: .*above.crl: it is not there'
list "$T/pem.crl" root 86400 ca ca2
{
	list "$T/first.crl" maker 86400
	cat "$T/first.crl" "$T/pem.crl"
} >"$T/above.crl"
ok "the second list of a file" until_says "503 issuer-revoked"
openssl crl -in "$T/pem.crl" -outform DER -out "$T/above.crl"
touch "$T/above.crl"
ok "DER" until_says "503 issuer-revoked"
stop TERM
is "it ends cleanly" "$rc" 0

# ---- one that is fetched ----------------------------------------------------------
mkdir "$T/www"
web_port=$((20000 + $$ % 10000))
cat >"$T/lighttpd.conf" <<END
server.document-root = "$T/www"
server.bind = "127.0.0.1"
server.port = $web_port
server.stat-cache-engine = "disable"
END
lighttpd -D -f "$T/lighttpd.conf" >"$T/lighttpd.log" 2>&1 &
started="$started $!"
url=http://localhost:$web_port/root.crl
configure "\"$url\""
renew() { # the timer's; what was fetched this hour is not asked for again
	find "$T/state/own/crls" -type f -exec touch -d '2 hours ago' {} + 2>/dev/null
	admin renew client >"$T/out" 2>"$T/err"
}
kept() { find "$T/state/own/crls" -type f -exec sha256sum {} + 2>/dev/null |
	cut -c1-64; }
wait_for 10 curl -s -o /dev/null "http://localhost:$web_port/" || bail "lighttpd"
renew
like "404: told" "$(cat "$T/err")" "$url: up-refused: the server says 404"
is "… nothing is kept" "$(kept)" ""
start simpleenroll
is "… it issues" "$(asked)" "200 "
list "$T/www/root.crl" root 86400 ca ca2
renew
is "a list: kept" "$(kept)" "$(sha256sum <"$T/www/root.crl" | cut -c1-64)"
ok "… and heeded" until_says "503 issuer-revoked"
had=$(kept)
list "$T/www/root.crl" other 86400
renew
like "one that is signed by nobody we know" "$(cat "$T/err")" \
	"$url: crl: .*signed by no CA that is known"
is "… does not replace it" "$(kept)" "$had"
printf 'HTML' >"$T/www/root.crl"
renew
like "no list" "$(cat "$T/err")" "$url: crl: no revocation list"
is "… does not replace it" "$(kept)" "$had"
LIST_AT=-2d list "$T/www/root.crl" root 864000
renew
like "an older one without us, replayed" "$(cat "$T/err")" \
	"$url: crl: .*is older than the one that is there"
is "… does not replace it" "$(kept)" "$had"
LIST_AT=+2d list "$T/www/root.crl" root 864000
renew
like "one of the future" "$(cat "$T/err")" "$url: crl: .*is of the future"
is "… does not replace it" "$(kept)" "$had"
head -c 17000000 /dev/zero >"$T/www/root.crl"
renew
like "an endless one" "$(cat "$T/err")" "$url: up-body: .*too long"
sleep 1.1 # a list's time is in seconds
list "$T/www/root.crl" root 86400
renew
is "a newer one without us: kept" "$(kept)" \
	"$(sha256sum <"$T/www/root.crl" | cut -c1-64)"
ok "… and heeded" until_says "200 "
list "$T/www/root.crl" root 86400 ca ca2
had=$(kept)
admin renew client >"$T/out" 2>"$T/err"
is "within the hour it is not asked for" "$(kept)" "$had"
stop TERM
is "it ends cleanly" "$rc" 0

# ---- a server above ------------------------------------------------------------------
mkdir "$T/up"
printf '%s\n' subjectAltName=DNS:localhost extendedKeyUsage=serverAuth >"$T/server.ext"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout "$T/server.key" -subj /CN=up -out "$T/server.csr" 2>/dev/null
openssl x509 -req -in "$T/server.csr" -CA "$T/tls.pem" -CAkey "$T/tls.key" \
	-CAcreateserial -days 30 -extfile "$T/server.ext" -out "$T/server.pem" \
	2>/dev/null
{
	printf 'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n'
} >"$T/up/cacerts"
"$BUILDDIR/tests/tools/answer" -C "$T/maker.pem" -c "$T/server.pem" \
	-k "$T/server.key" "$T/up" 2>"$T/setup.log" &
started="$started $!"
wait_for 10 test -s "$T/up/port" || bail "no server"
list "$T/above.crl" tls 86400
configure '"above.crl"' "https://localhost:$(cat "$T/up/port")"
admin enroll client >"$T/out" 2>"$T/err"
like "a server that is on no list is asked" "$(cat "$T/err")" 'status 403'
sent=$(find "$T/up" -name '*request*' | wc -l)
list "$T/above.crl" tls 86400 server
admin enroll client >"$T/out" 2>"$T/err"
is "one that is on its CA's list: exit status 4" "$?" 4
like "… says whose" "$(cat "$T/err")" \
	'the server.s certificate, or one above it, is revoked: .*"CN=up"'
is "… nothing was sent" "$(find "$T/up" -name '*request*' | wc -l)" "$sent"
done_testing
