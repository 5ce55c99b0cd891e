#!/usr/bin/env bash
# docs/troubleshooting.md quotes what is really said: each is made to be said.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
DOC=$SRCDIR/docs/troubleshooting.md
demo_start
U=(--url "https://localhost:$PORT" --anchors "$DEMO/root.pem")
maker=(--cert "$DEMO/manufacturer.pem" --key "$DEMO/manufacturer.key")
ra=(--auth-cert "$DEMO/manufacturer.pem" --auth-key "$DEMO/manufacturer.key")

# told NAME TEXT QUOTE...: each is said, and stands in the document.
told() {
	local name=$1 text=$2 quote
	shift 2
	for quote in "$@"; do
		ok "$name: $quote" grep -qF -e "$quote" <<<"$text"
		ok "… is in the document" grep -qF -e "$quote" "$DOC"
	done
}
client() { "$BUILDDIR/bin/est-client" "$@" 2>&1; }
curls() { curl -sS --max-time 20 -o /dev/null "$@" 2>&1; }
# refusal OFFSET OPERATION BODY [curl arguments]: "STATUS WORD: sentence", as
# the tables have it
refusal() {
	printf '%s ' "$(post "$@")"
	sed 's/ (request [0-9a-f]*)$//' "$T/body"
}
# row NAME OFFSET OPERATION BODY TEXT [curl arguments]
row() {
	local name=$1 at=$2 op=$3 body=$4 want=$5
	shift 5
	is "$name" "$(refusal "$at" "$op" "$body" "$@")" "$want"
	ok "… is in the document" grep -qF -e "${want/ / \`}" "$DOC"
}

# ---- no answer at all
gone=$((PORT + 5))
told "nothing listens" "$(curls "https://localhost:$gone/")" \
	"(7) Failed to connect to"
told "nothing listens, est-client" "$(client enroll --url \
	"https://localhost:$gone" --anchors "$DEMO/root.pem" \
	--folder "$T/none" --subject CN=x "${ra[@]}")" \
	"the server cannot be reached: Couldn't connect to server"
told "another root" "$(curls --cacert "$DEMO/operator-ca.pem" \
	"$(url 0 cacerts)")" \
	"(60) SSL certificate problem: unable to get local issuer certificate"
told "another root, est-client" "$(client enroll --url \
	"https://localhost:$PORT" --anchors "$DEMO/operator-ca.pem" \
	--folder "$T/none" --subject CN=x "${ra[@]}")" \
	"the server's certificate is not trusted: unable to get local issuer certificate"
csr a /CN=ts-a
openssl req -inform DER -in "$T/a.der" -out "$T/a.csr"
told "another root, strongSwan" "$(pki --est --url "https://localhost:$PORT" \
	--in "$T/a.csr" --cacert "$DEMO/operator-ca.pem" \
	--cert "$DEMO/manufacturer.pem" --key "$DEMO/manufacturer.key" 2>&1)" \
	"no TLS public key found for server"
told "another name" "$(curls --cacert "$DEMO/root.pem" --resolve \
	"other.example:$PORT:127.0.0.1" "https://other.example:$PORT/")" \
	"SSL: no alternative certificate subject name matches target host name"
told "a clock that stands" "$(faketime 2020-01-01 curl -sS --cacert \
	"$DEMO/root.pem" "$(url 0 cacerts)" 2>&1)" \
	"(60) SSL certificate problem: certificate is not yet valid"
told "TLS 1.1" "$(curls --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 --cacert \
	"$DEMO/root.pem" "$(url 0 cacerts)")" "tlsv1 alert protocol version"
told "no TLS" "$(curls "http://localhost:$PORT/")" \
	"(52) Empty reply from server"

# ---- refused
row "no certificate" 0 simpleenroll "$T/a.b64" \
	"403 auth-none: RFC 7030, 3.3.2: a client certificate is needed"
told "… strongSwan" "$(pki --est --url "https://localhost:$PORT" \
	--in "$T/a.csr" --cacert "$DEMO/root.pem" --cacert \
	"$DEMO/intermediate.pem" 2>&1)" "EST request failed: HTTP 403"
row "another port's" 2 simpleenroll "$T/a.b64" \
	"403 client-untrusted: the client certificate is not accepted here" \
	"${maker[@]}"
openssl x509 -req -inform DER -in "$T/a.der" -CA "$DEMO/manufacturer-ca.pem" \
	-CAkey "$DEMO/manufacturer-ca.key" -set_serial 77 -days 0 \
	-out "$T/ended.pem" 2>/dev/null
sleep 1 # it ends with this second
row "ended" 0 simpleenroll "$T/a.b64" \
	"403 client-expired: the client certificate expired" \
	--cert "$T/ended.pem" --key "$T/a.key"
enrol dev ts-dev && enrol bad ts-bad || exit 1
csr other /CN=ts-other
as_dev=(--cert "$T/dev.pem" --key "$T/dev.key")
row "another's name" 0 simpleenroll "$T/other.b64" \
	"403 name-policy: RFC 7030, 3.7: the CN asked for is not that of the certificate shown" \
	"${as_dev[@]}"
row "… renewed" 0 simplereenroll "$T/other.b64" \
	"403 reenroll-name: RFC 7030, 4.2.2: subject is not the certificate's" \
	"${as_dev[@]}"
admin revoke --reason keyCompromise "$(openssl x509 -in "$T/bad.pem" -noout \
	-serial | cut -d= -f2)" >/dev/null
row "revoked" 0 simplereenroll "$T/bad.b64" \
	"403 client-revoked: the client certificate is revoked" \
	--cert "$T/bad.pem" --key "$T/bad.key"
row "its key" 0 simpleenroll "$T/bad.b64" \
	"400 key-reuse: this key was reported as compromised" "${maker[@]}"
csr mail /CN=mail -addext subjectAltName=email:a@b
row "a SAN" 0 simpleenroll "$T/mail.b64" \
	"403 san-policy: subjectAltName email: the profile does not list this type" \
	"${maker[@]}"
csr blank "/CN=a b"
row "a pattern" 0 simpleenroll "$T/blank.b64" \
	"400 dn-rule: profile device: the CN asked for does not match the profile's pattern" \
	"${maker[@]}"
row "PEM" 0 simpleenroll "$T/a.csr" \
	"400 base64: RFC 8951, 3: the body is not base64 of DER" "${maker[@]}"
is "no type" "$(est 0 simpleenroll --data-binary "@$T/a.b64" "${maker[@]}" \
	)" 415
told "…" "$(cat "$T/body")" \
	"type: RFC 7030, 3.2.4: want Content-Type: application/pkcs10"
openssl req -new -newkey rsa:1024 -nodes -keyout "$T/weak.key" -subj /CN=w \
	-outform DER 2>/dev/null | openssl base64 >"$T/weak.b64"
row "a weak key" 0 simpleenroll "$T/weak.b64" \
	"400 weak-key: the RSA modulus is shorter than 2048 bits" "${maker[@]}"
printf '%s\n' '[req]' distinguished_name=dn attributes=at prompt=no '[dn]' \
	CN=typed '[at]' challengePassword=secret >"$T/typed.cnf"
openssl req -new -config "$T/typed.cnf" -key "$T/a.key" -outform DER |
	openssl base64 >"$T/typed.b64"
row "a password" 0 simpleenroll "$T/typed.b64" \
	"400 pop-link: RFC 7030, 3.5: the challengePassword cannot be compared with this TLS session" \
	"${maker[@]}"
is "a label" "$(est 0 nolabel/cacerts)" 404
told "…" "$(cat "$T/body")" \
	"path: RFC 7030, 3.2.2: nothing is served under this path"
is "GET" "$(est 0 simpleenroll "${maker[@]}")" 405
told "…" "$(cat "$T/body")" \
	"method: RFC 9110, 15.5.6: simpleenroll takes POST"
cp "$DEMO/manufacturer.key" "$T/open.key" && chmod 644 "$T/open.key"
told "an open key" "$(client enroll "${U[@]}" --folder "$T/open" --subject CN=x \
	--auth-cert "$DEMO/manufacturer.pem" --auth-key "$T/open.key")" \
	"must be a regular file of its reader, mode 0400 or 0600"

# ---- nothing is issued: until TEXT is said, or 20 s
said=
until_said() { # until_said TEXT COMMAND...
	local text=$1 end=$((SECONDS + 20))
	shift
	until said=$("$@" 2>&1) && grep -qF -e "$text" <<<"$said"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}
attempt() {
	csr try "/CN=try-$RANDOM" && refusal 0 simpleenroll "$T/try.b64" \
		"${maker[@]}"
}
checks() { admin check || true; }
broken() { # broken NAME TEXT COMMAND...: it is said, and in the document
	local name=$1 text=$2
	shift 2
	ok "$name: $text" until_said "$text" "$@"
	ok "… is in the document" grep -qF -e "$text" "$DOC"
}
mv "$DEMO/tokens" "$DEMO/tokens.away"
broken "no token" "token-absent: the PKCS#11 module does not start" attempt
mv "$DEMO/tokens.away" "$DEMO/tokens"
ok "… it comes back by itself" until_said "200 " attempt

conf=$DEMO/etc/microca.conf
cp "$conf" "$T/good.conf"
change() { sed "$1" "$T/good.conf" >"$T/new.conf" && cat "$T/new.conf" >"$conf"; }
change 's/^disk_reserve = .*/disk_reserve = "1000G";/'
broken "disk full" "the disk is full: nothing is issued" checks
change 's/^disk_reserve/disk_reserv/'
broken "a slip" "did you mean" checks
broken "… in the log" "the new configuration is not used, the old goes on" \
	cat "$DEMO/log/simpleenroll.log"
change 's/^web_server_users = .*/web_server_users = ("daemon");/'
broken "the web server's user" "500 " attempt
broken "… in the log" "is dropped: web_server_users does not name it" \
	cat "$DEMO/log/simpleenroll.log"
change 's/name = "device";/name = "device"; approval = "always";/'
approve() { client enroll "${U[@]}" --folder "$T/wait" --subject CN=ts-wait "${ra[@]}" || true; }
broken "approval" "the server has the request and has not decided: ask again in 300 s" \
	approve
cat "$T/good.conf" >"$conf"
ok "… as before" until_said "200 " attempt

sed -i.good 's/"MICROCA_ENDPOINT" => "device"/"OTHER" => "device"/' \
	"$DEMO/etc/lighttpd.conf"
kill -USR1 "$(cat "$DEMO/pid/lighttpd")"
broken "no endpoint" "config: the service is not configured rightly" attempt
broken "… in the log" "MICROCA_ENDPOINT is not set" \
	cat "$DEMO/log/simpleenroll.log"
mv "$DEMO/etc/lighttpd.conf.good" "$DEMO/etc/lighttpd.conf"
kill -USR1 "$(cat "$DEMO/pid/lighttpd")"
ok "… as before" until_said "200 " attempt

mv "$DEMO/var/microca.db" "$DEMO/var/moved.db"
broken "no database" "db-write: the database file was moved or deleted" attempt
broken "… check" "there is no database" checks
mv "$DEMO/var/moved.db" "$DEMO/var/microca.db"

mv "$DEMO/run/simpleenroll.sock" "$DEMO/run/moved.sock"
broken "no program" "503 " attempt
broken "… the web server's log" "establishing connection failed" \
	cat "$DEMO/log/error.log"
done_testing
