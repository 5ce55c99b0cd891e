# shellcheck shell=bash
# Part of suite.sh: what must not do any harm: methods and paths (A), headers
# (B); suite-bodies.sh has the rest.
# shellcheck source=tests/httpd/lib.sh
[ -n "${DEMO:-}" ] || . "$(dirname "$0")/lib.sh"
mapfile -t maker < <(as manufacturer)
est=/.well-known/est
csr good /CN=suite-good
is "before: a good one" "$(post 0 simpleenroll "$T/good.b64" "${maker[@]}")" 200
before=$(issued)

# ---- A: methods
for method in PUT DELETE PATCH OPTIONS TRACE BREW; do
	one_of "$method simpleenroll" "$(est 0 simpleenroll "${maker[@]}" \
		-X "$method" -H 'X-Mark: echoed')" 405 501 400
	is "… echoes nothing" "$(grep -c echoed "$T/body")" 0
	[ -z "$(head_of Allow)" ] ||
		like "… Allow" "$(head_of Allow)" 'POST'
done
request "post $est/simpleenroll HTTP/1.1" 'Connection: close' >"$T/rq"
one_of "a method in lower case" "$(raw "$T/rq")" 400 405 501 415 # Caddy's FastCGI writes it large
request "$(head -c 8192 /dev/zero | tr '\0' A) $est/cacerts HTTP/1.1" \
	'Connection: close' >"$T/rq"
one_of "a method of 8 KiB" "$(raw "$T/rq")" 400 405 414 431 501 ""
is "POST cacerts" "$(est 0 cacerts -d x)" 405
is "… Allow" "$(head_of Allow)" "GET, HEAD"
is "GET simpleenroll" "$(est 0 simpleenroll "${maker[@]}")" 405
is "… Allow" "$(head_of Allow)" POST
quiet "405"
is "a method from a header is none" "$(est 0 simpleenroll "${maker[@]}" \
	-H 'X-HTTP-Method-Override: POST')" 405

# ---- A: paths
for path in nosuch ghost/simpleenroll device device/device/cacerts a/b/cacerts \
	idevid/simpleenroll cacerts/ cacerts/x CACerts SimpleEnroll \
	Device/cacerts pal eecerts sen fullcmc -rf/cacerts \
	"$(head -c 65 /dev/zero | tr '\0' a)/cacerts" \
	'caf%c3%a9/cacerts' '%2e%2e/cacerts' '%252e%252e/cacerts' \
	'device%2fcacerts' 'device%5ccacerts' '%zz/cacerts' \
	'a%00b/cacerts' 'a%0d%0aX:1/cacerts' 'a/../cacerts' './cacerts' \
	'device/../idevid/cacerts' '//cacerts' "$(head -c 8192 /dev/zero |
		tr '\0' a)/cacerts"; do
	one_of "nothing is there: ${path:0:40}" "$(est 0 "$path" --path-as-is)" \
		400 404 414
done
est 0 ghost/simpleenroll -d x >/dev/null
sed 's/request [0-9a-f]*//' "$T/body" >"$T/ghost"
est 0 idevid/simpleenroll -d x >/dev/null
ok "a label that is not there is like one that is another port's" \
	cmp "$T/ghost" <(sed 's/request [0-9a-f]*//' "$T/body")
one_of "percent-encoded letters: the plain path, or none" \
	"$(at 0 '/%2ewell-known/est/cacert%73')" 200 400 404
one_of "a double slash: merged, or none" \
	"$(at 0 '//.well-known//est/cacerts')" 200 400 404
one_of "with a query that has a NUL" \
	"$(est 0 'cacerts?x=%00' --path-as-is)" 200 400
is "a query means nothing" "$(est 0 'cacerts?label=idevid&x=1')" 200
is "… of 4 KiB" "$(est 0 "cacerts?x=$(head -c 4096 /dev/zero | tr '\0' x)")" 200
request "GET https://other.example:1$est/cacerts HTTP/1.1" \
	'Connection: close' >"$T/rq"
one_of "the absolute form, another host" "$(raw "$T/rq")" 200 400 404 421
request "GET $est/cacerts#x HTTP/1.1" 'Connection: close' >"$T/rq"
one_of "a fragment" "$(raw "$T/rq")" 200 400 404
request 'OPTIONS * HTTP/1.1' 'Connection: close' >"$T/rq"
one_of "OPTIONS *" "$(raw "$T/rq")" 200 400 404 405 501
printf 'GET %s/cacerts HTTP/1.1\r\nConnection: close\r\n\r\n' "$est" >"$T/rq"
is "no Host" "$(raw "$T/rq")" 400
request "GET $est/cacerts HTTP/1.1" 'Host: one' 'Connection: close' >"$T/rq"
is "two Hosts" "$(raw "$T/rq")" 400
request "GET $est/cacerts HTTP/1.0" >"$T/rq"
one_of "HTTP/1.0" "$(raw "$T/rq")" 200 505
printf 'GET %s/cacerts\r\n' "$est" >"$T/rq"
one_of "HTTP/0.9" "$(raw "$T/rq" 2)" 400 505 ""
printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' >"$T/rq"
one_of "HTTP/2 by prior knowledge" "$(raw "$T/rq" 2)" 400 404 505 ""
is "HTTP/2 is not on" "$(est 0 cacerts --http2 -w '%{http_version}')" 1.1
request "GET $est/$(head -c 65536 /dev/zero | tr '\0' a) HTTP/1.1" >"$T/rq"
one_of "a request line of 64 KiB" "$(raw "$T/rq")" 400 414 431 ""
request "GET $est/cacerts HTTP/1.1" \
	"X: $(head -c 65536 /dev/zero | tr '\0' a)" >"$T/rq"
one_of "a header of 64 KiB" "$(raw "$T/rq")" 400 431 413 ""
mapfile -t many < <(seq 1 200 | sed 's/.*/X-&: &/')
request "GET $est/cacerts HTTP/1.1" 'Connection: close' "${many[@]}" >"$T/rq"
one_of "200 headers" "$(raw "$T/rq")" 200 400 431
{
	request "GET $est/nosuch HTTP/1.1"
	request "GET $est/cacerts HTTP/1.1"
	request "GET $est/simpleenroll HTTP/1.1" 'Connection: close'
} >"$T/rq"
is "three in one: each its own answer, in order" "$(raw "$T/rq")" "404 200 405"
smuggled=$(request "GET $est/csrattrs HTTP/1.1" 'Connection: close')
for heads in 'Content-Length: 4|Transfer-Encoding: chunked' \
	'Content-Length: 5|Content-Length: 6' \
	'Transfer-Encoding: xchunked' 'Transfer-Encoding : chunked'; do
	{
		IFS='|' read -r one two <<<"$heads"
		request "POST $est/simpleenroll HTTP/1.1" "$one" ${two:+"$two"} \
			'Content-Type: application/pkcs10'
		printf '0\r\n\r\n%s\r\n\r\n' "$smuggled"
	} >"$T/rq"
	got=$(raw "$T/rq" 4)
	one_of "$heads: refused, never two requests" "${got%% *}" \
		400 411 501 ""
	case $got in *200*) got=smuggled ;; esac
	is "… nothing is smuggled" "${got/smuggled/no}" "$got"
done
one_of "plain HTTP on the TLS port" "$(curl -sS --max-time 10 -o /dev/null \
	-w '%{http_code}' "http://localhost:$PORT$est/cacerts" 2>/dev/null)" \
	400 000
ok "TLS 1.1 is refused" sh -c \
	"! openssl s_client -tls1_1 -cipher DEFAULT@SECLEVEL=0 \
	-connect localhost:$PORT </dev/null 2>/dev/null | grep -q 'Cipher is [A-Z]'"

# ---- B: headers
typed() { # typed TYPE [curl arguments]
	est 0 simpleenroll "${maker[@]}" --data-binary "@$T/good.b64" \
		-H "Content-Type:$1" "${@:2}"
}
is "no Content-Type" "$(typed '')" 415
for type in text/plain application/x-www-form-urlencoded \
	application/pkcs7-mime 'multipart/form-data; boundary=x' \
	application/pkcs10x xapplication/pkcs10 \
	application/pkcs10,application/json; do
	is "Content-Type: $type" "$(typed " $type")" 415
done
one_of "two Content-Types" "$(typed ' application/pkcs10' \
	-H 'Content-Type: text/plain')" 415 400
is "a type in capitals, with a parameter" \
	"$(typed ' APPLICATION/PKCS10 ; charset=utf-8')" 200
for encoding in binary quoted-printable 9bit; do
	is "Content-Transfer-Encoding: $encoding" "$(typed \
		' application/pkcs10' \
		-H "Content-Transfer-Encoding: $encoding")" 200
done
gzip -c "$T/good.b64" >"$T/good.gz"
is "a gzip body" "$(post 0 simpleenroll "$T/good.gz" "${maker[@]}" \
	-H 'Content-Encoding: gzip')" 415
is "… says so" "$(reason)" encoding
one_of "Expect: something else" "$(typed ' application/pkcs10' \
	-H 'Expect: 42')" 200 417
for head in 'Proxy: http://127.0.0.1:9' 'Accept: image/png' \
	'Accept-Encoding: identity;q=0' 'Range: bytes=0-1' \
	'If-None-Match: *' 'Cookie: a=b'; do
	is "$head" "$(est 0 cacerts -H "$head")" 200
done
est 0 simpleenroll -d x -H 'X-Forwarded-For: 203.0.113.9' \
	-H 'Forwarded: for=203.0.113.9' -H 'X-Real-IP: 203.0.113.9' \
	-H 'REMOTE_ADDR: 203.0.113.9' -H 'Remote-Addr: 203.0.113.9' >/dev/null
is "the peer is the web server's to say" "$(admin audit list --json --event \
	refuse | tail -n 1 | jq -r .record.peer)" 127.0.0.1
is "after: a good one" "$(post 0 simpleenroll "$T/good.b64" "${maker[@]}")" 200
is "nothing was issued to anybody" "$(issued)" "$before"
