#!/bin/sh
# What health says when a timer does not do its work: certificates of the CA's
# own, signed heads, uploads, backups.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
FAKETIME_LIBRARY=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
if [ -z "$FAKETIME_LIBRARY" ]; then
	[ "${CI:-}" = true ] && bail "faketime is not installed"
	echo "1..0 # SKIP faketime is not installed"
	exit 0
fi
ca_make pem
configure() { # configure MORE-CERTIFICATES
	conf_write "$T/issuer.key" "certificates = (
	  { name = \"device\"; source = \"manual\"; subject = \"CN=box\"; },
	  { name = \"client\"; source = \"self\"; profile = \"device\";
	    subject = \"CN=box\"; } $1 );"
}
# says [DAYS [ABOUT]]: from now; "STATE:WORD:ABOUT …" of what is about these.
says() {
	cgi health REQUEST_METHOD=GET REQUEST_URI=/health \
		REMOTE_ADDR=127.0.0.1 HTTP_ACCEPT=application/json \
		LD_PRELOAD="$FAKETIME_LIBRARY" FAKETIME="+${1:-0}d" NO_FAKE_STAT=1 \
		</dev/null >/dev/null
	jq -r --arg about "${2:-.}" '[.reasons[] | select(.about != null and
		(.about | test($about))) | .state + ":" + .word + ":" + .about]
		| join(" ")' "$T/body"
}

is "nothing is asked for, nothing is missing" "$(says)" ""

# ---- certificates of its own
configure ''
is "they are missing" "$(says)" \
	"degraded:own-absent:device degraded:own-absent:client"
admin enroll client >/dev/null
is "one is there" "$(says 0 client)" ""
like "in the metrics, too" "$(cgi metrics REQUEST_METHOD=GET \
	REQUEST_URI=/metrics REMOTE_ADDR=127.0.0.1 </dev/null >/dev/null
	grep -F 'own_certificate_not_after_timestamp_seconds{name="client"' \
		"$T/body")" 'source="self"} 1[0-9]{9}$'
days=$((($(date -d "$(openssl x509 -in "$T/state/own/client/current/cert.pem" \
	-noout -enddate | cut -d= -f2)" +%s) - $(date +%s)) / 86400))
is "its renewal is due: not yet late" "$(says $((days * 2 / 3 + 1)) client)" ""
is "it is late" "$(says $((days * 5 / 6 + 3)) client)" \
	"degraded:own-due:client"
is "it has ended" "$(says $((days + 2)) client)" "degraded:own-ended:client"
configure ', { name = "server"; source = "self"; profile = "device";
	subject = "O=Nobody"; }'
admin enroll server >/dev/null 2>&1
is "one that is refused" "$(says 0 server)" \
	"degraded:own-refused:server degraded:own-absent:server"
like "… says why" "$(jq -r '.reasons[] | select(.word == "own-refused") | .text' \
	"$T/body")" 'was refused: .+'
admin csr device >"$T/device.csr"
openssl x509 -req -in "$T/device.csr" -CA "$T/root.pem" -CAkey "$T/root.key" \
	-CAcreateserial -days 60 -out "$T/device.pem" 2>/dev/null
admin install device "$T/device.pem" >/dev/null
is "one that comes by hand is there" "$(says 0 device)" ""
is "… and is asked for a month before" "$(says 31 device)" \
	"degraded:own-due:device"
conf_write "$T/issuer.key" ''

# ---- signed heads
is "no head was ever wanted" "$(says 9 audit)" ""
admin audit head >/dev/null
is "one was signed" "$(says 0 audit)" ""
is "and none for long" "$(says 2 audit)" "degraded:head-late:audit"
touch -d '2 days ago' "$T/state/heads/local"
is "two days ago" "$(says 0 audit)" "degraded:head-late:audit"
lines=$(wc -l <"$T/state/heads/local")
admin audit head >/dev/null
is "nothing to sign, but somebody looked" "$(says 0 audit)" ""
is "… and signed nothing" "$(wc -l <"$T/state/heads/local")" "$lines"
conf_write "$T/issuer.key" 'health = { head_age = "5d"; };'
is "more patience" "$(says 2 audit)" ""

# ---- backups
conf_write "$T/issuer.key" 'health = { backup_age = "7d"; };'
is "a backup is wanted" "$(says 0 backup)" "degraded:backup-absent:backup"
mkdir "$T/backups"
admin backup "$T/backups" >/dev/null
is "there is one" "$(says 0 backup)" ""
is "of last week" "$(says 8 backup)" "degraded:backup-late:backup"
admin backup - >/dev/null 2>&1
is "to a pipe it counts as well" \
	"$(jq -r '.path // "none"' "$T/state/backup.json")" none
echo rubbish >"$T/state/backup.json"
is "what cannot be read is none" "$(says 0 backup)" \
	"degraded:backup-absent:backup"

# ---- the clock, as a program that signs sees it
conf_write "$T/issuer.key" ''
csr ahead /CN=ahead
start simpleenroll
signed() { jq -e --arg word "$1" '.clock == $word' \
	"$T/run/health-simpleenroll"; }
ok "the clock is right" wait_for 20 signed ok
faketime -f +2d "$BUILDDIR/bin/microca" -c "$CONF" issue --profile device \
	"$T/ahead.der" >/dev/null
ok "a certificate of the day after tomorrow" wait_for 20 signed clock
is "nothing is issued, and health says why" "$(says 0 simpleenroll)" \
	"down:clock:simpleenroll"
csr now /CN=now
is "… and it is so" "$(send_csr plain "$T/now.b64")" "0 503 clock"
stop TERM

# ---- since when
conf_write "$T/issuer.key" 'health = { backup_age = "7d"; };'
says 0 backup >/dev/null
first=$(jq -r '.reasons[] | select(.word == "backup-absent") | .since' "$T/body")
sleep 1.1
says 0 backup >/dev/null
is "since it was first seen, not since now" "$(jq -r '.reasons[] |
	select(.word == "backup-absent") | .since' "$T/body")" "$first"
is "… which is earlier" "$(jq -r --arg first "$first" '.time > $first' \
	"$T/body")" true
done_testing
