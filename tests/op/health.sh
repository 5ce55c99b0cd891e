#!/bin/sh
# health - one word, and details for those on the box.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem

health() {
	cgi health REQUEST_METHOD=GET REQUEST_URI=/health "$@" </dev/null
}
# A signing program's sign of life:
# sign PROGRAM AGE KEY STORE [ISSUER STAGED [WAITING]]
sign() {
	printf '{"program":"%s","pid":1,"when":%s,"key":"%s","store":"%s","issuer":"%s"%s%s}' \
		"$1" "$(($(date +%s) - $2))" "$3" "$4" "${5:-ok}" \
		"${6:+,\"staged\":\"$6\"}" "${7:+,\"waiting\":$7}" \
		>"$T/run/health-$1"
}
signs() {
	sign simpleenroll "$@"
	sign simplereenroll "$@"
}

asks() { # asks URL: the tool's exit status; what it says is in $T/asked
	admin health "$1" >"$T/asked" 2>&1
	echo $?
}
is "the tool: a URL without a host" "$(asks http://)" 2
like "… says what is missing" "$(cat "$T/asked")" 'no HOST'
is "… one without it before a path" "$(asks http:///health)" 2
is "… a port that is none" "$(asks http://localhost:0/health)" 2
is "… https:// without a host" "$(asks https://)" 2
is "… another scheme" "$(asks ftp://localhost/health)" 2
like "… says which there are" "$(cat "$T/asked")" \
	'must begin with https:// or http://'
is "… nobody is there" "$(asks http://127.0.0.1:1)" 7

is "all is well" "$(health) $(cat "$T/body")" "200 ok"
is "its type" "$(header Content-Type)" "text/plain; charset=utf-8"
is "no cache keeps it" "$(header Cache-Control)" no-store
is "HEAD" "$(cgi health REQUEST_METHOD=HEAD REQUEST_URI=/health) \
$(wc -c <"$T/body")" "200 0"
is "POST is refused" "$(cgi health REQUEST_METHOD=POST REQUEST_URI=/health) \
$(header Allow)" "405 GET, HEAD"

signs 1 ok ok
is "programs tell that they are well" "$(health) $(cat "$T/body")" "200 ok"
signs 1 token-absent ok
is "a token that is gone" "$(health) $(cat "$T/body")" "503 down"
like "503 says when to look again" "$(header Retry-After)" '^[1-9]'
is "strangers see one word" "$(wc -l <"$T/body")" 1
health REMOTE_ADDR=127.0.0.1 >/dev/null
like "the box itself sees why" "$(cat "$T/body")" \
	'^down: token-absent: simpleenroll: the program cannot use its token$'
health REMOTE_ADDR=::1 >/dev/null
like "by IPv6 too" "$(cat "$T/body")" token-absent
health REMOTE_ADDR=192.0.2.1 HTTP_X_FORWARDED_FOR=127.0.0.1 >/dev/null
is "a header makes nobody local" "$(wc -l <"$T/body")" 1
signs 1 ok db-corrupt
is "a store that is broken" "$(health) $(cat "$T/body")" "503 down"
signs 1 ok ok
signs 1 ok ok issuer-former ok
is "the former issuer stands in" "$(health) $(cat "$T/body")" "200 degraded"
signs 1 ok ok ok token-key
is "the issuer to come has no key" "$(health) $(cat "$T/body")" "200 degraded"
signs 1 ok ok issuer-key ok
is "an issuer that is not the key's" "$(health) $(cat "$T/body")" "503 down"
signs 1 ok ok ok ok 3
is "requests that wait are no illness" "$(health) $(cat "$T/body")" "200 ok"
health REMOTE_ADDR=127.0.0.1 >/dev/null
is "the box itself sees how many" "$(cat "$T/body")" "ok
ok: approval-waiting: 3 requests wait for approval"
signs 1 ok ok ok ok 10000
health REMOTE_ADDR=127.0.0.1 >/dev/null
is "until there is no room for more" "$(cat "$T/body")" "degraded
degraded: approval-full: 10000 requests wait for approval, and no more are taken"
signs 40 ok ok ok ok 3
health REMOTE_ADDR=127.0.0.1 >/dev/null
is "an old sign counts nothing" "$(cat "$T/body")" ok
signs 1 ok ok ok ok
echo junk >"$T/state/issuers/junk.pem"
is "an issuer's file that cannot be read" "$(health) $(cat "$T/body")" \
	"200 degraded"
rm "$T/state/issuers/junk.pem"
is "all is well again" "$(health) $(cat "$T/body")" "200 ok"
mv "$T/public/chain.pem" "$T/chain.away"
is "a chain that is not published" "$(health) $(cat "$T/body")" \
	"200 degraded"
mv "$T/chain.away" "$T/public/chain.pem"
mv "$T/state/issuer.pem" "$T/issuer.away"
is "no issuing certificate" "$(health) $(cat "$T/body")" "503 down"
mv "$T/issuer.away" "$T/state/issuer.pem"
sed 's/disk_reserve = "1M"/disk_reserve = "1000G"/' "$CONF" >"$T/full.conf"
is "a full disk" "$(health MICROCA_CONF="$T/full.conf") $(cat "$T/body")" \
	"503 down"
rm -f "$T"/run/health-*

# ---- for machines
json() { health HTTP_ACCEPT=application/json "$@"; }
is "JSON" "$(json REMOTE_ADDR=127.0.0.1) $(header Content-Type) \
$(jq -c 'del(.time)' "$T/body")" \
	'200 application/json {"status":"ok","reasons":[]}'
like "… with its time" "$(jq -r .time "$T/body")" '^20[0-9T:-]+Z$'
mv "$T/public/chain.pem" "$T/chain.away"
signs 1 token-pin ok
is "what is wrong, the whole of it" "$(json REMOTE_ADDR=127.0.0.1) $(jq -c \
	'[.status, (.reasons[] | [.state, .word, .about])]' "$T/body")" \
	'503 ["down",["degraded","chain-absent","cacerts"],["down","token-pin","simpleenroll"],["down","token-pin","simplereenroll"]]'
is "each with a sentence and a time" "$(jq '[.reasons[] |
	select((.text | length) > 10 and (.since | endswith("Z")))] | length' \
	"$T/body")" 3
is "strangers see the word" "$(json) $(jq -c 'del(.time)' "$T/body")" \
	'503 {"status":"down"}'
is "a proxy here tells of strangers" "$(json REMOTE_ADDR=127.0.0.1 \
	HTTP_X_FORWARDED_FOR=192.0.2.7) $(jq 'has("reasons")' "$T/body")" \
	"503 false"
is "among others" "$(health HTTP_ACCEPT='text/html, application/json;q=0.9' \
	>/dev/null; header Content-Type)" application/json
is "who wants anything gets text" "$(health HTTP_ACCEPT='*/*' >/dev/null
	header Content-Type)" "text/plain; charset=utf-8"
mv "$T/chain.away" "$T/public/chain.pem"
rm -f "$T"/run/health-*
mv "$T/issuer.key" "$T/key.away"
is "health does not open the key" "$(health) $(cat "$T/body")" "200 ok"
mv "$T/key.away" "$T/issuer.key"
done_testing
