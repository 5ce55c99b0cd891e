#!/bin/sh
# serverkeygen - RFC 7030, 4.4: who gets a key, how it is sent, and that
# nothing of it stays.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
ca_make pem

# ---- off by default
csr dev1 /CN=dev1
is "without the operation there is nothing" \
	"$(post device serverkeygen maker-ra "$T/dev1.b64") $(reason)" "404 path"

# more_profile NAME KEY-TYPE MORE
more_profile() {
	cat <<-END
	, { name = "$1"; validity = "90d"; serverkeygen = "$2";
	    keys = ("p256", "p384", "p521", "rsa2048", "rsa3072", "ed25519");
	    subject = ( { type = "CN"; from = "required";
	        pattern = "[A-Za-z0-9._-]+"; } );
	    san = ( { type = "dns"; } ); renewal_window = "0"; $3 }
	END
}
SIGNS='key_usage = ("digitalSignature");'
sed '$ s/ );$//' "$T/profiles.conf" >"$T/profiles.new" # the list's end
{
	cat "$T/profiles.new"
	more_profile made p256 "$SIGNS"
	more_profile made384 p384 "$SIGNS"
	more_profile madersa rsa2048 "$SIGNS"
	more_profile made25519 ed25519 "$SIGNS"
	more_profile once p256 "$SIGNS max_live = 1;"
	cat <<-END
	, { name = "wrap"; validity = "90d"; key_usage = ("keyEncipherment");
	    keys = ("rsa2048"); renewal_window = "0"; max_live = 0;
	    subject = ( { type = "CN"; from = "required"; } ); }
	, { name = "agree"; validity = "90d"; key_usage = ("keyAgreement");
	    keys = ("p256"); renewal_window = "0";
	    subject = ( { type = "CN"; from = "required"; } ); }
	, { name = "generator"; validity = "1y";
	    key_usage = ("digitalSignature"); keys = ("p256");
	    subject = ( { type = "CN"; from = "required"; } ); } );
	END
} >"$T/profiles.conf"

ALL='"cacerts", "csrattrs", "simpleenroll", "simplereenroll", "serverkeygen"'
# more_endpoint NAME PORT MORE
more_endpoint() {
	cat <<-END
	, { name = "$1"; port = $2; profile = "$1"; operations = ($ALL); $3
	    allow = ( { own = ("$1", "device"); },
	      { issuer = "maker.pem"; names = "pattern [^X].*"; } ); }
	END
}
cp "$CONF" "$T/plain.conf"
conf_more() { # conf_more KEYGEN
	{
		echo "$1"
		sed '$d' "$T/plain.conf"
		more_endpoint made 8501
		more_endpoint made384 8502
		more_endpoint madersa 8503
		more_endpoint made25519 8504
		more_endpoint once 8505
		for name in wrap agree; do
			cat <<-END
			, { name = "$name"; port = 851${#name}; profile = "$name";
			    allow = ( { issuer = "maker.pem"; names = "any"; } ); }
			END
		done
		echo ");"
	} >"$CONF"
}
conf_more ''
ok "the configuration is read" admin check --config

# ---- the answer
# part N [FILE]: the Nth part of the last answer, decoded.
part() {
	tr -d '\r' <"${2:-$T/body}" | awk -v want="$1" '
		/^--/ { n++; head = 1; next }
		n == want && head && /^$/ { head = 0; next }
		n == want && !head { print }' | openssl base64 -d
}
part_head() { # part_head N
	tr -d '\r' <"$T/body" | awk -v want="$1" '
		/^--/ { n++; head = 1; next }
		/^$/ { head = 0 }
		n == want && head { print }'
}
made() { # made NAME: $T/NAME.made.key and .made.pem of the last answer
	part 1 | openssl pkey -inform DER -out "$T/$1.made.key" 2>/dev/null &&
		part 2 | openssl pkcs7 -inform DER -print_certs |
		openssl x509 -out "$T/$1.made.pem"
}
matches() { # matches NAME
	[ "$(openssl pkey -in "$T/$1.made.key" -pubout)" = \
		"$(openssl x509 -in "$T/$1.made.pem" -noout -pubkey)" ]
}
status_of() { # status_of NAME: as the store has it
	sql "SELECT status || ' ' || reason FROM certificate WHERE serial =
	'$(openssl x509 -in "$T/$1.made.pem" -noout -serial | cut -d= -f2)'"
}

is "the manufacturer has a key made" \
	"$(post made serverkeygen maker-ra "$T/dev1.b64")" 200
like "the type" "$(header Content-Type)" \
	'^multipart/mixed; boundary=[0-9a-f]{32}$'
boundary=$(header Content-Type | sed 's/.*=//')
is "no encoding of the whole" "$(header Content-Transfer-Encoding)" ""
is "its length" "$(header Content-Length)" "$(wc -c <"$T/body")"
is "no cache keeps it" "$(header Cache-Control)" no-store
is "no preamble" "$(head -n 1 "$T/body" | tr -d '\r')" "--$boundary"
is "no epilogue" "$(tail -n 1 "$T/body" | tr -d '\r')" "--$boundary--"
is "two parts" "$(grep -c "^--$boundary" "$T/body")" 3
is "every line ends in CR LF" "$(grep -vc "$(printf '\r')\$" "$T/body")" 0
is "the key first" "$(part_head 1)" "Content-Type: application/pkcs8
Content-Transfer-Encoding: base64"
is "then the certificate, as simpleenroll sends it" "$(part_head 2)" \
	"Content-Type: application/pkcs7-mime; smime-type=certs-only
Content-Transfer-Encoding: base64"
if command -v python3 >/dev/null; then
	is "a MIME library agrees" "$({
		printf 'MIME-Version: 1.0\r\nContent-Type: %s\r\n\r\n' \
			"$(header Content-Type)"
		cat "$T/body"
	} | python3 -c 'import email, sys
m = email.message_from_binary_file(sys.stdin.buffer)
print(len(m.get_payload()), m.defects, m.preamble, m.epilogue,
  *[p.get_content_type() for p in m.get_payload()])')" \
		"2 [] None  application/pkcs8 application/pkcs7-mime"
fi
ok "both are read" made dev1
ok "the key is sound" openssl pkey -in "$T/dev1.made.key" -check -noout
ok "the certificate is the key's" matches dev1
ok "PKCS#8 of version 1 without attributes" sh -c "openssl pkey \
	-in '$T/dev1.made.key' -outform DER | openssl pkcs8 -inform DER -nocrypt \
	-topk8 -outform DER -out '$T/again.der' &&
	openssl asn1parse -inform DER -in '$T/again.der' | grep -c 'd=1 ' | grep -q 3"
is "to the octet what OpenSSL writes" "$(part 1 | openssl sha256)" \
	"$(openssl sha256 <"$T/again.der")"
ok "it verifies" openssl verify -CAfile "$T/root.pem" -untrusted "$T/ca.pem" \
	"$T/dev1.made.pem"
is "with the subject asked for" "$(openssl x509 -in "$T/dev1.made.pem" \
	-noout -subject -nameopt RFC2253)" "subject=CN=dev1"
is "and not the request's key" "$([ "$(openssl pkey -in "$T/dev1.key" \
	-pubout)" != "$(openssl pkey -in "$T/dev1.made.key" -pubout)" ] &&
	echo another)" another
is "it is recorded" "$(status_of dev1)" "0 0"
for kind in 384 rsa 25519; do
	csr "dev$kind" "/CN=dev$kind"
	is "a key of its profile's kind: made$kind" "$(post "made$kind" \
		serverkeygen maker-ra "$T/dev$kind.b64")" 200
	ok "both are read: made$kind" made "dev$kind"
	ok "they match: made$kind" matches "dev$kind"
done
like "P-384" "$(openssl pkey -in "$T/dev384.made.key" -noout -text)" P-384
like "RSA" "$(openssl pkey -in "$T/devrsa.made.key" -noout -text)" '2048 bit'

# ---- key and signature of the request mean nothing, all else does
V=$SRCDIR/tests/vectors
is "a broken signature" "$(post made serverkeygen maker-ra \
	"$V/csr-made/023-sig-flipped.b64")" 200
is "which simpleenroll refuses" "$(post made simpleenroll maker-ra \
	"$V/csr-made/023-sig-flipped.b64") $(reason)" "400 pop"
is "a weak key" "$(post made serverkeygen maker-ra \
	"$V/csr-made/035-rsa512.b64")" 200
is "SHA-1" "$(post made serverkeygen maker-ra \
	"$V/csr-made/032-sha1-ecdsa.b64")" 200
bad() { # bad NAME STATUS REASON post-arguments...
	bad_name=$1 bad_status=$2 bad_reason=$3
	shift 3
	before_refusal
	bad_got=$(post "$@")
	refused "$bad_name" "$bad_got" "$bad_status" "$bad_reason"
}
bad "the RFC's own example, whose challengePassword is of another session" \
	400 pop-link made serverkeygen maker-ra \
	"$V/rfc7030/A4-serverkeygen-request.b64"
bad "what is not DER" 400 der made serverkeygen maker-ra \
	"$V/csr-made/008-truncated-1.b64"
bad "two requests" 400 der-trailing made serverkeygen maker-ra \
	"$V/csr-made/007-two-csrs.b64"
bad "a certificate" 400 not-csr made serverkeygen maker-ra \
	"$V/csr-made/017-a-certificate.b64"
bad "another version" 400 csr-version made serverkeygen maker-ra \
	"$V/csr-made/019-version-1.b64"
bad "nobody" 403 auth-none made serverkeygen "" "$T/dev1.b64"
csr xdev /CN=Xdev
bad "a name out of scope" 403 ra-scope made serverkeygen maker-ra \
	"$T/xdev.b64"
is "GET" "$(get made serverkeygen)" 405

# ---- the same request again: anew, and the earlier one is superseded
is "again" "$(post made serverkeygen maker-ra "$T/dev1.b64")" 200
cp "$T/dev1.made.key" "$T/dev1.first.key"
cp "$T/dev1.made.pem" "$T/first.made.pem"
made dev1
is "another key" "$(cmp -s "$T/dev1.made.key" "$T/dev1.first.key" ||
	echo another)" another
is "the new one is good" "$(status_of dev1)" "0 0"
is "the old one is superseded" "$(status_of first)" "1 4"
like "which the audit says" "$(sql "SELECT record FROM audit
	WHERE event = 'revoke' ORDER BY seq DESC LIMIT 1")" \
	'"reason":"superseded"'
csr once /CN=once
is "a quota of one" "$(post once serverkeygen maker-ra "$T/once.b64")" 200
is "is not used up by a lost answer" \
	"$(post once serverkeygen maker-ra "$T/once.b64")" 200
is "one is good" "$(sql "SELECT count(*) FROM certificate
	WHERE subject = 'CN=once' AND status = 0")" 1

# ---- by its own certificate
enrol own /CN=own-dev
is "a device asks with its own" \
	"$(csr own2 /CN=own-dev; post made serverkeygen own "$T/own2.b64")" 200
csr other /CN=other-dev
bad "and only for itself" 403 name-policy made serverkeygen own \
	"$T/other.b64"

# ---- an answer that was not delivered
undelivered() { # the reader is gone before the answer comes
	env -i PATH="$PATH" MICROCA_CONF="$CONF" \
		${ASAN_OPTIONS+"ASAN_OPTIONS=$ASAN_OPTIONS"} \
		REMOTE_ADDR=192.0.2.7 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/maker-ra.pem")" \
		REQUEST_METHOD=POST "REQUEST_URI=$EST/serverkeygen" \
		MICROCA_ENDPOINT=made CONTENT_TYPE=application/pkcs10 \
		"$BIN/serverkeygen" <"$1" 2>"$T/log" >/dev/full
}
csr lost /CN=lost
undelivered "$T/lost.b64"
is "its certificate is revoked: cessationOfOperation" "$(sql "SELECT
	status || ' ' || reason FROM certificate WHERE subject = 'CN=lost'")" \
	"1 5"
like "the log says why" "$(cat "$T/log")" 'nobody has its key'
is "and the next try gets one" \
	"$(post made serverkeygen maker-ra "$T/lost.b64")" 200

status_named() { # status_named CN
	sql "SELECT status || ' ' || reason FROM certificate
		WHERE subject = 'CN=$1'"
}
is_revoked() { [ "$(status_named "$1")" = "1 5" ]; }
fcgi_made() { # fcgi_made MODE BODY
	send "$1" serverkeygen REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/serverkeygen" MICROCA_ENDPOINT=made \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/maker-ra.pem")" <"$2"
}
csr gone /CN=gone
csr here /CN=here
start serverkeygen
fcgi_made gone "$T/gone.b64" >/dev/null
wait_for 20 is_revoked gone
is "as FastCGI, to a web server that is gone" "$(status_named gone)" "1 5"
is "and to one that is there" "$(fcgi_made plain "$T/here.b64")" "0 200 "
is "which is good" "$(status_named here)" "0 0"
if ldd "$BIN/serverkeygen" | grep -q libasan; then
	skip "no core and no debugger" "LeakSanitizer is a debugger"
else
	like "the program has no core and no debugger" \
		"$(grep -c . "/proc/$pid/environ" 2>&1)" 'ermission denied'
fi
stop TERM

# ---- encrypted: RFC 7030, 4.4.1.2
# asn1 FILE CONF: DER by OpenSSL's generator.
asn1() { openssl asn1parse -genconf "$2" -noout -out "$1"; }
# request NAME CN ATTRIBUTE...: built by openssl asn1parse, for openssl req has
# strings alone; the signature is empty: nobody looks at it.
request() {
	request_name=$1 request_cn=$2
	shift 2
	{
		cat <<-END
		asn1 = SEQUENCE:csr
		[csr]
		info = SEQUENCE:info
		alg = SEQUENCE:alg
		sig = FORMAT:HEX,BITSTRING:00
		[alg]
		oid = OID:1.2.840.10045.4.3.2
		[info]
		version = INTEGER:0
		subject = SEQUENCE:rdns
		spki = SEQUENCE:spki
		attrs = IMPLICIT:0,SET:attrs
		[rdns]
		rdn = SET:rdn
		[rdn]
		atv = SEQUENCE:atv
		[atv]
		oid = OID:2.5.4.3
		value = UTF8:$request_cn
		[spki]
		alg = SEQUENCE:alg
		key = FORMAT:HEX,BITSTRING:00
		[attrs]
		END
		n=0
		for attribute; do
			n=$((n + 1))
			echo "a$n = SEQUENCE:attribute$n"
		done
		n=0
		for attribute; do
			n=$((n + 1))
			printf '[attribute%d]\noid = OID:%s\nvalues = SET:values%d\n' \
				$n "${attribute%%=*}" $n
			printf '[values%d]\nvalue = %s\n' $n "${attribute#*=}"
		done
		cat <<-END
		[rsa]
		one = SEQUENCE:oaep
		two = SEQUENCE:pkcs1
		[oaep]
		oid = OID:1.2.840.113549.1.1.7
		[pkcs1]
		oid = OID:1.2.840.113549.1.1.1
		[ec]
		one = SEQUENCE:kdf
		two = SEQUENCE:cipher
		[kdf]
		oid = OID:1.3.132.1.11.1
		wrap = SEQUENCE:wrapping
		[wrapping]
		oid = OID:2.16.840.1.101.3.4.1.45
		[cipher]
		oid = OID:2.16.840.1.101.3.4.1.42
		END
	} >"$T/request.cnf"
	asn1 "$T/$request_name.der" "$T/request.cnf" &&
		openssl base64 -in "$T/$request_name.der" \
			-out "$T/$request_name.b64"
}
ski() { # ski NAME: of a certificate, hex
	openssl x509 -in "$T/$1.pem" -noout -ext subjectKeyIdentifier |
		sed -n '2s/[ :]//gp'
}
ID_ASYM=1.2.840.113549.1.9.16.2.54
ID_SYM=1.2.840.113549.1.9.16.2.37
CAPS=1.2.840.113549.1.9.15
octets() { echo "FORMAT:HEX,OCTETSTRING:$1"; }

# Two clients of the manufacturer, one with each kind of key.
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \
	-out "$T/wrapper.key" 2>/dev/null
enrol wrapper /CN=wrapper wrap
enrol agreer /CN=agreer agree
enrol signer /CN=signer
request enc1 wrapper-dev "$ID_ASYM=$(octets "$(ski wrapper)")" \
	"$CAPS=SEQUENCE:rsa"
bad "without a signer no key is encrypted" 400 key-id made serverkeygen \
	maker-ra "$T/enc1.b64"
request enc2 wrapper "$ID_ASYM=$(octets "$(ski wrapper)")" "$CAPS=SEQUENCE:rsa"
bad "nobody is there to sign it" 403 keygen made serverkeygen maker-ra \
	"$T/enc2.b64"

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout "$T/keygen.key" -subj /CN=Generator -out "$T/keygen.csr" \
	2>/dev/null
admin issue --profile generator -o "$T/keygen.pem" "$T/keygen.csr"
cat "$T/ca.pem" >>"$T/keygen.pem"
chmod 600 "$T/keygen.key"
conf_more 'keygen = { key = "keygen.key"; certificate = "keygen.pem"; };'
ok "with a signer" admin check --config

# decrypted NAME RECIPIENT: the key of the last answer into $T/NAME.made.key.
decrypted() {
	part 1 >"$T/enveloped.der" &&
		openssl cms -decrypt -inform DER -in "$T/enveloped.der" \
			-recip "$T/$2.pem" -inkey "$T/$2.key" -binary \
			-out "$T/signed.der" || return 1
	# The content is a SignedData; openssl cms wants its ContentInfo.
	perl -e 'undef $/; my $s = <STDIN>;
		sub tlv { my ($t, $v) = @_; my $n = length $v;
			my $l = $n < 128 ? chr $n : $n < 256 ? "\x81" . chr $n :
				"\x82" . pack "n", $n; return chr($t) . $l . $v }
		print tlv(0x30, "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" .
			tlv(0xa0, $s))' <"$T/signed.der" >"$T/info.der" &&
		openssl cms -verify -inform DER -in "$T/info.der" -binary \
			-CAfile "$T/root.pem" -out "$T/package.der" || return 1
	# AsymmetricKeyPackage: a SEQUENCE of one PrivateKeyInfo.
	openssl asn1parse -inform DER -in "$T/package.der" -noout \
		-strparse "$(openssl asn1parse -inform DER \
			-in "$T/package.der" | sed -n '2s/^ *\([0-9]*\):.*/\1/p')" \
		-out "$T/one.der" &&
		openssl pkey -inform DER -in "$T/one.der" \
			-out "$T/$1.made.key" &&
		part 2 | openssl pkcs7 -inform DER -print_certs |
		openssl x509 -out "$T/$1.made.pem"
}
is "the key is encrypted to a certificate of the name asked for" \
	"$(post made serverkeygen maker-ra "$T/enc2.b64")" 200
is "its type" "$(part_head 1 | head -n 1)" \
	"Content-Type: application/pkcs7-mime; smime-type=server-generated-key"
ok "openssl decrypts and verifies it" decrypted enc2 wrapper
ok "the certificate is the key's" matches enc2
like "by OAEP, the first listed" "$(openssl cms -cmsout -print -inform DER \
	-in "$T/enveloped.der")" 'rsaesOaep'
like "named by the identifier" "$(openssl cms -cmsout -print -inform DER \
	-in "$T/enveloped.der")" 'd.subjectKeyIdentifier'

request enc3 agreer "$ID_ASYM=$(octets "$(ski agreer)")" "$CAPS=SEQUENCE:ec"
is "to an EC key" "$(post made serverkeygen maker-ra "$T/enc3.b64")" 200
ok "openssl decrypts and verifies that" decrypted enc3 agreer
ok "it matches too" matches enc3
like "by key agreement" "$(openssl cms -cmsout -print -inform DER \
	-in "$T/enveloped.der")" 'dhSinglePass-stdDH-sha256kdf-scheme'

leaf_make maker-wrap maker "/CN=shown" 2>/dev/null # has digitalSignature
openssl x509 -in "$T/maker-wrap.pem" -noout >/dev/null
printf '%s\n' basicConstraints=critical,CA:FALSE \
	keyUsage=critical,digitalSignature,keyAgreement \
	extendedKeyUsage=clientAuth subjectKeyIdentifier=hash >"$T/shown.ext"
openssl x509 -req -in "$T/leaf.csr" -CA "$T/maker.pem" -CAkey "$T/maker.key" \
	-CAcreateserial -days 30 -extfile "$T/shown.ext" \
	-out "$T/maker-wrap.pem" 2>/dev/null
request enc4 for-shown "$ID_ASYM=$(octets "$(ski maker-wrap)")" \
	"$CAPS=SEQUENCE:ec"
is "to the certificate shown" \
	"$(post made serverkeygen maker-wrap "$T/enc4.b64")" 200
ok "which decrypts it" decrypted enc4 maker-wrap

request enc5 signer "$ID_ASYM=$(octets "$(ski signer)")" "$CAPS=SEQUENCE:ec"
bad "a key that only signs" 400 key-id-usage made serverkeygen maker-ra \
	"$T/enc5.b64"
request enc6 agreer "$ID_ASYM=$(octets "$(ski agreer)")" "$CAPS=SEQUENCE:rsa"
bad "no algorithm for an EC key" 400 key-wrap made serverkeygen maker-ra \
	"$T/enc6.b64"
request enc7 agreer "$ID_ASYM=$(octets 0011223344)" "$CAPS=SEQUENCE:ec"
bad "an identifier that nobody has" 400 key-id made serverkeygen maker-ra \
	"$T/enc7.b64"
request enc8 enc8 "$ID_ASYM=$(octets "$(ski agreer)")" "$CAPS=SEQUENCE:ec"
bad "that of another name" 400 key-id made serverkeygen maker-ra \
	"$T/enc8.b64"
request enc9 enc9 "$ID_SYM=$(octets 0011223344)" "$CAPS=SEQUENCE:ec"
bad "a symmetric key, for none is shared" 400 key-id made serverkeygen \
	maker-ra "$T/enc9.b64"
like "in the words of the RFC" "$(cat "$T/body")" 'unknown key identifier'
request enc10 agreer "$ID_ASYM=$(octets "$(ski agreer)")"
bad "without SMIMECapabilities" 400 csr-attrs made serverkeygen maker-ra \
	"$T/enc10.b64"
request enc11 agreer "$ID_ASYM=$(octets "$(ski agreer)")" \
	"$ID_SYM=$(octets 00)" "$CAPS=SEQUENCE:ec"
bad "both kinds of key" 400 csr-attrs made serverkeygen maker-ra \
	"$T/enc11.b64"
request enc12 agreer "$ID_ASYM=INTEGER:1" "$CAPS=SEQUENCE:ec"
bad "an identifier that is no OCTET STRING" 400 csr-attrs made serverkeygen \
	maker-ra "$T/enc12.b64"
is "simpleenroll ignores the attributes" "$(post agree simpleenroll maker-ra \
	"$T/enc12.b64") $(reason)" "400 key-alg"
admin revoke --reason superseded "$(openssl x509 -in "$T/agreer.pem" -noout \
	-serial | cut -d= -f2)" >/dev/null
bad "a certificate that is revoked" 400 key-id made serverkeygen maker-ra \
	"$T/enc3.b64"
chmod 644 "$T/keygen.key"
is "a signer's key that everybody reads" "$(post made serverkeygen maker-ra \
	"$T/enc2.b64") $(reason)" "500 file-mode"
is "of which only the log tells" "$(grep -c "$T" "$T/body")" 0
like "which it does" "$(cat "$T/log")" "$T/keygen.key must be a regular file"
chmod 600 "$T/keygen.key"
cp "$T/ca.pem" "$T/keygen.pem"
before_refusal
is "a signer that does not fit" "$(post made serverkeygen maker-ra \
	"$T/enc2.b64") $(reason)" "500 keygen"
is "of whom only the log tells" "$(grep -c "$T" "$T/body")" 0
like "what is wrong" "$(cat "$T/log")" 'is not for keygen.key'

# ---- nothing stays
hex() { od -An -v -tx1 | tr -d ' \n'; }
# Of each private key some octets of its secret number, and the text that it
# was sent as.
keys_seen() {
	for key in "$T"/*.made.key; do
		openssl pkey -in "$key" -noout -text | awk '
			/^[a-zA-Z]/ { on = /^priv/ && !/Private-Key/ ; next }
			on { gsub(/[ :]/, ""); all = all $0 }
			END { print substr(all, 11, 40) }'
		openssl pkey -in "$key" -outform DER | openssl base64 -A |
			awk '{ print substr($0, length($0) > 1000 ? 600 : 30, 32) }'
	done
}
keys_seen >"$T/seen"
ok "there are keys to look for" test "$(grep -cE '^.{32}' "$T/seen")" -ge 14
look() { # every file as it is, and as hex
	rm -f "$T/look.hex"
	find "$T/look" -type f | while read -r file; do
		hex <"$file" >>"$T/look.hex"
	done
	while read -r piece; do
		grep -qiF "$piece" "$T/look.hex" && echo "$piece"
		grep -rqaF "$piece" "$T/look" && echo "$piece"
	done <"$T/seen"
	return 0
}
mkdir -p "$T/look"
cp -r "$T/state" "$T/public" "$T/run" "$T/log" "$T/serverkeygen.log" "$T/look/"
sqlite3 -readonly "$T/state/microca.db" .dump >"$T/look/dump"
is "no key is in database, state, log or audit" "$(look)" ""
openssl pkey -in "$T/dev1.made.key" -outform DER -out "$T/look/planted"
is "the search would find one" "$(look | wc -l)" 1
ok "the record is good" admin audit verify
done_testing
