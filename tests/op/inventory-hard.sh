#!/bin/sh
# The inventory under attack, and under load: tokens by an independent hand,
# what is not clean, files' names, cells; every JSON answer by its contract;
# large exports in memory that does not grow, pages while they are counted.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
# shellcheck source=tests/op/inventory-lib.sh
. "$(dirname "$0")/inventory-lib.sh"
sed -i '$d' "$CONF"
{
	echo ","
	endpoint hold 8470 device 'approval = "always";'
	echo ");"
} >>"$CONF"
cp "$CONF" "$T/plain.conf"
inventory_conf desk.pem
enrol pump1 /CN=pump-1 >/dev/null
one=$(finger pump1)
for n in 1 2 3; do
	csr "wait$n" "/CN=wait-$n"
	is "request $n waits" "$(post hold simpleenroll maker-ra "$T/wait$n.b64")" 202
done
P=/inventory

# ---- by the contract
: >"$T/exchanges"
noted() { # noted METHOD PATH STATUS [REQUEST]: and the status again
	printf '%s' "${4:-}" >"$T/asked"
	noted_path=${2%%\?*}
	jq -nc --arg method "$1" --arg path "${noted_path#/api/v1}" --argjson status "$3" \
		--rawfile request "$T/asked" --rawfile answer "$T/body" \
		'$ARGS.named' >>"$T/exchanges"
	echo "$3"
}
get() { noted GET "$2" "$(look "$@")"; }
# does WHO PATH JSON
does() {
	noted POST "$2" "$(act "$1" "$2" "$3" CONTENT_TYPE=application/json)" "$3"
}
for path in session statistics certificates "certificates?rows=1" \
	certificates.json "certificates.json?subject=nobody" \
	"certificates/$one" "certificates/$one/history" pending; do
	is "GET $path" "$(get bob "/api/v1/$path")" 200
done
request() { # request N: its number
	look bob /api/v1/pending >/dev/null
	jq -r ".requests[] | select(.subject == \"CN=wait-$1\").id" "$T/body"
}
first=$(request 1)
is "a viewer does not approve" "$(does bob "/api/v1/pending/$first/approve" \
	'{"confirm":"yes"}') $(code)" "403 operator-role"
is "… nor deny" "$(does bob "/api/v1/pending/$first/deny" \
	'{"confirm":"yes"}')" 403
is "… nor by a page's form" "$(act bob "$P/pending/$first/approve" \
	confirm=yes)" 403
is "… nor by its question" "$(look bob "$P/pending/$first/approve")" 403
is "… and it waits" "$(sql "SELECT count(*) FROM audit
	WHERE event IN ('approve', 'deny')")" 0
is "an operator approves" "$(does ada "/api/v1/pending/$first/approve" \
	'{"confirm":true,"note":"<b>as ordered"}') $(jq .changed "$T/body")" \
	"200 true"
is "… which is audited" "$(sql "SELECT record FROM audit
	WHERE event = 'approve'" | jq -r '[.requester, .text] | join(" ")')" \
	"operator:CN=Ada,O=Plant the request of ra:CN=Line 1 RA: <b>as ordered"
is "… and the device has it" \
	"$(post hold simpleenroll maker-ra "$T/wait1.b64")" 200
is "… so it is not denied any more" "$(does ada \
	"/api/v1/pending/$first/deny" '{"confirm":true}') $(code)" \
	"403 request-issued"
is "an operator denies" "$(does ada "/api/v1/pending/$(request 2)/deny" \
	'{"confirm":"yes"}')" 200
is "no such request" "$(does ada /api/v1/pending/999/deny \
	'{"confirm":"yes"}') $(code)" "404 unknown-request"
is "no number" "$(does ada /api/v1/pending/x/deny '{"confirm":"yes"}')" 400
is "the question shows whose key it is" "$(look ada \
	"$P/pending/$(request 3)/approve") $(grep -c \
	"$(openssl dgst -sha256 -r "$T/wait3.der" | cut -d' ' -f1)" "$T/body")" \
	"200 1"
is "a refusal" "$(get eve $C)" 403
is "a list that is" "$(get bob "/api/v1/pending")" 200
check=$BUILDDIR/tests/openapi
if [ -d "$check/node_modules" ]; then
	ok "docs/inventory.yaml describes it" node "$check/check.mjs" \
		"$SRCDIR/docs/inventory.yaml" "$T/exchanges"
else
	skip "docs/inventory.yaml describes it" "npm has no ajv"
fi

# ---- tokens, made here from the secret by openssl
token() { # token WHO TIME
	token_key=$(perl -0777 -ne 'print unpack "H*", $_' \
		"$T/state/inventory.secret")
	token_mac=$(perl -e 'print pack "H* Q>", @ARGV' "$(finger "$1")" "$2" |
		openssl dgst -sha256 -mac HMAC -macopt "hexkey:$token_key" -r |
		cut -d' ' -f1)
	echo "$2.$token_mac"
}
with() { # with NAME WANTED TOKEN
	is "$1" "$(act ada "$C/$one/hold" confirm=no \
		"HTTP_X_MICROCA_TOKEN=$3") $(code)" "$2"
}
now=$(date +%s)
with "a token of now" "400 confirm" "$(token ada "$now")"
with "… of 59 minutes ago" "400 confirm" "$(token ada $((now - 3540)))"
with "… of over an hour ago" "403 csrf" "$(token ada $((now - 3660)))"
with "… of another's certificate" "403 csrf" "$(token bob "$now")"
with "… of the time to come" "403 csrf" "$(token ada $((now + 600)))"
with "… with more behind it" "403 csrf" "$(token ada "$now")0"
with "… with a sign before it" "403 csrf" "+$(token ada "$now")"
is "… from a frame without an origin" "$(act ada "$C/$one/hold" confirm=no \
	HTTP_ORIGIN=null) $(code)" "403 csrf"
is "… from a host that looks alike" "$(act ada "$C/$one/hold" confirm=no \
	HTTP_ORIGIN=https://ca.example:8446.evil.example) $(code)" "403 csrf"
is "nothing was held" \
	"$(sql "SELECT count(*) FROM certificate WHERE status <> 0")" 0

# ---- what is not clean
bad() { # bad NAME PATH WANTED [NAME=VALUE...]
	bad_name=$1 bad_path=$2 bad_want=$3
	shift 3
	is "$bad_name" "$(look ada "$bad_path" "$@") $(code)" "$bad_want"
}
bad "a NUL" "$C?subject=a%00b" "400 query"
bad "UTF-8 that is cut short" "$C?subject=%e2%82" "400 query"
bad "UTF-8 that is too long a form" "$C?subject=%c0%af" "400 query"
bad "a surrogate" "$C?subject=%ed%a0%80" "400 query"
bad "a query of 8193 octets" "$C?$(printf '%08193d' 0)" "400 query"
bad "a query of 100 kB" "$C" "400 query" \
	"QUERY_STRING=subject=$(printf '%0100000d' 0)"
bad "forty fields" "$C?$(seq -s '&' -f 'f%g=1' 40)" "400 query"
bad "a line's end in the path" "/api/v1/x" "404 path" \
	"REQUEST_URI=/api/v1/a
Set-Cookie: a=b"
for cursor in n n. n0. nz.1 n0.0.0 n-1.5 "n0.%20 5" \
	nfffffffffffffffff.1 n1.1 N0.5 e0.5 '%27%20OR%201=1' \
	n00.5 "n0.$(printf '%0100d' 1)"; do
	bad "cursor $cursor" "$C?cursor=$cursor" "400 cursor"
done
is "the end of all numbers is a place like any" "$(look ada \
	"$C?cursor=n0.ffffffffffffffff") $(jq '.certificates | length' \
	"$T/body")" "200 0"
bad "SQL is a text" "$C?subject='%20OR%20'1'='1&rows=1%27" "400 query"
is "… where a text may be" "$(look ada "$C?subject='%20OR%20'1'='1") \
$(jq '.certificates | length' "$T/body")" "200 0"
is "LIKE's own signs are texts" "$(look ada "$C?subject=%25_%5c") \
$(jq '.certificates | length' "$T/body")" "200 0"
printf 'confirm=yes&note=a\000b' >"$T/nul"
is "a NUL in a form" "$(look ada /api/v1/session >/dev/null
	cgi inventory REQUEST_METHOD=POST "REQUEST_URI=$C/$one/hold" \
	CONTENT_TYPE=application/x-www-form-urlencoded \
	HTTP_HOST=ca.example:8446 SSL_CLIENT_VERIFY=SUCCESS \
	"SSL_CLIENT_CERT=$(cat "$T/ada.pem")" \
	"HTTP_X_MICROCA_TOKEN=$(token ada "$now")" <"$T/nul") $(code)" "400 query"
is "a form of 20 kB" "$(act ada "$C/$one/hold" \
	"confirm=yes&note=$(printf '%020000d' 0)") $(code)" "413 too-large"
is "a note with a line's end" "$(act ada "$C/$one/hold" \
	'confirm=yes&note=a%0d%0aSet-Cookie:b') $(code)" "400 query"
is "JSON that is cut short" "$(act ada "$C/$one/hold" '{"confirm":"yes"' \
	CONTENT_TYPE=application/json) $(code)" "400 json"
is "JSON in JSON" "$(act ada "$C/$one/hold" '{"confirm":["yes"]}' \
	CONTENT_TYPE=application/json) $(code)" "400 query"
is "nothing was held by any of it" \
	"$(sql "SELECT count(*) FROM certificate WHERE status <> 0")" 0

# ---- operators as docs/inventory.md has them made
mkdir "$T/doc"
awk '/^ *```sh$/ { on = 1; next } /^ *```$/ { on = 0 } on' \
	"$SRCDIR/docs/inventory.md" >"$T/doc/steps"
ok "its steps are run" sh -c "cd '$T/doc' && sh -e steps >said 2>&1"
printed=$(sed -n 's/^sha256 Fingerprint=//p' "$T/doc/said")
cp "$T/doc/operators-ca.pem" "$T/doc/ada.pem" "$T/"
cp "$CONF" "$T/desk.conf"
{
	cat "$T/plain.conf"
	cat <<-END
	inventory = { anchors = "operators-ca.pem"; operators = (
	  { name = "Ada"; role = "operator"; fingerprint = "$printed"; } ); };
	END
} >"$CONF"
is "who has such a certificate is let in" "$(look ada /api/v1/session) \
$(jq -r .role "$T/body")" "200 operator"
cp "$T/desk.conf" "$CONF"

# ---- files' names, cells
fill() { "$BUILDDIR/tests/tools/fill" "sqlite:$T/state/microca.db" "$@"; }
fill issue '=HYPERLINK("http://evil","x,y")' 1 1
fill issue '@SUM(A1)' 1 1
look bob "$C.csv?device=%40SUM(A1)00001" >/dev/null
is "a formula is a text in CSV" "$(sed -n 2p "$T/body" | cut -d, -f8)" \
	"'@SUM(A1)00001"
like "… and the file's name is ours" "$(header Content-Disposition)" \
	'^attachment; filename="certificates-[0-9-]*\.csv"$'
look bob "$C.csv?subject=HYPERLINK" >/dev/null
like "quotes are doubled inside a cell" "$(sed -n 2p "$T/body")" \
	",\"'=HYPERLINK\(\"\"http://evil\"\",\"\"x,y\"\"\)00001\","
hyper=$(look bob "$C?subject=HYPERLINK" >/dev/null &&
	jq -r '.certificates[0].fingerprint' "$T/body")
look bob "$P/certificates/$hyper/pem" >/dev/null
like "a certificate's file has its serial's name" \
	"$(header Content-Disposition)" \
	'^attachment; filename="[0-9A-F]*\.pem"$'

# ---- many, by FastCGI: exports take no more memory, pages do not wait
fill issue few 1 500
# What is freed is used again at once, or a sanitizer's memory grows.
ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1
start inventory
fast() { # fast PATH: status
	send plain inventory REQUEST_METHOD=GET "REQUEST_URI=${1%%\?*}" \
		"QUERY_STRING=$(expr "$1" : '[^?]*?\(.*\)')" \
		SSL_CLIENT_VERIFY=SUCCESS "SSL_CLIENT_CERT=$(cat "$T/bob.pem")" \
		</dev/null
}
peak() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status"; }
warm=1
while [ "$warm" -le 12 ]; do
	fast "$C.json" >/dev/null
	fast "$C.csv" >/dev/null
	warm=$((warm + 1))
done
before=$(peak)
fill issue many 1 20000
like "CSV of 20,000" "$(fast "$C.csv?subject=many")" "^0 200"
is "… whole" "$(wc -l <"$BODY")" 20001
like "JSON of 20,000" "$(fast "$C.json?subject=many")" "^0 200"
is "… whole" "$(jq -c '[.complete, (.certificates | length)]' "$BODY")" \
	"[true,20000]"
grew=$(($(peak) - before))
echo "# grew by $grew KiB"
ok "memory does not grow with an export" test "$grew" -lt 4096
stop TERM
is "stops cleanly" "$rc" 0
start inventory
like "the first page after a start" "$(fast "$P/")" "^0 200"
ok "… has the counts, or says that they are being made" \
	grep -qE 'They are being counted|Counted ' "$BODY"
counted() {
	fast "$P/" >/dev/null
	grep -q 'Counted ' "$BODY"
}
ok "… which are there soon" wait_for 30 counted
stop TERM
done_testing
