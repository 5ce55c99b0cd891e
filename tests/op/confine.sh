#!/bin/sh
# The programs that need no token do their work with the system calls that they keep:
# as they are built here, without sanitizers, under faketime and valgrind.
# What they gave up is tried in tests/unit/confine.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
if ! grep -q '^#define HAVE_SECCOMP' "$BUILDDIR/config.h"; then
	[ "${CI:-}" = true ] && bail "built without libseccomp"
	echo "1..0 # SKIP built without libseccomp"
	exit 0
fi
ca_make pem
for list in crl ocsp; do
	admin $list >/dev/null 2>&1 || bail "no $list"
done
root_make desk "/CN=Operators/O=Plant" 2>/dev/null
leaf_make ada desk "/CN=Ada/O=Plant" 2>/dev/null
cat >>"$CONF" <<END
inventory = { anchors = "desk.pem"; operators = (
  { role = "operator"; issuer = "CN=Operators,O=Plant";
    subject = "CN=Ada,O=Plant"; } ); };
END
keyid=$(basename "$T/public/crl/"*.crl .crl)
openssl ocsp -issuer "$T/ca.pem" -serial 0x1234 -no_nonce \
	-reqout "$T/ocsp.req" >/dev/null 2>&1 || bail "no request"
refused="is none that this program makes"

filters() { sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$pid/status"; }

# ask PROGRAM: what it is there for; prints as send does.
ask() {
	case $1 in
	crl) set -- crl "/crl/$keyid.crl" ;;
	health) set -- health /health ;;
	metrics) set -- metrics /metrics SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/ada.pem")" ;;
	inventory) set -- inventory /inventory/ SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/ada.pem")" ;;
	ocsp) set -- ocsp /ocsp ;;
	*) set -- "$1" "$EST/$1" MICROCA_ENDPOINT=device ;;
	esac
	ask_program=$1 ask_uri=$2
	shift 2
	case $ask_program in
	ocsp) send plain ocsp REQUEST_METHOD=POST "REQUEST_URI=$ask_uri" \
		CONTENT_TYPE=application/ocsp-request <"$T/ocsp.req" ;;
	*) send plain "$ask_program" REQUEST_METHOD=GET \
		"REQUEST_URI=$ask_uri" HTTP_HOST=ca.example "$@" </dev/null ;;
	esac | cut -d' ' -f1,2
}
read_anew() { grep -q 'read anew' "$T/$1.log"; }

# works PROGRAM WANT SUFFIX: before and after a reload, and its end.
works() {
	is "$1 works$3" "$(ask "$1")" "$2"
	kill -HUP "$pid"
	ok "… reads its files anew$3" wait_for 20 read_anew "$1"
	is "… works then$3" "$(ask "$1")" "$2"
	stop TERM
	is "… stops$3" "$rc" 0
	is "… and was refused nothing$3" "$(grep -c "$refused" "$T/$1.log")" 0
}

# each SUFFIX: all of them, confined.
each() {
	for program in cacerts csrattrs crl health ocsp inventory metrics; do
		[ -x "$BIN/$program" ] || continue
		start "$program"
		is "$program is confined$1" "$(filters)" 2
		works "$program" "0 200" "$1"
	done
}
each ""

# ---- who is not
start simpleenroll
is "a program that signs is not: its module may do anything" "$(filters)" 0
stop TERM
cp "$CONF" "$T/good.conf"
echo 'confine = "off";' >>"$CONF"
start cacerts
is "confine = off" "$(filters)" 0
stop TERM

# ---- without sanitizers
plain=$BUILDDIR
grep -q 'fsanitize=address' "$BUILDDIR/config.status" && plain=$SRCDIR/build-clang
if ! [ -x "$plain/cgi-bin/inventory" ]; then
	skip "without sanitizers" "there is no such build in build-clang"
	done_testing
fi
BIN=$plain/cgi-bin
cp "$T/good.conf" "$CONF"
[ "$plain" = "$BUILDDIR" ] || each ", without sanitizers"

# ---- the PIN is in the memory of what signs: not even its own user sees that
closed() { ! cat "/proc/$pid/environ" >/dev/null 2>&1; }
start simpleenroll
ok "the memory of a program that signs is closed to its user" closed
is "it leaves no core" "$(sed -n 's/^Max core file size *//p' \
	"/proc/$pid/limits" 2>/dev/null | tr -s ' ')" "0 0 bytes "
stop TERM
start cacerts
ok "another's is not: this test can fail" cat "/proc/$pid/environ"
stop TERM

# over COMMAND...: start cacerts by it.
over() {
	rm -f "$T/cacerts.sock" "$T/cacerts.log"
	spawn-fcgi -s "$T/cacerts.sock" -M 0660 -n -- "$@" \
		"$T/cacerts" -c "$CONF" >"$T/cacerts.log" 2>&1 &
	started="$started $!"
	wait_for 30 grep -qE ' ready|not started' "$T/cacerts.log" ||
		bail "cacerts does not start: $(tail "$T/cacerts.log")"
	pid=$(sed -n 's/.*cacerts\[\([0-9]*\)\].*/\1/p' "$T/cacerts.log" |
		tail -n 1)
}
strip -o "$T/cacerts" "$BIN/cacerts"
over /usr/bin/env "LD_PRELOAD=$(faketime -m 2000-01-01 printenv LD_PRELOAD)" FAKETIME=+20d
is "confined under faketime" "$(filters)" 2
is "it works" "$(ask cacerts)" "0 200"
is "it was refused nothing" "$(grep -c "$refused" "$T/cacerts.log")" 0
stop TERM
over /usr/bin/valgrind --quiet --error-exitcode=9
like "valgrind knows no filters: the log says so" \
	"$(cat "$T/cacerts.log")" 'warn: not confined: .*filter'
works cacerts "0 200" " under valgrind"
echo 'confine = "required";' >>"$CONF"
over /usr/bin/valgrind --quiet
like "confine = required: then it does not start" \
	"$(cat "$T/cacerts.log")" 'not started: confine: '
done_testing
