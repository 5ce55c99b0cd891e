#!/bin/sh
# microca ocsp and the program ocsp: openssl(1) asks and judges.
# shellcheck source-path=SCRIPTDIR source=lib.sh
# shellcheck disable=SC2119 # stop has a signal of its own
. "$(dirname "$0")/lib.sh"
ca_make pem
# shellcheck source-path=SCRIPTDIR source=fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"
profiles_write
conf_write "$T/issuer.key"

KEYID=$(openssl x509 -in "$T/ca.pem" -noout -ext subjectKeyIdentifier |
	tail -n 1 | tr -d ' :' | tr A-F a-f)
MINE=$T/state/ocsp/$KEYID.pem
made() { admin ocsp --json "$@" 2>/dev/null | jq -r '.[0].made'; }
issue() { # issue CN: into CN.pem; its serial
	csr "$1" "/CN=$1"
	admin issue --profile device -o "$T/$1.pem" "$T/$1.der" &&
		openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2
}
# ask "openssl ocsp arguments" [NAME=VALUE...]: POSTed; the status.
ask() {
	ask_args=$1
	shift
	# shellcheck disable=SC2086
	openssl ocsp -issuer "$T/ca.pem" $ask_args -reqout "$T/rq" \
		>/dev/null 2>&1
	send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request "$@" <"$T/rq"
}
# judged "arguments": what openssl makes of the answer to the last request.
judged() {
	# shellcheck disable=SC2086
	openssl ocsp -issuer "$T/ca.pem" -no_nonce $1 -reqin "$T/rq" -respin "$BODY" \
		-CAfile "$T/root.pem" -verify_other "$T/ca.pem" 2>&1
}
status_of() { openssl ocsp -respin "$BODY" -noverify 2>&1 | head -n 1; }
word() { openssl ocsp -respin "$BODY" -noverify -resp_text 2>&1 |
	sed -n "s/^ *$1: *//p" | head -n 1; }
said() { ask "-no_nonce -cert $T/$1.pem" >/dev/null && word 'Cert Status'; }
get_path() { openssl base64 -A -in "$T/rq" | sed 's,+,%2B,g;s,/,%2F,g;s,=,%3D,g'; }
get_it() { # get_it [NAME=VALUE...]: the last request by GET
	send plain ocsp REQUEST_METHOD=GET "REQUEST_URI=/ocsp/$(get_path)" "$@" \
		</dev/null
}
field() { tr -d '\r' <"$ANSWER" | sed -n "s/^$1: //p"; }

# ---- the responder's certificate ----------------------------------------------
is "one is issued" "$(made)" true
is "nobody else reads it" "$(stat -c %a "$MINE" "$T/state/ocsp" | tr '\n' ' ')" \
	"600 700 "
like "for OCSP alone" "$(openssl x509 -in "$MINE" -noout -ext extendedKeyUsage)" \
	'^ *OCSP Signing$'
like "nobody asks for its status" "$(openssl x509 -in "$MINE" -noout -text)" \
	'OCSP No Check'
ok "the CA's key issued it" openssl verify -CAfile "$T/root.pem" \
	-untrusted "$T/ca.pem" -purpose ocsphelper "$MINE"
is "it is recorded" "$(sql "SELECT count(*) FROM certificate
	WHERE profile = 'ocsp-responder'")" 1
is "in the audit too" "$(sql "SELECT count(*) FROM audit WHERE event = 'issue'
	AND record LIKE '%ocsp-responder%'")" 1
is "again there is nothing to do" "$(made)" false
is "unless it is forced" "$(made --force)" true
later() { faketime -f "+$1d" "$BUILDDIR/bin/microca" -c "$CONF" ocsp --json |
	jq -r '.[0].made'; }
is "before half of its time" "$(later 6)" false

# ---- answers --------------------------------------------------------------------
one=$(issue one)
two=$(issue two)
issue three >/dev/null
start ocsp
is "a question" "$(ask "-cert $T/one.pem")" "0 200 "
like "is answered" "$(judged "-cert $T/one.pem")" 'Response verify OK'
like "good" "$(judged "-cert $T/one.pem")" 'one.pem: good'
like "the nonce comes back" "$(openssl ocsp -respin "$BODY" -noverify \
	-resp_text 2>/dev/null)" 'OCSP Nonce'
is "its type" "$(field Content-Type)" application/ocsp-response
is "it is for one client" "$(field Cache-Control)" no-store
ask "-sha256 -cert $T/one.pem -cert $T/two.pem -cert $T/three.pem" >/dev/null
is "three by SHA-256" "$(judged "-sha256 -cert $T/one.pem -cert $T/two.pem \
	-cert $T/three.pem" | grep -c ': good')" 3
ask "-no_nonce -serial 0x1234" >/dev/null
is "a serial of nobody's" "$(word 'Cert Status')" unknown
openssl ocsp -issuer "$T/maker.pem" -serial 1 -reqout "$T/rq" 2>/dev/null
send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
	CONTENT_TYPE=application/ocsp-request <"$T/rq" >/dev/null
like "another CA's" "$(judged "")" 'unauthorized \(6\)'
# RFC 6960, 4.2.2.2: one responder answers for one issuer.
rm "$T/rq"
openssl ocsp -issuer "$T/ca.pem" -serial "0x$one" -issuer "$T/maker.pem" -serial 1 \
	-reqout "$T/rq" 2>/dev/null
send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
	CONTENT_TYPE=application/ocsp-request <"$T/rq" >/dev/null
like "one of ours and one of another's" "$(status_of)" 'unauthorized \(6\)'

# ---- revoked, held, released -----------------------------------------------------
is "before" "$(said one) $(said two)" "good good"
admin revoke --reason keyCompromise "$one" >/dev/null
admin revoke --reason certificateHold "$two" >/dev/null
is "revoked at once" "$(said one)" revoked
like "with its reason" "$(word 'Revocation Reason')" 'keyCompromise'
is "held" "$(said two) $(word 'Revocation Reason' | cut -d' ' -f1)" \
	"revoked certificateHold"
is "the third is good" "$(said three)" good

# ---- GET and caches (RFC 5019) ----------------------------------------------------
ask "-no_nonce -cert $T/three.pem" >/dev/null
is "by GET" "$(get_it)" "0 200 "
like "it is as good" "$(judged "-cert $T/three.pem")" 'three.pem: good'
like "everybody may keep it" "$(field Cache-Control)" \
	'^max-age=3[0-9]*, public, no-transform, must-revalidate$'
like "until nextUpdate" "$(field Expires)" 'GMT$'
tag=$(field ETag)
sum=$(sha256sum <"$BODY")
get_it >/dev/null
is "again it is the same" "$(sha256sum <"$BODY")" "$sum"
is "who has it gets no other" "$(get_it "HTTP_IF_NONE_MATCH=$tag")" "0 304 "
is "nothing follows" "$(wc -c <"$BODY")" 0
is "by another tag there is" "$(get_it 'HTTP_IF_NONE_MATCH="x"')" "0 200 "
is "nor by its date: one second may have two answers" "$(get_it \
	"HTTP_IF_MODIFIED_SINCE=$(field Last-Modified)")" "0 200 "
is "HEAD" "$(send plain ocsp REQUEST_METHOD=HEAD \
	"REQUEST_URI=/ocsp/$(get_path)" </dev/null) $(wc -c <"$BODY") $(field ETag)" \
	"0 200  0 $tag"
# Its base64 has slashes, some of them in a row.
ask "-no_nonce -serial 0x7fffffffffffffffffffffff" >/dev/null
like "some clients encode nothing" "$(openssl base64 -A -in "$T/rq")" //
send plain ocsp REQUEST_METHOD=GET \
	"REQUEST_URI=/ocsp/$(openssl base64 -A -in "$T/rq")" </dev/null >/dev/null
is "and are answered" "$(word 'Cert Status')" unknown
openssl ocsp -issuer "$T/ca.pem" -cert "$T/three.pem" -reqout "$T/rq" 2>/dev/null
get_it >/dev/null
is "with a nonce it is not kept" "$(field Cache-Control)" no-store

# ---- what goes wrong --------------------------------------------------------------
post_bytes() {
	send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE="${1:-application/ocsp-request}"
}
head -c 200 /dev/urandom | post_bytes >/dev/null
like "rubbish" "$(status_of)" 'malformedrequest \(1\)'
head -c 30000 /dev/zero | post_bytes >/dev/null
like "too much" "$(status_of)" 'malformedrequest \(1\)'
is "far too much" "$(head -c 70000 /dev/zero | post_bytes)" "0 413 too-large"
is "another type" "$(post_bytes text/plain <"$T/rq")" "0 415 type"
is "another method" "$(send plain ocsp REQUEST_METHOD=PUT \
	REQUEST_URI=/ocsp </dev/null)" "0 405 method"
send plain ocsp REQUEST_METHOD=GET REQUEST_URI=/ocsp/%zz </dev/null >/dev/null
like "a path that is none" "$(status_of)" 'malformedrequest \(1\)'

# ---- renewal while it serves, its loss ---------------------------------------------
first=$(openssl x509 -in "$MINE" -noout -serial)
admin ocsp --force >/dev/null
answered_by() {
	ask "-no_nonce -cert $T/three.pem" >/dev/null
	openssl ocsp -respin "$BODY" -noverify -resp_text 2>/dev/null |
		openssl x509 -noout -serial
}
renewed() { [ "$(answered_by)" = "$(openssl x509 -in "$MINE" -noout -serial)" ]; }
ok "the new certificate is taken up" wait_for 10 renewed
ok "it is another" test "$first" != "$(answered_by)"
like "openssl takes it" "$(judged "-cert $T/three.pem")" 'Response verify OK'
stop
mv "$MINE" "$T/away"
start ocsp
ask "-no_nonce -cert $T/three.pem" >/dev/null
like "without a certificate" "$(status_of)" 'trylater \(3\)'
mv "$T/away" "$MINE"
is_good() { [ "$(said three)" = good ]; }
ok "with it again" wait_for 10 is_good

# ---- a responder's certificate that is none, while it serves ------------------------
cp -p "$MINE" "$T/away"
openssl pkey -in "$MINE" -out "$T/delegate.key"
# delegate NAME CA KEY DAYS EXTENSION...: $T/NAME.delegate, as the file holds it.
delegate() {
	delegate_name=$1 delegate_ca=$2 delegate_key=$3 delegate_days=$4
	shift 4
	printf '%s\n' basicConstraints=critical,CA:FALSE \
		keyUsage=critical,digitalSignature noCheck=yes "$@" >"$T/delegate.ext"
	openssl req -new -key "$T/delegate.key" -subj "/CN=delegate" \
		-out "$T/delegate.csr" 2>/dev/null &&
		faketime -f -2d openssl x509 -req -in "$T/delegate.csr" \
			-CA "$delegate_ca" -CAkey "$delegate_key" -CAcreateserial \
			-days "$delegate_days" -extfile "$T/delegate.ext" \
			-out "$T/delegate.pem" 2>/dev/null &&
		cat "$T/delegate.key" "$T/delegate.pem" >"$T/$delegate_name.delegate"
}
for_ocsp=extendedKeyUsage=OCSPSigning
delegate right "$T/ca.pem" "$T/issuer.key" 30 $for_ocsp
delegate ended "$T/ca.pem" "$T/issuer.key" 1 $for_ocsp
delegate client "$T/ca.pem" "$T/issuer.key" 30 extendedKeyUsage=clientAuth
delegate any "$T/ca.pem" "$T/issuer.key" 30
delegate root "$T/root.pem" "$T/root.key" 30 $for_ocsp
# Of the CA's name, and another key.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 \
	-keyout "$T/fake.key" -out "$T/fake.pem" -subj "$(openssl x509 \
		-in "$T/ca.pem" -noout -subject -nameopt compat | cut -d= -f2-)" \
	2>/dev/null
delegate fake "$T/fake.pem" "$T/fake.key" 30 $for_ocsp
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null \
	>"$T/key.delegate"
cat "$T/delegate.pem" >>"$T/key.delegate"
it_says() { # it_says PATTERN: of the status of a good one
	ask "-no_nonce -cert $T/three.pem" >/dev/null
	status_of | grep -qE "$1"
}
health() {
	cgi health REQUEST_METHOD=GET REQUEST_URI=/health REMOTE_ADDR=127.0.0.1 \
		</dev/null >/dev/null
	cat "$T/body"
}
now_is() { # now_is FILE: whole, as microca ocsp does it
	cp -p "$T/away" "$MINE.new" && cat "$1" >"$MINE.new" && mv "$MINE.new" "$MINE"
}
right=$(openssl x509 -in "$T/right.delegate" -noout -serial)
with_right() { [ "$(answered_by)" = "$right" ]; }
now_is "$T/right.delegate"
ok "one made by hand is as good" wait_for 10 with_right
for fault in ended client any root fake key; do
	now_is "$T/$fault.delegate"
	ok "$fault: nothing is signed with it" wait_for 10 it_says 'trylater \(3\)'
	[ "$fault" = key ] || # nobody but the program opens a key
		like "$fault: health says so" "$(health)" '^degraded: responder'
	now_is "$T/right.delegate"
	ok "$fault: the right one again" wait_for 10 is_good
done
now_is "$T/away"
mine=$(openssl x509 -in "$MINE" -noout -serial)
with_mine() { [ "$(answered_by)" = "$mine" ]; }
ok "ours again" wait_for 10 with_mine
admin revoke "${mine#serial=}" >/dev/null
ok "revoked: nothing is signed with it" wait_for 10 it_says 'trylater \(3\)'
cgi metrics REQUEST_METHOD=GET REQUEST_URI=/metrics REMOTE_ADDR=127.0.0.1 \
	</dev/null >/dev/null
like "revoked: the metrics say so" "$(cat "$T/body")" 'word="responder-revoked"'
is "the next run makes another" "$(made)" true
ok "… which answers" wait_for 10 is_good
stop
is "it stops" "$rc" 0

# ---- shares ------------------------------------------------------------------------
conf_write "$T/issuer.key" 'ocsp = { nonce_share = 0; };'
start ocsp
is "no time for nonces" "$(ask "-cert $T/three.pem")" "0 200 "
is "is an answer without" "$(openssl ocsp -respin "$BODY" -noverify \
	-resp_text 2>&1 | grep -c 'OCSP Nonce')" 0
like "that is good" "$(judged "-cert $T/three.pem")" 'three.pem: good'
stop

# ---- a key of its own ----------------------------------------------------------------
conf_write "$T/issuer.key" "ocsp = { key = \"$T/ocsp.key\"; };"
is "another key, another certificate" "$(made)" true
is "the key is made" "$(stat -c %a "$T/ocsp.key")" 600
is "and not beside the certificate" "$(grep -c PRIVATE "$MINE")" 0
start ocsp
is "it answers" "$(said three)" good
like "and verifies" "$(judged "-cert $T/three.pem")" 'Response verify OK'
stop
done_testing
