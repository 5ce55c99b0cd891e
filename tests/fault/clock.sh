#!/bin/sh
# The clock is set back and forward while the CA serves: what would be dated
# wrongly is not made, and when it is right again all goes on by itself.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/../op/fcgi.sh"
# shellcheck source=tests/fault/lib.sh
. "$(dirname "$0")/lib.sh"
log=$T/simpleenroll.log
DAY=86400
CLOCK=$T/clock # see the shim
clock() { echo "$1" >"$CLOCK.new" && mv "$CLOCK.new" "$CLOCK"; }
SHIM=$BUILDDIR/tests/shim/cut-shim.so
tool() { # microca under that clock
	env LD_PRELOAD="$SHIM" CLOCK_FAULT="$CLOCK" "$BUILDDIR/bin/microca" \
		-c "$CONF" "$@"
}
rc_of() { # rc_of COMMAND...: its output is in $T/out
	"$@" >"$T/out" 2>&1
	echo "$?"
}
refused() { tail -n +"$1" "$log" | grep -qE " 503 ($2): "; }
until_refused() { # until_refused TITLE REASON
	mark=$(($(wc -l <"$log") + 1))
	ok "$1: clients are told to come again" \
		wait_for 30 refused "$mark" "$2"
}
list_end() {
	openssl crl -inform DER -in "$(echo "$T"/public/crl/*.crl)" -noout \
		-nextupdate
}

ca_make pem
# The registration authority's certificate is good at all times.
clock $((-7000 * DAY))
(
	LD_PRELOAD=$SHIM CLOCK_FAULT=$CLOCK
	export LD_PRELOAD CLOCK_FAULT
	cd "$T" || exit
	openssl x509 -in maker.pem -signkey maker.key -days 20000 \
		-out long.pem && mv long.pem maker.pem &&
		leaf_make maker-ra maker "/CN=Line 1 RA" -days 20000
) >"$T/setup.log" 2>&1 || bail "a certificate of long ago"
clock 0
watch simpleenroll env LD_PRELOAD="$SHIM" CLOCK_FAULT="$CLOCK"
clients 3
goes_on "a clock that is right"
admin crl >/dev/null || bail "crl"

clock -3600
until_refused "set back by an hour" clock
is "… no list is made" "$(rc_of tool crl --force)" 7
like "… for that reason" "$(cat "$T/out")" 'clock'
is "… no certificate by hand" "$(csr hand /CN=hand && rc_of tool issue \
	--endpoint device -o "$T/hand.pem" "$T/hand.der")" 7
ok "… the forecast can be read" tool forecast
clock 0
goes_on "right again"

clock $((3000 * DAY))
until_refused "set forward by eight years" 'issuer-time|clock'
is "… nor a certificate by hand" "$(rc_of tool issue \
	--endpoint device -o "$T/hand.pem" "$T/hand.der")" 7
clock 0
goes_on "right again after that"

clock $((3 * DAY))
goes_on "three days ahead, which nobody can tell"
is "… a list is made" "$(rc_of tool crl)" 0
ahead=$(list_end)
clock 0
until_refused "set right" clock
is "… what is dated ahead keeps a list from being made" \
	"$(rc_of tool crl --force)" 7
is "… and the one that is published stays" "$(list_end)" "$ahead"
clock $((3 * DAY + 600))
goes_on "when that time has come"
clients_end
ok "some had to ask again" test -s "$T/again"
consistent "after all that"
is "no certificate was made while it was behind" "$(sql "SELECT count(*)
	FROM certificate a, certificate b
	WHERE a.id > b.id AND a.issued < b.issued - 300")" 0
unwatch

# ---- status, renewal and the certificates of its own
RIGHT=$((3 * DAY + 600))
at() { clock $((RIGHT + $1)); }
under() { # under PROGRAM NAME=VALUE... <body: the status
	under_program=$1
	shift
	cgi "$under_program" LD_PRELOAD="$SHIM" CLOCK_FAULT="$CLOCK" "$@"
}
at 0
csr one /CN=one
is "a device" "$(under simpleenroll REQUEST_METHOD=POST \
	"REQUEST_URI=$EST/simpleenroll" MICROCA_ENDPOINT=device \
	CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
	"SSL_CLIENT_CERT=$(cat "$T/maker-ra.pem")" <"$T/one.b64")" 200
certs | openssl x509 -out "$T/one.pem"
is "a responder" "$(rc_of tool ocsp)" 0
openssl ocsp -issuer "$T/ca.pem" -cert "$T/one.pem" -no_nonce \
	-reqout "$T/ocsp.der" 2>/dev/null
status() {
	under ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request <"$T/ocsp.der"
}
# What it says, judged by who has the right time.
said() {
	openssl ocsp -respin "$T/body" -issuer "$T/ca.pem" -no_nonce \
		-cert "$T/one.pem" -CAfile "$T/root.pem" -no_cert_checks \
		-resp_text 2>&1 | sed -n "s/^ *$1: //p"
}
renewal() {
	csr renewal /CN=one
	under simplereenroll REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/simplereenroll" MICROCA_ENDPOINT=device \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/one.pem")" <"$T/renewal.b64"
}
is "its status" "$(status)" 200
at -3600
# What was issued since is not valid yet by that clock, for web servers either.
is "set back: no renewal" "$(renewal) $(reason)" "403 client-notyet"
at $((3000 * DAY))
is "set forward, the responder's certificate has ended: no status" \
	"$(status) $(said 'Cert Status')" "200 "
like "… an error that nobody signs" "$(openssl ocsp -respin "$T/body" \
	-resp_text 2>&1)" '^Responder Error: (unauthorized|trylater)'
is "… no renewal" "$(renewal) $(reason)" "403 client-path"
at 0
is "right again: the status" "$(status) $(said 'Cert Status')" "200 good"
is "… and the renewal" "$(renewal)" 200

cat >>"$CONF" <<-END
	certificates = ( { name = "device"; source = "self"; profile = "device";
	  subject = "CN=box"; } );
END
is "a certificate of its own" "$(rc_of tool renew)" 0
box() { openssl x509 -in "$T/state/own/device/current/cert.pem" -noout -serial; }
first=$(box)
at -3600
is "set back: nothing is due" "$(rc_of tool renew) $(box)" "0 $first"
is "… and what is forced waits" "$(rc_of tool enroll --force device) $(box)" \
	"7 $first"
at $((3000 * DAY))
is "set forward: it cannot be renewed, is said" "$(rc_of tool renew) $(box)" \
	"7 $first"
at 0
is "right again: what waited is done" "$(rc_of tool renew)" 0
ok "… a new one" test "$(box)" != "$first"
done_testing
