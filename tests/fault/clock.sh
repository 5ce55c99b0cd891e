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
done_testing
