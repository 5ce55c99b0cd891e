#!/bin/sh
# The inventory's API and pages: who may look, who may act, what is found, what
# is refused, what is escaped; as plain CGI and as FastCGI.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
# shellcheck source=tests/op/inventory-lib.sh
. "$(dirname "$0")/inventory-lib.sh"
inventory_conf desk.pem

for n in 1 2 3 4 5; do
	enrol "pump$n" "/CN=pump-$n" >/dev/null
done
enrol formula "/CN=pump--6" >/dev/null

one=$(finger pump1)

# ---- who
is "an operator by fingerprint" "$(look ada /api/v1/session) \
$(jq -r '.name, .role' "$T/body" | tr '\n' ' ')" "200 Ada L. operator "
is "a viewer by issuer and subject" "$(look bob /api/v1/session) \
$(jq -r '.name, .role' "$T/body" | tr '\n' ' ')" "200 Bob viewer "
is "another of their CA" "$(look eve $C) $(code)" "403 operator-unknown"
is "another CA's" "$(look maker-ra $C) $(code)" "403 client-untrusted"
is "a device of this CA" "$(look pump1 $C) $(code)" "403 client-untrusted"
is "nobody" "$(cgi inventory REQUEST_METHOD=GET REQUEST_URI=$C \
	SSL_CLIENT_VERIFY=NONE </dev/null) $(code)" "403 auth-none"
is "… learns nothing of paths" "$(cgi inventory REQUEST_METHOD=GET \
	REQUEST_URI=/nothing SSL_CLIENT_VERIFY=NONE </dev/null)" 403
is "a refusal is in the audit" "$(last_refusal reason)" auth-none

# ---- never a certificate of this CA, however it is configured
inventory_conf ca.pem
is "this CA as anchor: refused" "$(look ada $C)" 500
like "… and the log says why" "$(cat "$T/log")" "CA of their own"
like "… and so does check" "$(admin check 2>&1)" \
	"FAIL: operators have a CA of their own: .*could become an operator"
inventory_conf root.pem
like "the root above it likewise" "$(admin check 2>&1)" \
	"FAIL: operators have a CA of their own"
cp "$T/desk.pem" "$T/both.pem"
cp "$T/pump1.pem" "$T/was.pem"
inventory_conf both.pem ", { role = \"operator\"; fingerprint = \"$one\"; }"
is "a device's own fingerprint listed" "$(look pump1 $C) $(code)" \
	"403 client-untrusted"
# The operators' CA vouches for this one's key.
printf '%s\n' basicConstraints=critical,CA:TRUE \
	keyUsage=critical,keyCertSign subjectKeyIdentifier=hash >"$T/cross.ext"
openssl x509 -x509toreq -in "$T/ca.pem" -signkey "$T/issuer.key" 2>/dev/null |
	openssl x509 -req -CA "$T/desk.pem" -CAkey "$T/desk.key" -set_serial 77 \
		-days 30 -extfile "$T/cross.ext" -out "$T/cross.pem" 2>/dev/null
inventory_conf desk.pem ", { role = \"operator\"; fingerprint = \"$one\"; }"
sed -i "s|^inventory = {|& intermediates = \"$T/cross.pem\";|" "$CONF"
is "… even below the operators' CA" "$(look pump1 $C) $(code)" \
	"403 operator-own"
inventory_conf desk.pem

# ---- what
is "all of them, newest first" "$(look bob $C) $(jq -r \
	'[.certificates[].subject] | join(" ")' "$T/body")" "200 CN=pump--6 \
CN=pump-5 CN=pump-4 CN=pump-3 CN=pump-2 CN=pump-1"
like "nothing is cached, framed or loaded" "$(cat "$T/head")" \
	"^Cache-Control: no-store"
like "… the policy" "$(header Content-Security-Policy)" \
	"default-src 'none'.*frame-ancestors 'none'"
is "… types are not guessed" "$(header X-Content-Type-Options)" nosniff
look bob "$C?rows=4" >/dev/null
next=$(jq -r .next "$T/body")
is "the next page" "$(look bob "$C?rows=4&cursor=$next") $(jq -r \
	'[.certificates[].subject, (.next|tostring)] | join(" ")' \
	"$T/body")" "200 CN=pump-2 CN=pump-1 null"
found() { # found QUERY: the names
	look bob "$C?$1" >/dev/null
	jq -r '[.certificates[]?.subject] | join(" ")' "$T/body"
}
is "by a part of the subject" "$(found subject=PUMP-3)" CN=pump-3
is "by a pattern" "$(found 'subject=*p-%3F')" \
	"CN=pump-5 CN=pump-4 CN=pump-3 CN=pump-2 CN=pump-1"
is "… when the web server sets no QUERY_STRING" "$(look bob \
	"$C?subject=PUMP-3" QUERY_STRING=) $(jq -r \
	'[.certificates[].subject] | join(" ")' "$T/body")" "200 CN=pump-3"
is "… or sets nothing else" "$(look bob $C QUERY_STRING=subject=PUMP-3) \
$(jq -r '[.certificates[].subject] | join(" ")' "$T/body")" "200 CN=pump-3"
is "by fingerprint" "$(found "fingerprint=$(echo "$one" | cut -c1-9)")" \
	CN=pump-1
serial=$(sql "SELECT serial FROM certificate WHERE subject = 'CN=pump-2'")
is "by serial" "$(found "serial=$serial")" CN=pump-2
is "by profile and endpoint" "$(found 'profile=device&endpoint=device&rows=1')" \
	CN=pump--6
is "of another profile" "$(found profile=subca)" ""
is "by day of issue" "$(found "issued_from=2000-01-01&order=oldest&rows=1")" \
	CN=pump-1
is "not before there were any" "$(found "issued_until=2000-01-01")" ""
is "by state" "$(found state=expiring) $(found 'state=expiring&within=91d')" \
	" CN=pump-1 CN=pump-2 CN=pump-3 CN=pump-4 CN=pump-5 CN=pump--6"
is "one" "$(look bob "$C/$one") $(jq -r '.subject, .state' "$T/body" |
	tr '\n' ' ')" "200 CN=pump-1 good "
look bob "$C/$one/pem" >/dev/null
is "… as PEM" "$(openssl x509 -in "$T/body")" "$(cat "$T/pump1.pem")"
etag=$(header ETag)
is "… not sent twice" "$(look bob "$C/$one/pem" \
	"HTTP_IF_NONE_MATCH=$etag") $(wc -c <"$T/body")" "304 0"
look bob "$C/$one/der" >/dev/null
is "… as DER" "$(openssl x509 -inform DER -in "$T/body")" \
	"$(cat "$T/pump1.pem")"
is "its history" "$(look bob "$C/$one/history") $(jq -r \
	'[.events[].record.event] | join(" ")' "$T/body")" "200 issue"
is "counts" "$(look bob /api/v1/statistics) $(jq -r \
	'[.certificates, .good, .revoked] | join(" ")' "$T/body")" "200 6 6 0"
is "nobody waits" "$(look bob /api/v1/pending) $(jq '.requests | length' \
	"$T/body")" "200 0"

# ---- exports
is "CSV" "$(look bob "$C.csv?order=oldest") $(header Content-Type)" \
	"200 text/csv; charset=utf-8"
is "… has a header and each" "$(wc -l <"$T/body") $(sed -n '2s/,.*//p' \
	"$T/body")" "7 $one"
is "JSON" "$(look bob "$C.json?subject=pump-4") $(jq -r \
	'.certificates[0].subject, .complete' "$T/body" | tr '\n' ' ')" \
	"200 CN=pump-4 true "

# ---- bad input
bad() { # bad NAME PATH STATUS CODE [NAME=VALUE...]
	bad_name=$1 bad_path=$2 bad_want="$3 $4"
	shift 4
	is "$bad_name" "$(look ada "$bad_path" "$@") $(code)" "$bad_want"
}
bad "a cursor of nobody's" "$C?cursor=x1" 400 cursor
bad "a cursor of another order" "$C?order=oldest&cursor=$next" 400 cursor
bad "a field that is none" "$C?subjekt=a" 400 query
bad "a field twice" "$C?subject=a&subject=b" 400 query
bad "no UTF-8" "$C?subject=%ff" 400 query
bad "a control character" "$C?subject=%0a" 400 query
bad "half an escape" "$C?subject=%4" 400 query
bad "too long" "$C?subject=$(printf '%0600d' 0)" 400 query
bad "too many rows" "$C?rows=501" 400 query
bad "no such state" "$C?state=lost" 400 query
bad "no day" "$C?issued_from=2026-13-01" 400 query
bad "no hex" "$C?serial=xyz" 400 query
bad "no digits" "$C?fingerprint=:" 400 query
bad "65 digits" "$C?fingerprint=$(printf '%065d' 0)" 400 query
bad "no such order" "$C?order=random" 400 query
bad "no time" "$C?state=expiring&within=soon" 400 query
bad "a time without end" "$C?state=expiring&within=9000000000y" 400 query
bad "not on" "$C?go=off" 400 query
bad "a value without a field" "$C?=x" 400 query
bad "no such certificate" "$C/$(printf '%064d' 0)" 404 unknown-certificate
bad "no fingerprint" "$C/abc" 400 query
bad "no such path" /api/v1/nothing 404 path
bad "dots" "/api/v1/../v1/session" 404 path
is "POST where nothing is done" "$(act ada $C x=y) $(code) \
$(header Allow)" "405 method GET, HEAD"
is "DELETE" "$(look ada "$C/$one" REQUEST_METHOD=DELETE) $(code) \
$(header Allow)" "405 method GET, HEAD"
is "HEAD has no body" "$(look ada "$C" REQUEST_METHOD=HEAD) \
$(wc -c <"$T/body")" "200 0"

# ---- acts
yes="confirm=yes&reason=superseded&note=swapped"
is "a viewer may not" "$(act bob "$C/$one/revoke" "$yes") $(code)" \
	"403 operator-role"
is "not without a token" "$(act ada "$C/$one/revoke" "$yes" \
	HTTP_X_MICROCA_TOKEN=) $(code)" "403 csrf"
look bob /api/v1/session >/dev/null
is "not with another's token" "$(bobs=$(jq -r .token "$T/body") &&
	act ada "$C/$one/revoke" "$yes" "HTTP_X_MICROCA_TOKEN=$bobs") $(code)" \
	"403 csrf"
is "not with an old token" "$(act ada "$C/$one/revoke" "$yes" \
	"HTTP_X_MICROCA_TOKEN=1700000000.$(printf '%064d' 0)") $(code)" \
	"403 csrf"
is "not from another site's page" "$(act ada "$C/$one/revoke" "$yes" \
	HTTP_ORIGIN=https://evil.example) $(code)" "403 csrf"
is "… says the browser" "$(act ada "$C/$one/revoke" "$yes" \
	HTTP_SEC_FETCH_SITE=cross-site) $(code)" "403 csrf"
is "not unconfirmed" "$(act ada "$C/$one/revoke" reason=superseded) $(code)" \
	"400 confirm"
is "not for a reason that is none" "$(act ada "$C/$one/revoke" \
	'confirm=yes&reason=boredom') $(code)" "400 reason"
is "not a hold by another name" "$(act ada "$C/$one/revoke" \
	'confirm=yes&reason=certificateHold') $(code)" "400 reason"
is "not as another type" "$(act ada "$C/$one/revoke" "$yes" \
	CONTENT_TYPE=text/plain) $(code)" "415 type"
is "nothing was revoked" \
	"$(sql "SELECT count(*) FROM certificate WHERE status <> 0")" 0
is "an operator may" "$(act ada "$C/$one/revoke" "$yes" \
	HTTP_ORIGIN=https://ca.example:8446 HTTP_SEC_FETCH_SITE=same-origin) \
$(jq .changed "$T/body")" "200 true"
is "… once" "$(act ada "$C/$one/revoke" "$yes") $(jq .changed "$T/body")" \
	"200 false"
is "… by JSON as well" "$(act ada "$C/$(finger pump2)/hold" \
	'{"confirm":true,"note":"lost?"}' CONTENT_TYPE=application/json) \
$(jq .changed "$T/body")" "200 true"
is "the audit says who" "$(sql "SELECT record FROM audit
	WHERE event = 'revoke' ORDER BY seq LIMIT 1" |
	jq -r '[.requester, .text, .reason, .client_sha256] | join(" ")')" \
	"operator:CN=Ada,O=Plant swapped superseded $(finger ada)"
is "its history has it" "$(look bob "$C/$one/history") $(jq -r \
	'[.events[].record.event] | join(" ")' "$T/body")" "200 issue revoke"
is "they are found" "$(found state=revoked) $(found state=held)" \
	"CN=pump-1 CN=pump-2"
is "a hold ends" "$(act ada "$C/$(finger pump2)/release" \
	'confirm=yes&note=found') $(jq .changed "$T/body")" "200 true"
is "… once" "$(act ada "$C/$(finger pump2)/release" confirm=yes) \
$(jq .changed "$T/body")" "200 false"
is "… and it is good" "$(look bob "$C/$(finger pump2)") \
$(jq -r .state "$T/body")" "200 good"
look bob "$C/$(finger pump2)/history" >/dev/null
is "… its history has both" "$(jq -r '[.events[].record |
	.event + ":" + (.text // "")] | join(" ")' "$T/body")" \
	"issue: revoke:lost? release:found"
is "what is revoked is not released" "$(act ada "$C/$one/release" \
	confirm=yes) $(code)" "403 revoked"
is "… nor by a viewer" "$(act bob "$C/$one/release" confirm=yes) $(code)" \
	"403 operator-role"
is "no such act" "$(act ada "$C/$one/forget" "$yes") $(code)" "404 path"

# ---- pages
P=/inventory
html_says() { grep -qF -- "$1" "$T/body" && echo said; }
# What a page may not have in it under its policy.
loose() { grep -cE '<script>|<style|[ "]style=|<[^>]* on[a-z]+=|https?:' "$T/body"; }
for page in / /certificates /certificates/$one /pending \
	"/certificates/$(finger pump3)/revoke"; do
	is "page $page" "$(look ada "$P$page") $(header Content-Type) $(loose)" \
		"200 text/html; charset=utf-8 0"
done
like "their policy: files of our own alone" \
	"$(header Content-Security-Policy)" \
	"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'"
for name in style.css script.js icon.svg; do
	look bob "$P/$name" >/dev/null
	is "$name is the file" "$(sha256sum <"$T/body")" \
		"$(sha256sum <"$SRCDIR/lib/page/$name")"
	is "… not sent twice" "$(look bob "$P/$name" \
		"HTTP_IF_NONE_MATCH=$(header ETag)")" 304
done
for path in / /inventory; do
	is "what people type leads on: $path" "$(look bob $path) \
$(header Location)" "303 /inventory/"
done
is "no other file" "$(look bob $P/passwd)" 404
is "nobody gets a page that says so" "$(look eve $P/) $(header Content-Type) \
$(html_says '<code>operator-unknown</code>')" \
	"403 text/html; charset=utf-8 said"
is "… what to do about it, and which certificate it was" \
	"$(html_says 'belongs into inventory, operators') \
$(html_says "<code>$(finger eve)</code>") $(loose)" "said said 0"
is "… as the audit has it" "$(last_refusal client_sha256)" "$(finger eve)"
is "… in a style, which is no secret" "$(look eve $P/style.css)" 200
is "… but no other file" "$(look eve $P/passwd)" 403
is "what was typed is escaped" "$(look bob \
	"$P/certificates?subject=%22%3E%3Cscript%3E%27%26") \
$(html_says 'value="&quot;&gt;&lt;script&gt;&#39;&amp;"') $(loose)" "200 said 0"
is "… in a refusal as well" "$(look bob \
	"$P/certificates?state=%3Cb%3E") $(grep -c '<b>' "$T/body")" "400 0"
is "a word for what was done that is none" "$(look bob \
	"$P/?done=%3Cb%3E") $(grep -c '<b>' "$T/body")" "400 0"

# press WHO PATH FORM [NAME=VALUE...]: as its page's form, with what is hidden
# in it.
press() {
	press_who=$1 press_path=$2 press_form=$3
	shift 3
	look "$press_who" "$press_path" >/dev/null
	press_token=$(sed -n 's/.*name="token" value="\([^"]*\)".*/\1/p' "$T/body")
	printf 'token=%s&%s' "$press_token" "$press_form" >"$T/form"
	cgi inventory REQUEST_METHOD=POST "REQUEST_URI=$press_path" \
		CONTENT_TYPE=application/x-www-form-urlencoded \
		HTTP_HOST=ca.example:8446 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/$press_who.pem")" "$@" <"$T/form"
}
three=$P/certificates/$(finger pump3)
state_of_three() { look bob "$C/$(finger pump3)" >/dev/null && jq -r .state "$T/body"; }
is "the question changes nothing" "$(look ada "$three/revoke") \
$(html_says 'name="confirm" value="yes"') $(state_of_three)" "200 said good"
is "no viewer is asked" "$(look bob "$three/revoke")" 403
is "a form without its token" "$(press ada "$three/hold" 'confirm=yes' \
	HTTP_COOKIE=token=x >/dev/null; sed 's/^token=[^&]*&//' "$T/form" \
	>"$T/form2"; cgi inventory REQUEST_METHOD=POST \
	"REQUEST_URI=$three/revoke" \
	CONTENT_TYPE=application/x-www-form-urlencoded \
	HTTP_HOST=ca.example:8446 SSL_CLIENT_VERIFY=SUCCESS \
	"SSL_CLIENT_CERT=$(cat "$T/ada.pem")" <"$T/form2") \
$(html_says '<code>csrf</code>')" "403 said"
is "… held by the one with it, though" "$(state_of_three)" held
is "a form from another site" "$(press ada "$three/release" 'confirm=yes' \
	HTTP_SEC_FETCH_SITE=same-site) $(state_of_three)" "403 held"
is "not confirmed" "$(press ada "$three/release" 'confirm=no') \
$(state_of_three)" "400 held"
is "confirmed: the page that shows it" "$(press ada "$three/release" \
	'confirm=yes' HTTP_SEC_FETCH_SITE=same-origin) $(header Location)" \
	"303 $three?done=released"
is "… says so" "$(look ada "$three?done=released") \
$(html_says 'released from its hold')" "200 said"
is "… and it is" "$(state_of_three)" good
is "another site's link says nothing of the kind" "$(look ada \
	"$three?done=revoked" HTTP_SEC_FETCH_SITE=cross-site) \
$(html_says 'role="status"')" "200 "
is "no reason of RFC 5280: asked again, what was typed is kept" "$(press \
	ada "$three/revoke" 'confirm=yes&reason=old&note=%3Cb%3E%22lost') \
$(html_says 'role="alert"') $(html_says 'value="&lt;b&gt;&quot;lost"') \
$(loose) $(state_of_three)" "400 said said 0 good"

fill=$BUILDDIR/tests/tools/fill
"$fill" "$STORE_URL" issue '<b>"&' 1 1
is "a hostile subject in a list" "$(look bob \
	"$P/certificates?subject=%3Cb%3E") \
$(html_says 'CN=&lt;b&gt;&quot;&amp;00001') $(grep -c '<b>' "$T/body")" \
	"200 said 0"
hostile=$(look bob "$C?subject=%3Cb%3E" >/dev/null &&
	jq -r '.certificates[0].fingerprint' "$T/body")
is "… and on its own page" "$(look bob "$P/certificates/$hostile") \
$(grep -c '<b>' "$T/body")" "200 0"

# ---- as FastCGI, streamed
start inventory
fast() { # fast WHO PATH: "exit-status HTTP-status reason"
	send plain inventory REQUEST_METHOD=GET "REQUEST_URI=$2" \
		SSL_CLIENT_VERIFY=SUCCESS "SSL_CLIENT_CERT=$(cat "$T/$1.pem")" \
		</dev/null
}
like "FastCGI: a list" "$(fast ada $C)" "^0 200"
like "FastCGI: an export" "$(fast ada $C.csv)" "^0 200"
is "… whole" "$(wc -l <"$BODY")" 8
like "FastCGI: nobody" "$(fast eve $C)" "^0 403"
stop TERM
is "FastCGI: stops cleanly" "$rc" 0
key_hide
is "neither key nor token is wanted" "$(look ada $C)" 200
key_back
done_testing
