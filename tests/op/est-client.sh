#!/bin/sh
# est-client against servers that misbehave: it ends with a status other than
# 0, one line says why, nothing is stored and the pair in use stays.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=tests/op/est-lib.sh
. "$(dirname "$0")/est-lib.sh"

at= # another time
# client COMMAND [ARGUMENT...]: status in $rc, output in out and err.
client() {
	client_command=$1
	shift
	timeout 60 ${at:+faketime -f "$at"} "$C" "$client_command" --url "$U" --anchors root.pem \
		--timeout 5s "$@" >out 2>err
	rc=$?
	return "$rc"
}
enroll() { client enroll --folder "$1" --subject CN=pump-7 --force; }
in_use() { sha256sum good/current/cert.pem good/current/key.pem; }

# refused NAME STATUS PATTERN: a renewal by force fails so, twice, and all stays.
refused() {
	before=$(in_use)
	enroll good
	cp err first
	first_rc=$rc
	find good -type f | sort >files
	enroll good
	is "$1: again, the same" "$rc $(cat err)" "$first_rc $(cat first)"
	find good -type f | sort >files.now
	ok "$1: no file is left" cmp files files.now
	ok "$1: nothing that a terminal obeys is printed" sh -c \
		"! LC_ALL=C grep -q '[^[:print:]]' err out"
	is "$1: refused" "$rc" "$2"
	is "$1: in one line" "$(wc -l <err)" 1
	like "$1: that says why" "$(cat err)" "$3"
	is "$1: the pair in use stays" "$(in_use)" "$before"
}

certificate wrong root /CN=localhost subjectAltName=DNS:elsewhere \
	extendedKeyUsage=serverAuth
certificate stranger other /CN=localhost subjectAltName=DNS:localhost \
	extendedKeyUsage=serverAuth
server_start "$W" server -C root.pem
U=https://localhost:$port
bag cas.b64 root.pem
answer cacerts "200 OK" application/pkcs7-mime cas.b64
issuer leaf.ext

# ---- it works at all --------------------------------------------------------
ok "enroll" enroll good
ok "the pair is whole" openssl verify -CAfile root.pem good/current/cert.pem
ok "renewals show the certificate" client reenroll --folder good
like "... the server sees it" "$(tail -n 3 "$W/log")" \
	'simplereenroll .*CN=pump-7'

# ---- who the server is ------------------------------------------------------
good=$U
for who in wrong stranger; do
	server_start "$T/server-$who" "$who"
	U=https://localhost:$port
	refused "a server that is $who" 4 '.'
	ok "... is asked nothing" sh -c "! grep -q ' [A-Z]* /' '$T/server-$who/log'"
done
U=$good

# ---- cacerts ----------------------------------------------------------------
bag two.b64 root.pem other.pem
answer cacerts "200 OK" application/pkcs7-mime two.b64
ok "a foreign root in cacerts" client cacerts --state learnt -o ca.pem
like "... is reported" "$(cat err)" 'warning: .* 1 root that no trusted one'
is "... and not handed on" "$(grep -c BEGIN ca.pem)" 1
ok "... nor learnt" sh -c "! grep -q 'Other Root' learnt/anchors.pem 2>/dev/null"
timeout 60 "$C" cacerts --url "$U" --trust-first-use --state tofu >out 2>err
is "two roots at first use: refused" "$?" 4
ok "... nothing is learnt" test ! -e tofu/anchors.pem
answer cacerts "200 OK" application/pkcs7-mime cas.b64

# ---- what comes instead of a certificate ------------------------------------
for what in 'PEM root.pem' 'an_empty_body /dev/null'; do
	answer simplereenroll "200 OK" "$p7" "${what#* }"
	refused "$(echo "${what% *}" | tr _ ' ')" 5 '.'
done
echo '<html>Please log in</html>' >portal.html
answer simplereenroll "200 OK" text/html portal.html
refused "a captive portal" 5 'html|type'
certificate foreign root /CN=pump-7 basicConstraints=CA:FALSE
bag foreign.b64 foreign.pem
answer simplereenroll "200 OK" "$p7" foreign.b64
refused "another key's certificate" 5 'key'
ok "... is in quarantine" grep -q "$(sed -n 2p foreign.pem)" \
	good/rejected/cert.pem
certificate second root /CN=second basicConstraints=CA:FALSE
bag both.b64 foreign.pem second.pem
answer simplereenroll "200 OK" "$p7" both.b64
refused "two certificates" 5 '.'
printf '\033[2J\007 no \377\n%04000d' 0 >terminal
answer simplereenroll "403 Forbidden" text/plain terminal
refused "terminal escapes in an error" 4 'x1b.*x07'
ok "... no control character is printed" sh -c \
	"! LC_ALL=C grep -q '[^[:print:]]' err"
ok "... and it is cut" test "$(wc -c <err)" -lt 1200
echo "HTTP/1.1 200 OK" >"$W/simplereenroll"
echo "cut 20" >"$W/simplereenroll.mode"
refused "a connection that is cut" 5 '.'
rm "$W/simplereenroll.mode"
printf 'HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n' "$p7" >"$W/simplereenroll"
echo "endless" >"$W/simplereenroll.mode"
refused "an answer without end" 5 '.'
rm "$W/simplereenroll.mode"
answer simplereenroll "302 Found" "" /dev/null "Location: https://example.com/x"
refused "a redirect to another host" 4 'redirect'

# ---- certificates that were not asked for -----------------------------------
echo basicConstraints=critical,CA:TRUE >ca.ext
issuer ca.ext
refused "a CA's certificate" 4 "CA's"
ok "... is in quarantine" test -s good/rejected/cert.pem
like "... with the reason" "$(cat good/rejected/why)" "up-cert: .*CA's"
issuer leaf.ext -days -1
refused "an expired certificate" 4 'expired'
issuer leaf.ext -days 1
refused "one that ends before the old one" 4 'ends before'
issuer leaf.ext -days 60 -subj /CN=somebody 2>/dev/null
refused "somebody else's name" 4 'another subject'
issuer_ca=other issuer leaf.ext -days 60
issuer_ca=
refused "an issuer that is no anchor's" 4 '.'
issuer leaf.ext -days 60 -sha1
refused "a SHA-1 signature" 4 'hash'
issuer leaf.ext -days 60
ok "after all that a good one is taken" enroll good

# ---- it waits ---------------------------------------------------------------
bodies() { # how many different ones the last two requests with a body had
	grep ' POST ' "$W/log" | tail -n 2 | while read -r n _; do
		sha256sum <"$W/request.$n.body"
	done | uniq | wc -l
}
now_due() { sed -i '/next_try/d' "$1/status.json"; }
answer simpleenroll "202 Accepted" "" /dev/null "Retry-After: 0"
enroll wait
is "202" "$rc" 3
ok "... waits a minute at least, whatever the server says" jq -e \
	'.state == "pending" and (.next_try | fromdate) >= (.tried | fromdate) + 60' \
	wait/status.json
like "... tells which request, as who approves sees it" "$(cat "$T/err" "$T/out" \
	2>/dev/null; jq -r .text wait/status.json)" \
	"$(openssl base64 -d -in "$W/request.$(wc -l <"$W/log").body" |
		sha256sum | cut -d' ' -f1)"
requests=$(wc -l <"$W/log")
enroll wait
is "before its time" "$rc" 3
is "... nothing is asked" "$(wc -l <"$W/log")" "$requests"
client renew --folder wait --subject CN=pump-7
is "renew says that it waits" "$rc" 3
answer simpleenroll "202 Accepted" "" /dev/null \
	"Retry-After: Fri, 31 Dec 2100 23:59:59 GMT"
now_due wait
client renew --folder wait --subject CN=pump-7
is "202 again" "$rc" 3
is "... with the same request" "$(bodies)" 1
ok "... a date far away is a day" jq -e \
	'(.next_try | fromdate) <= (.tried | fromdate) + 100000' wait/status.json
client status --folder wait
is "status: pending" "$rc" 3
issuer leaf.ext
now_due wait
ok "approved" client renew --folder wait --subject CN=pump-7
is "... with the same request" "$(bodies)" 1

# ---- lost answers -----------------------------------------------------------
issuer leaf.ext
echo "cut 0" >"$W/simpleenroll.mode"
enroll lost
is "the server closes before it answers" "$rc" 7
rm "$W/simpleenroll.mode"
ok "the next try" enroll lost
is "... repeats the request" "$(bodies)" 1

# ---- passwords --------------------------------------------------------------
(umask 077 && echo 's3cret:x' >password)
issuer leaf.ext
mv "$W/simpleenroll" "$W/signs"
echo >empty
for scheme in 'Basic realm="x"' \
	'Digest realm="x", nonce="abc", qop="auth", algorithm=SHA-256'; do
	word=${scheme%% *}
	rm -f "$W"/simpleenroll*
	cat >"$W/simpleenroll.new" <<-END
	#!/bin/sh
	head=\${1%.body}
	grep -qi '^authorization: $word' "\$head" && exec "$W/signs" "\$1"
	printf 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: %s\r\nContent-Length: 0\r\n\r\n' '$scheme'
	END
	chmod 755 "$W/simpleenroll.new" && mv "$W/simpleenroll.new" "$W/simpleenroll"
	ok "$word" client enroll --folder "$word" --subject CN=pump-7 \
		--user pump --password-file password
	first=$(grep ' POST ' "$W/log" | tail -n 2 | head -n 1)
	ok "... is not sent before it is asked for" sh -c \
		"! grep -qi '^authorization' '$W/request.${first%% *}'"
	ok "... after a certificate that was not enough" client enroll \
		--folder "both$word" --subject CN=pump-7 --user pump \
		--password-file password --auth-cert good/current/chain.pem \
		--auth-key good/current/key.pem
	like "... which was shown" "$(tail -n 1 "$W/log")" 'CN=pump-7'
	client enroll --folder "no$word" --subject CN=pump-7
	is "... without a password: refused" "$rc" 4
done
client enroll --folder nopass --subject CN=pump-7 --user pump \
	--password-file nothere
is "no file of the password: the configuration is wrong" "$rc" 2
chmod 644 password
client enroll --folder open --subject CN=pump-7 --user pump \
	--password-file password
is "a password that others may read is not used" "$rc" 2
rm -f "$W"/simpleenroll*
issuer leaf.ext

# ---- csrattrs ---------------------------------------------------------------
for vector in "$SRCDIR"/tests/vectors/csrattrs-bad/*.b64; do
	[ -f "$vector" ] || continue
	name=$(basename "$vector" .b64)
	answer csrattrs "200 OK" application/csrattrs "$vector"
	enroll "attrs-$name"
	case $rc in
	0) ok "$name: taken as a hint" openssl verify -CAfile root.pem \
		"attrs-$name/current/cert.pem" ;;
	4 | 5) like "$name: refused" "$(cat err)" '.' ;;
	*) is "$name: neither taken nor refused" "$rc" "0, 4 or 5" ;;
	esac
done
ok "csrattrs=false: a server that sends such is got along with" client enroll \
	--folder ignored --subject CN=pump-7 --csrattrs=false
rm -f "$W/csrattrs"

# ---- linked to the connection -----------------------------------------------
plain=$W
W=$T/server12
server_start "$W" server -C root.pem -t 1.2
U=https://localhost:$port
answer cacerts "200 OK" application/pkcs7-mime cas.b64
issuer leaf.ext
ok "a request linked to TLS 1.2" client enroll --folder linked \
	--subject CN=pump-7 --pop-link always
sent=$(grep ' POST ' "$W/log" | tail -n 1)
openssl base64 -d -in "$W/request.${sent%% *}.body" -out linked.der
is "... holds its tls-unique" "$(openssl req -inform DER -in linked.der \
	-noout -text | sed -n 's/^ *challengePassword *://p')" "${sent##* }"
openssl x509 -in linked/current/cert.pem -noout -pubkey >linked.pub
is "... and the key that is kept" "$(openssl req -inform DER -in linked.der \
	-noout -pubkey)" "$(cat linked.pub)"
ok "not linked unless it is asked for" client enroll --folder unlinked \
	--subject CN=pump-7
sent=$(grep ' POST ' "$W/log" | tail -n 1)
is "... has none" "$(openssl base64 -d -in "$W/request.${sent%% *}.body" |
	openssl req -inform DER -noout -text | grep -c challengePassword)" 0
ok "the CA's certificates are asked for once a day" client renew \
	--folder unlinked
requests=$(grep -c . "$W/log")
ok "... not again" client renew --folder unlinked
is "... so nothing was asked" "$(grep -c . "$W/log")" "$requests"
touch -d '2 days ago' unlinked/anchors.pem.seen
ok "... the day after" client renew --folder unlinked
ok "... cacerts alone" test "$(grep -c . "$W/log")" -eq $((requests + 1))
W=$plain
U=$good

# ---- time ---------------------------------------------------------------------
issuer leaf.ext -days 1
ok "a pair for a day" client enroll --folder brief --subject CN=pump-7
issuer leaf.ext -days 60
before=$(sha256sum brief/current/*)
requests=$(grep -c . "$W/log")
at=+2d
client reenroll --folder brief
is "it has ended: refused" "$rc $(wc -l <err)" "6 1"
like "... that says so" "$(cat err)" 'has ended, at 20.*enroll again'
is "... nobody is asked" "$(grep -c . "$W/log")" "$requests"
at=-9d
client reenroll --folder brief
is "a clock before the certificates: refused" "$rc $(wc -l <err)" "7 1"
like "... that says so" "$(cat err)" "not yet|clock"
at=
is "... the pair stays" "$(sha256sum brief/current/*)" "$before"

issuer leaf.ext -days 90

# ---- the disk ---------------------------------------------------------------
before=$(in_use)
# shellcheck disable=SC2016
timeout 60 sh -c 'trap "" XFSZ; ulimit -f 0; exec "$@"' sh "$C" reenroll \
	--url "$U" --anchors root.pem --folder good >out 2>/dev/null
is "a full disk" "$?" 1
is "... the pair in use stays" "$(in_use)" "$before"
chmod 555 good
client reenroll --folder good
is "a folder that cannot be written" "$rc" 1
chmod 755 good
is "... the pair in use stays" "$(in_use)" "$before"
echo precious >precious
ln -sf ../precious good/status.json
ok "a link in the way" client reenroll --folder good
is "... is not followed" "$(cat precious)" precious

done_testing
