# shellcheck shell=bash
# What the tests behind a real web server share: a demo CA made by quickstart
# in a folder of its own, curl and openssl as judges, TAP.

set -u
SRCDIR=${SRCDIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILDDIR=${BUILDDIR:-$SRCDIR/build}
T=$(mktemp -d "${TMPDIR:-/tmp}/microca-httpd.XXXXXX")
chmod 755 "$T"
DEMO=$T/demo
# Below the ports of outgoing connections; two tests that start together have
# ranges of their own.
PORT=${MICROCA_TEST_PORT:-$((10000 + $$ % 1375 * 16))}
# Which web server: the tests are the same before all of them.
SERVER=${SERVER:-lighttpd}
export T DEMO PORT SERVER
# A sanitizer wants to be the first library; faketime is.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"
tap_n=0
tap_bad=0

quick() {
	"$SRCDIR/quickstart" --dir "$DEMO" --build "$BUILDDIR" \
		--port-base "$PORT" --server "$SERVER" "$@"
}

demo_stop() {
	quick clean >/dev/null 2>&1
	rm -rf "$T"
}

# Start the demo CA, or give up on the file with what it said.
demo_start() {
	trap demo_stop EXIT
	trap 'exit 1' INT TERM
	if ! quick >"$T/quickstart.log" 2>&1; then
		sed 's/^/# /' "$T/quickstart.log" | tail -n 30
		echo "Bail out! quickstart failed"
		exit 1
	fi
}

# demo_endpoint STATUS TEXT: a fourth endpoint with these settings, and until
# its programs answer nobody with this status.
demo_endpoint() {
	awk -v port="$((PORT + 3))" -v text="$2" '
		/^endpoints = \(/ { inside = 1 }
		inside && /^\);/ {
			print ", { port = " port "; profile = \"device\";"
			print text " }"
			inside = 0
		}
		{ print }' "$DEMO/etc/microca.conf" >"$T/microca.conf" || return 1
	cat "$T/microca.conf" >"$DEMO/etc/microca.conf"
	if ! quick >>"$T/quickstart.log" 2>&1; then
		tail -n 15 "$T/quickstart.log"
		return 1
	fi
	# The programs see a new configuration within a second or so.
	local end=$((SECONDS + 20))
	until [ "$(est 3 cacerts)" = 200 ] &&
		[ "$(post 3 simpleenroll /dev/null)" = "$1" ] &&
		[ "$(post 3 simplereenroll /dev/null)" = "$1" ]; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# One that takes secrets and certificates; and what a device shows there:
# secret_of DEVICE.
demo_secrets() {
	demo_endpoint 401 'name = "either"; auth = "either";
		allow = ( { own = ("device"); }, { secret = true; } );'
}
secret_of() { admin secret add either "$1" 2>/dev/null; }
other_secret() { # other_secret SECRET: one that is not it
	case $1 in 2*) echo "3${1#?}" ;; *) echo "2${1#?}" ;; esac
}

# ok NAME COMMAND...: what the command prints is shown when it fails.
ok() {
	local name=$1 out
	shift
	tap_n=$((tap_n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $tap_n - $name"
		return 0
	fi
	echo "not ok $tap_n - $name"
	printf '%s\n' "$out" | sed 's/^/# /' | head -n 30
	tap_bad=$((tap_bad + 1))
}

# like NAME GOT REGEX
like() {
	ok "$1" grep -qE -e "$3" <<<"$2"
}

is() {
	local name=$1 got=$2 want=$3
	tap_n=$((tap_n + 1))
	if [ "$got" = "$want" ]; then
		echo "ok $tap_n - $name"
		return 0
	fi
	echo "not ok $tap_n - $name"
	printf 'got:  %s\nwant: %s\n' "$got" "$want" | sed 's/^/# /' | head -n 20
	tap_bad=$((tap_bad + 1))
}

# one_of NAME GOT WANT...: any of these is right, and a web server's choice.
one_of() {
	local name=$1 got=$2 want
	shift 2
	for want in "$@"; do
		[ "$got" = "$want" ] && break
	done
	is "$name" "$got" "$want"
}

done_testing() {
	echo "1..$tap_n"
	exit "$((tap_bad > 0))"
}

url() { # url PORT-OFFSET [LABEL/]OPERATION
	echo "https://localhost:$((PORT + $1))/.well-known/est/$2"
}

# est OFFSET OPERATION [curl arguments]: status on standard output, headers
# in $T/head, body in $T/body.
est() {
	local offset=$1 op=$2
	shift 2
	: >"$T/head"
	: >"$T/body"
	curl -sS --max-time 20 --cacert "$DEMO/root.pem" -D "$T/head" \
		-o "$T/body" -w '%{http_code}' "$@" "$(url "$offset" "$op")"
}

post() { # post OFFSET OPERATION BODY-FILE [curl arguments]
	local offset=$1 op=$2 body=$3
	shift 3
	est "$offset" "$op" -H 'Content-Type: application/pkcs10' \
		--data-binary "@$body" "$@"
}

# at OFFSET PATH [curl arguments]: as est does, any path
at() {
	local offset=$1 path=$2
	shift 2
	: >"$T/head"
	: >"$T/body"
	curl -sS --max-time 20 --path-as-is --cacert "$DEMO/root.pem" \
		-D "$T/head" -o "$T/body" -w '%{http_code}' "$@" \
		"https://localhost:$((PORT + offset))$path"
}

plain() { # plain PATH [curl arguments]: without TLS, as est does
	local path=$1
	shift
	: >"$T/head"
	: >"$T/body"
	curl -sS --max-time 20 -D "$T/head" -o "$T/body" -w '%{http_code}' \
		"$@" "http://localhost:$((PORT + 6))$path"
}

as() { # arguments for curl: as the holder of demo/NAME.pem or NAME.pem
	local pair=$1
	[ -f "$pair.pem" ] || pair=$DEMO/$1
	printf '%s\n' --cert "$pair.pem" --key "$pair.key"
}

# csr NAME SUBJECT [openssl req arguments]: $T/NAME.key and $T/NAME.b64.
csr() {
	local name=$1 subject=$2
	shift 2
	[ -f "$T/$name.key" ] ||
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
			-out "$T/$name.key" 2>/dev/null
	openssl req -new -key "$T/$name.key" -subj "$subject" -utf8 "$@" \
		-outform DER -out "$T/$name.der" &&
		openssl base64 -in "$T/$name.der" -out "$T/$name.b64"
}

# The certificates of the last answer as PEM, to standard output.
certs() {
	tr -d '\r\n' <"$T/body" | openssl base64 -d -A |
		openssl pkcs7 -inform DER -print_certs
}

# enrol NAME CN [OFFSET]: by the manufacturer; $T/NAME.pem and .key.
enrol() {
	csr "$1" "/CN=$2" || return 1
	mapfile -t who < <(as manufacturer)
	[ "$(post "${3:-0}" simpleenroll "$T/$1.b64" "${who[@]}")" = 200 ] &&
		certs | openssl x509 -out "$T/$1.pem"
}

reason() { sed 's/:.*//' "$T/body"; }
head_of() { tr -d '\r' <"$T/head" | sed -n "s/^$1: //Ip"; }
admin() { "$BUILDDIR/bin/microca" -c "$DEMO/etc/microca.conf" "$@"; }
issued() { admin list --format csv | tail -n +2 | wc -l; }

# ---- what no client sends ----------------------------------------------------
# Said in one line of plain text, about the request alone.
quiet() { # quiet NAME: the last answer of a program of ours
	is "$1: one line, nothing of the box in it" "$(wc -l <"$T/body") $(grep \
		-cE "$T|$SRCDIR|/var/|\.c:|sqlite|pkcs11|SoftHSM" "$T/body")" "1 0"
}

# raw FILE [s]: octets sent over TLS as they are; the answers in $T/raw
raw() {
	timeout "${2:-8}" openssl s_client -quiet -connect "localhost:$PORT" \
		-servername localhost -CAfile "$DEMO/root.pem" \
		-cert "$DEMO/manufacturer.pem" -key "$DEMO/manufacturer.key" \
		<"$1" >"$T/raw" 2>/dev/null
	tr -d '\r' <"$T/raw" | sed -n 's,^HTTP/1\.[01] \([0-9]*\).*,\1,p' |
		tr '\n' ' ' | sed 's/ $//'
}
request() { # request LINE [HEADER...]: the head of one
	printf '%s\r\n' "$@"
	printf 'Host: localhost\r\n\r\n'
}
