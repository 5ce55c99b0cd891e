#!/bin/sh
# FastCGI on a Unix socket: who may talk, what a bad peer can do (nothing),
# stop and reload without losing a request.
if [ "$(id -u)" = 0 ]; then
	ROOT_SAID=$("${BUILDDIR:-.}/cgi-bin/cacerts" </dev/null 2>&1
		echo "exit $?")
	export ROOT_SAID
fi
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
ca_make pem

# ---- what does not start
start cacerts 0666
like "a socket that everybody may write to" "$(cat "$T/cacerts.log")" \
	'not started: socket: everybody may write'
wait "$pid"
is "is exit status 2" $? 2
spawn-fcgi -a 127.0.0.1 -p $((20000 + $$ % 20000)) -n -- "$BIN/cacerts" \
	-c "$CONF" >"$T/tcp.log" 2>&1
is "a TCP socket is too" $? 2
like "and says so" "$(cat "$T/tcp.log")" 'is not a Unix socket'
if [ -n "${ROOT_SAID:-}" ]; then
	like "root is refused" "$ROOT_SAID" 'does not run as root'
	like "with exit status 2" "$ROOT_SAID" 'exit 2'
elif unshare -r true 2>/dev/null; then
	like "root is refused" "$(unshare -r "$BIN/cacerts" 2>&1 </dev/null)" \
		'does not run as root'
else
	skip "root is refused" "not root, and no user namespaces here"
fi
cp "$CONF" "$T/good.conf"
echo 'nonsense = 1;' >>"$CONF"
start cacerts
like "a broken configuration names its line" "$(cat "$T/cacerts.log")" \
	"microca.conf:[0-9]+: .*nonsense"
cp "$T/good.conf" "$CONF"

# ---- who may connect
sed "s/web_server_users = (\"$(id -u)\")/web_server_users = (\"12345\")/" \
	"$T/good.conf" >"$CONF"
start cacerts
is "another user's connection is dropped" "$(send_get plain cacerts)" "1  "
like "and logged" "$(cat "$T/cacerts.log")" \
	"connection of user $(id -u) is dropped"
stop
sed "s/web_server_users = (\"$(id -u)\")/web_server_users = (\"no-such-user\")/" \
	"$T/good.conf" >"$CONF"
start cacerts
like "a user that does not exist is a mistake" "$(cat "$T/cacerts.log")" \
	'there is no user no-such-user'
cp "$T/good.conf" "$CONF"

# ---- a record of unknown type; libfcgi leaks 48 octets with each
asan=${ASAN_OPTIONS:-}
export ASAN_OPTIONS="$asan:detect_leaks=0"
start csrattrs
like "an unknown record: dropped or skipped" \
	"$(send_get unknown csrattrs)" '^(0 200 |1  )$'
is "the process goes on" "$(send_get plain csrattrs)" "0 200 "
stop
export ASAN_OPTIONS="$asan"

# ---- requests, good and bad, to the same process
start simpleenroll
csr dev1 /CN=dev1
openssl base64 -A -in "$T/dev1.der" -out "$T/dev1.line"
is "a request" "$(send_csr plain "$T/dev1.b64")" "0 200 "
is "with padding after all data" "$(send_csr padding "$T/dev1.b64")" \
	"0 200 "
is "with 70,000 octets of parameters more" \
	"$(send_csr long-params "$T/dev1.b64")" "0 200 "
is "with a second request inside" "$(send_csr begin-other "$T/dev1.b64")" \
	"0 200 "
before=$(issued)
is "half a body and silence" "$(send_csr stall "$T/dev1.b64")" \
	"0 408 timeout"
head -c 20 "$T/dev1.line" >"$T/short"
is "a body octet by octet" "$(send_csr slow "$T/short")" "0 408 timeout"
is "half a body and an abort: nothing is sent" \
	"$(send_csr abort "$T/dev1.b64")" "0  "
is "half a body and the end" "$(send_csr close "$T/dev1.b64")" "0  "
for mode in begin-twice version role long-name garbage half-begin; do
	like "no request: $mode" "$(send_csr $mode "$T/dev1.b64")" '^[01]  $'
done
is "a length that lies upwards" \
	"$(send_csr plain "$T/dev1.b64" CONTENT_LENGTH=99999)" \
	"0 413 too-large"
is "a little upwards" \
	"$(send_csr plain "$T/dev1.b64" CONTENT_LENGTH=9999)" \
	"0 400 body-short"
is "downwards" "$(send_csr plain "$T/dev1.b64" CONTENT_LENGTH=5)" \
	"0 400 body-long"
head -c 3000000 /dev/zero | tr '\0' A >"$T/huge"
is "3 MB without a length" "$(send_csr plain "$T/huge" | cut -d' ' -f2-)" \
	"413 too-large"
is "an endpoint twice" "$(send_csr plain "$T/dev1.b64" \
	MICROCA_ENDPOINT=late)" "0 403 auth-config"
is "a certificate twice" "$(send_csr plain "$T/dev1.b64" \
	SSL_CLIENT_CERT=x)" "0 403 auth-config"
is "no environment" "$(send plain simpleenroll </dev/null)" "0 500 config"
is "nothing was issued by all that" "$(issued)" "$before"
is "and the same process goes on" "$(send_csr plain "$T/dev1.b64")" "0 200 "
ok "it does" kill -0 "$pid"

# A worker for each of more bad peers than there are workers: body_wait frees
# them, and a good request waits its turn.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	"$CLIENT" -m half-begin -w 30 "$T/simpleenroll.sock" >/dev/null 2>&1 &
	started="$started $!"
done
is "twelve silent peers hold ten workers for body_wait only" \
	"$(send_csr plain "$T/dev1.b64")" "0 200 "

# ---- a kept connection
is "several requests on one connection" "$("$CLIENT" -k 3 \
	"$T/simpleenroll.sock" REQUEST_METHOD=POST \
	"REQUEST_URI=$EST/simpleenroll" MICROCA_ENDPOINT=device \
	CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
	"SSL_CLIENT_CERT=$(cat "$T/maker-ra.pem")" <"$T/dev1.b64" |
	grep -c '^Status: 200')" 3

# ---- revocation holds at once, in a program that knows the client
is "a device enrols" "$(csr dev2 /CN=dev2 && send_csr plain "$T/dev2.b64")" \
	"0 200 "
certs | openssl x509 -out "$T/dev2.pem"
csr dev2new /CN=dev2
renew() {
	send plain simpleenroll REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/simpleenroll" MICROCA_ENDPOINT=device \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/dev2.pem")" <"$T/dev2new.b64"
}
is "and renews" "$(renew)" "0 200 "
admin revoke "$(openssl x509 -in "$T/dev2.pem" -noout -serial |
	cut -d= -f2)" >/dev/null
is "revoked, it does not" "$(renew)" "0 403 client-revoked"

# ---- health is told
ok "the program tells health how it is" \
	jq -e '.key == "ok" and .store == "ok" and .issuer == "ok"' \
	"$T/run/health-simpleenroll"

signer=$pid
sed 's/allow_cgi = true/allow_cgi = false/' "$T/good.conf" >"$CONF"
start health
health() {
	send plain health REQUEST_METHOD=GET REQUEST_URI=/health "$@" \
		</dev/null | cut -d' ' -f2
	cat "$T/body"
}
is "one of two signing programs runs: degraded" "$(health)" "200
degraded"
is "the box itself is told which does not" \
	"$(health REMOTE_ADDR=127.0.0.1 | tail -n 1)" \
	"degraded: program-silent: simplereenroll: the program is not running"
mv "$T/run/health-simpleenroll" "$T/run/health-old"
is "none runs: down" "$(health)" "503
down"
mv "$T/run/health-old" "$T/run/health-simpleenroll"
stop
cp "$T/good.conf" "$CONF"
pid=$signer

# ---- stop: the request in work is finished
head -c 7 "$T/dev1.line" >"$T/seven"
send_csr slow "$T/seven" >"$T/during" &
sender=$!
sleep 0.5 # the sender takes 1.4 s
stop
is "SIGTERM stops cleanly" $rc 0
wait "$sender"
like "and the request in work was answered" "$(cat "$T/during")" '^0 400 '
ok "the sign of life is gone" test ! -e "$T/run/health-simpleenroll"
like "the log says so" "$(tail -n 1 "$T/simpleenroll.log")" stopped

# ---- two processes, one request
spawn-fcgi -s "$T/second.sock" -M 0660 -n -- "$BIN/simpleenroll" -c "$CONF" \
	>"$T/second.log" 2>&1 &
second=$!
started="$started $second"
wait_for 20 grep -q ' ready' "$T/second.log"
start simpleenroll
csr twins /CN=twins
twin() { # twin SOCKET NUMBER
	ANSWER=$T/twin.$2 BODY=$T/twin.$2.body
	send plain "$1" REQUEST_METHOD=POST "REQUEST_URI=$EST/simpleenroll" \
		MICROCA_ENDPOINT=device CONTENT_TYPE=application/pkcs10 \
		SSL_CLIENT_VERIFY=SUCCESS "SSL_CLIENT_CERT=$(cat "$T/maker-ra.pem")" \
		<"$T/twins.b64" >"$T/twin.$2.said"
}
before=$(issued)
twins=
for i in 1 2 3 4; do
	twin simpleenroll "a$i" &
	twins="$twins $!"
	twin second "b$i" &
	twins="$twins $!"
done
for one in $twins; do
	wait "$one"
done
is "one request to two processes at once: one certificate" \
	"$(($(issued) - before)) $(sort "$T"/twin.*.said | uniq -c | tr -s ' ')" \
	"1  8 0 200 "
is "… the same for each" "$(cksum "$T"/twin.*.body | cut -d' ' -f1,2 | sort -u |
	wc -l)" 1
kill "$second"
wait "$second"
is "the other one ends" $? 0
stop

# ---- reload
start csrattrs
is "csrattrs is given" "$(send_get plain csrattrs)" "0 200 "
sed 's/{ name = "device"; validity = "90d";/& csrattrs = "none";/' \
	"$T/profiles.conf" >"$T/profiles.new"
mv "$T/profiles.new" "$T/profiles.conf"
gone() { [ "$(send_get plain csrattrs)" = "0 204 " ]; }
ok "a changed profile is seen without being told" wait_for 5 gone
echo 'nonsense = 1;' >>"$T/profiles.conf"
ok "a broken one is reported" wait_for 5 \
	grep -q 'the old goes on' "$T/csrattrs.log"
like "with file, line and key" "$(grep 'the old goes on' "$T/csrattrs.log")" \
	'profiles.conf:[0-9]+: .*nonsense'
is "and the old goes on" "$(send_get plain csrattrs)" "0 204 "
is "it is reported once" "$(grep -c 'the old goes on' "$T/csrattrs.log")" 1
profiles_write
back() { [ "$(send_get plain csrattrs)" = "0 200 " ]; }
ok "mended, it is read again" wait_for 5 back
kill -HUP "$pid"
hups() { [ "$(grep -c 'read anew' "$T/csrattrs.log")" -ge 3 ]; }
ok "SIGHUP reads it too" wait_for 5 hups

# 300 requests while the configuration is read again and again.
(
	for _ in $(seq 300); do
		send_get plain csrattrs
	done >"$T/during"
) &
sender=$!
while kill -0 "$sender" 2>/dev/null; do
	kill -HUP "$pid"
	sleep 0.02
done
is "no request is lost while reloading" \
	"$(grep -c '^0 200 ' "$T/during")" 300
stop
is "SIGTERM ends it" $rc 0

start cacerts
mv "$T/public/chain.pem" "$T/chain.away"
cp "$T/ca.pem" "$T/public/chain.pem"
short() {
	send_get plain cacerts >/dev/null
	[ "$(tr -d '\r\n' <"$T/body" | openssl base64 -d -A |
		openssl pkcs7 -inform DER -print_certs | grep -c BEGIN)" = 1 ]
}
ok "a new chain is served" wait_for 5 short
stop INT
is "SIGINT ends it too" $rc 0

# ---- systemd's own way to hand over a listening socket: descriptor 0
if command -v systemd-socket-activate >/dev/null; then
	rm -f "$T/csrattrs.sock" "$T/csrattrs.log"
	(umask 0117 && exec systemd-socket-activate -E ASAN_OPTIONS --inetd \
		-l "$T/csrattrs.sock" "$BIN/csrattrs" -c "$CONF" \
		>"$T/csrattrs.log" 2>&1) &
	pid=$!
	started="$started $pid"
	wait_for 20 test -S "$T/csrattrs.sock"
	like "nothing runs yet" "$(cat "/proc/$pid/comm")" '^systemd-socket'
	is "socket activation: the first request starts the program" \
		"$(send_get plain csrattrs)" "0 200 "
	is "and is answered by it" "$(cat "/proc/$pid/comm")" csrattrs
	stop
	is "which stops like any" "$rc" 0
else
	skip "socket activation" "systemd-socket-activate is not installed"
fi

# ---- the socket outlives the program
cat >"$T/again" <<END
#!/bin/sh
# The same listening socket for one program after the other.
"$BIN/csrattrs" -c "$CONF"
exec "$BIN/csrattrs" -c "$CONF"
END
chmod +x "$T/again"
rm -f "$T/csrattrs.sock" "$T/csrattrs.log"
spawn-fcgi -s "$T/csrattrs.sock" -M 0660 -n -- "$T/again" \
	>"$T/csrattrs.log" 2>&1 &
started="$started $!"
wait_for 20 grep -q ' ready' "$T/csrattrs.log"
pid=$(sed -n 's/.*csrattrs\[\([0-9]*\)\].* ready.*/\1/p' "$T/csrattrs.log")
(
	for _ in $(seq 200); do
		send_get plain csrattrs
	done >"$T/during"
) &
sender=$!
sleep 0.2
kill -TERM "$pid"
wait "$sender"
is "a restart loses no request" "$(grep -c '^0 200 ' "$T/during")" 200
is "and there was one" "$(grep -c ' ready' "$T/csrattrs.log")" 2
started="$started $(sed -n 's/.*csrattrs\[\([0-9]*\)\].* ready.*/\1/p' \
	"$T/csrattrs.log" | tail -n 1)"
done_testing
