#!/usr/bin/env bash
# The web server's certificate is renewed while clients keep coming with new
# connections: lighttpd changes to the new pair and nobody is turned away.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
clients=()
clients_stop() {
	: >"$T/stop"
	wait "${clients[@]}" 2>/dev/null
}
PATH=$BUILDDIR/bin:$PATH # microca-reload asks microca
demo_start

# client N: new connections until told to stop; what they got in $T/codes.N.
client() {
	while [ ! -e "$T/stop" ]; do
		curl -sS --noproxy '*' --max-time 20 --cacert "$DEMO/root.pem" \
			-o /dev/null -w '%{http_code}\n' "$(url 0 cacerts)" \
			>>"$T/codes.$1" 2>>"$T/errors.$1"
	done
}
served() { # the serial of the certificate that the web server shows
	openssl s_client -connect "localhost:$PORT" -servername localhost \
		</dev/null 2>/dev/null | openssl x509 -noout -serial
}
renewed() { openssl x509 -in "$DEMO/public/server.pem" -noout -serial; }
is_served() { [ "$(served)" = "$(renewed)" ]; }
waits() { # until the new one is served, 30 s at most
	local end=$((SECONDS + 30))
	until is_served; do
		[ "$SECONDS" -lt "$end" ] || return 1
	done
}
reload() {
	MICROCA_PUBLIC=$DEMO/public MICROCA_PID=$DEMO/run/lighttpd.pid \
		MICROCA_RELOAD_MARK=$T/reload.seen "$SRCDIR/etc/microca-reload"
}
answers() { cat "$T"/codes.* | wc -l; }

ok "quickstart's certificate is served" is_served
ok "its key is closed to others" \
	test "$(stat -L -c %a "$DEMO/public/server.key")" = 640
ok "the links are relative" test "$(readlink "$DEMO/public/server.pem")" = \
	server/current/server.pem
ok "a first look finds something to read" reload
ok "a second one nothing" reload

for n in 1 2 3 4; do
	client "$n" &
	clients+=($!)
done
trap 'clients_stop; demo_stop' EXIT
for round in 1 2 3 4 5; do
	old=$(renewed)
	before=$(answers)
	ok "round $round: renewed" admin enroll --force server
	is "round $round: it is another one" "$([ "$old" != "$(renewed)" ] &&
		echo another)" another
	ok "round $round: the web server is told" reload
	ok "round $round: and serves it" waits
	is "round $round: clients came meanwhile" \
		"$([ "$(answers)" -gt "$before" ] && echo yes)" yes
done
clients_stop
is "no request failed" "$(cat "$T"/codes.* | sort | uniq -c |
	sed 's/^ *[0-9]* //' | tr '\n' ' ')" "200 "
is "and none was cut" "$(cat "$T"/errors.* | head -n 5)" ""
is "one process serves all the time" \
	"$(grep -c . "$DEMO/run/lighttpd.pid")" 1
is "two generations are kept" \
	"$(find "$DEMO/public/server" -mindepth 1 -maxdepth 1 -type d | wc -l)" 2

# ---- what must not be served
cp "$DEMO/public/server.pem" "$T/server.pem"
: >"$T/reload.seen"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
	-out "$T/other.key" 2>/dev/null
mkdir "$T/odd"
cp "$T/server.pem" "$T/odd/server.pem"
cp "$T/other.key" "$T/odd/server.key"
ok "a certificate without its key is not reloaded" sh -c \
	"! MICROCA_PUBLIC='$T/odd' MICROCA_RELOAD='touch $T/told' \
	MICROCA_RELOAD_MARK='$T/reload.seen' '$SRCDIR/etc/microca-reload' 2>/dev/null"
ok "nobody was told" test ! -e "$T/told"
ok "check finds all in order" admin check
done_testing
