#!/usr/bin/env bash
# Certificate status and what is above a certificate, on the port without TLS:
# by openssl and curl behind the web server.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
demo_start
U=http://localhost:$((PORT + 6))
keyid=$(openssl x509 -in "$DEMO/intermediate.pem" -noout \
	-ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' | tr A-F a-f)
plain() { # plain PATH [curl arguments]: the status
	local path=$1
	shift
	curl -sS --max-time 20 -D "$T/head" -o "$T/body" -w '%{http_code}' \
		"$@" "$U$path"
}
status() { # what the responder says of demo/device.pem
	openssl ocsp -issuer "$DEMO/intermediate.pem" -cert "$DEMO/device.pem" \
		-url "$U/ocsp" -CAfile "$DEMO/root.pem" "$@" 2>"$T/ocsp.err" |
		sed -n "s#^$DEMO/device.pem: ##p"
}
chain() { # by the list alone
	{ openssl crl -inform DER -in "$T/list"; cat "$DEMO/root.pem" \
		"$DEMO/intermediate.pem"; } >"$T/trust"
	openssl verify -crl_check -CAfile "$T/trust" "$DEMO/device.pem" 2>&1 |
		grep -o 'OK\|certificate revoked'
}

is "the list" "$(plain "/crl/$keyid.crl") $(head_of Content-Type)" \
	"200 application/pkix-crl"
cp "$T/body" "$T/list"
etag=$(head_of ETag)
is "not again" "$(plain "/crl/$keyid.crl" -H "If-None-Match: $etag")" 304
is "nor by its date" "$(plain "/crl/$keyid.crl" \
	-H "If-Modified-Since: $(head_of Last-Modified)")" 304
is "HEAD" "$(plain "/crl/$keyid.crl" -I) $(head_of ETag)" "200 $etag"
is "good by the list" "$(chain)" OK
is "the issuer" "$(plain "/ca/$keyid.cer")" 200
is "… is the one" "$(openssl x509 -inform DER -in "$T/body" -noout \
	-fingerprint)" "$(openssl x509 -in "$DEMO/intermediate.pem" -noout \
	-fingerprint)"
is "OCSP: good, with a nonce" "$(status)" good
ok "… the answer is verified" grep -q 'Response verify OK' "$T/ocsp.err"
is "OCSP: good, without" "$(status -no_nonce)" good
request=$(openssl ocsp -issuer "$DEMO/intermediate.pem" -cert \
	"$DEMO/device.pem" -no_nonce -reqout "$T/rq" >/dev/null 2>&1
	openssl base64 -A -in "$T/rq" | sed 's#/#%2F#g; s#+#%2B#g; s#=#%3D#g')
is "OCSP by GET" "$(plain "/ocsp/$request") $(head_of Content-Type)" \
	"200 application/ocsp-response"
like "… for caches" "$(head_of Cache-Control)" 'max-age=[1-9]'
is "… not again" "$(plain "/ocsp/$request" \
	-H "If-None-Match: $(head_of ETag)")" 304

serial=$(openssl x509 -in "$DEMO/device.pem" -noout -serial | cut -d= -f2)
ok "revoke" admin revoke --reason superseded "$serial"
ok "the next list" admin crl
is "… is served at once" "$(plain "/crl/$keyid.crl" \
	-H "If-None-Match: $etag")" 200
cp "$T/body" "$T/list"
is "revoked by the list" "$(chain)" "certificate revoked"
is "OCSP: revoked" "$(status)" revoked
ok "another serial" sh -c "openssl ocsp -issuer '$DEMO/intermediate.pem' \
	-serial 0x1234 -url $U/ocsp -CAfile '$DEMO/root.pem' 2>&1 |
	grep -q ': unknown'"
for path in / /crl/ "/crl/$keyid.pem" /crl/../etc/microca.conf /public/; do
	like "nothing else: $path" "$(plain "$path" --path-as-is)" '^40[04]$'
done
like "nor another method" "$(plain "/crl/$keyid.crl" -X DELETE)" '^40[35]$'

# ---- as files, by a web server alone
command -v lighttpd >/dev/null || { done_testing; exit; }
lists=$(dirname "$(find "$DEMO" -name "$keyid.crl")")
cat >"$T/files.conf" <<-END
	server.document-root = "/nonexistent"
	server.bind = "127.0.0.1"
	server.port = $((PORT + 9))
	server.modules = ("mod_alias")
	alias.url = ("/crl/" => "$lists/")
	mimetype.assign = (".crl" => "application/pkix-crl")
END
lighttpd -D -f "$T/files.conf" 2>"$T/files.log" &
files=$!
U=http://localhost:$((PORT + 9))
end=$((SECONDS + 10))
until [ "$(plain "/crl/$keyid.crl" 2>/dev/null)" = 200 ] ||
	[ "$SECONDS" -ge "$end" ]; do sleep 0.05; done
is "the folder by a web server: the same" "$(plain "/crl/$keyid.crl") \
$(head_of Content-Type) $(cmp -s "$T/body" "$T/list" && echo same)" \
	"200 application/pkix-crl same"
is "… and not again" "$(plain "/crl/$keyid.crl" \
	-H "If-None-Match: $(head_of ETag)")" 304
kill "$files"

# ---- the tool asks, too
answer() { # answer ARGUMENT...: the first word, or the reason; the exit status
	local rc=0
	admin "$@" >"$T/said" 2>"$T/said.err" || rc=$?
	echo "$(head -n 1 "$T/said") $rc"
}
like "health" "$(answer health --wait 20 "https://localhost:$PORT")" '^(ok 0|degraded 8)$'
ok "… with what is wrong, to who is on the box" test \
	"$(grep -c . "$T/said")" -ge 1
like "health without TLS" "$(answer health "http://localhost:$((PORT + 6))")" '^(ok 0|degraded 8)$'
like "health elsewhere, by the certificate's name" "$(answer health \
	--connect-to "127.0.0.1:$PORT" "https://localhost:$((PORT + 1))")" \
	'^(ok 0|degraded 8)$'
is "another name is not believed" \
	"$(answer health --connect-to \
	"127.0.0.1:$PORT" "https://elsewhere.example")" " 4"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \
	"$T/other.key" -subj /CN=Other -out "$T/other.pem" 2>/dev/null
is "nor another CA" "$(answer health --anchors "$T/other.pem" \
	"https://localhost:$PORT")" " 4"
is "what is no health page" "$(answer health \
	"http://localhost:$((PORT + 6))/ca/$keyid.cer")" " 7"
like "… is said to be none" "$(cat "$T/said.err")" 'status 200, and not what'
is "nobody there" "$(answer health "https://localhost:1")" " 7"
is "no URL" "$(answer health localhost)" " 2"

public=$DEMO/public
is "a pair" "$(answer check --cert "$public/server.pem" \
	--key "$public/server.key")" \
	"ok: $public/server.pem and $public/server.key are a pair 0"
is "no pair" "$(answer check --cert "$DEMO/intermediate.pem" \
	--key "$public/server.key" | grep -o '^FAIL\|[0-9]*$' | tr '\n' ' ')" "FAIL 8 "
is "no key" "$(answer check --cert "$public/server.pem" \
	--key "$public/server.pem")" " 2"
like "… and why" "$(cat "$T/said.err")" 'holds no private key'
is "half of a question" "$(answer check --cert "$public/server.pem")" " 2"
done_testing
