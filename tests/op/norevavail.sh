#!/bin/sh
# noRevAvail (RFC 9608): what a profile may say, what its certificates hold,
# and what becomes of one that is revoked all the same.
# shellcheck source-path=SCRIPTDIR source=lib.sh
# shellcheck disable=SC2119 # stop has a signal of its own
. "$(dirname "$0")/lib.sh"
ca_make pem
# shellcheck source-path=SCRIPTDIR source=fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"
KEYID=$(openssl x509 -in "$T/ca.pem" -noout -ext subjectKeyIdentifier |
	tail -n 1 | tr -d ' :' | tr A-F a-f)
profiles() { # profiles MORE: of the profile device
	profiles_write
	sed -i "s|{ name = \"device\";|& $1|" "$T/profiles.conf"
	conf_write "$T/issuer.key"
}
refusal() { # refusal MORE: what check says, and its exit status
	profiles "$1"
	admin check 2>&1 | grep -o 'RFC 9608, [0-9]: [^;]*'
}

# ---- what a profile may say ------------------------------------------------------
like "not with lists" "$(refusal \
	'no_rev_avail = true; crl_urls = ("http://ca.example/crl/%k.crl");' | head -n 1)" \
	'RFC 9608, 3: no_rev_avail excludes crl_urls'
like "not with a responder" "$(refusal \
	'no_rev_avail = true; ocsp_urls = ("http://ca.example/ocsp");' | head -n 1)" \
	'RFC 9608, 3: no_rev_avail excludes crl_urls and ocsp_urls'
profiles ''
sed -i 's|{ name = "subca";|& no_rev_avail = true;|' "$T/profiles.conf"
like "not for CAs" "$(admin check 2>&1)" \
	'RFC 9608, 2: no_rev_avail is not for CA certificates'
profiles 'extra = ( { oid = "2.5.29.56"; value = "0500"; } );'
like "nor by hand" "$(admin check 2>&1)" 'noRevAvail comes from keys of its own'

# ---- its certificates ------------------------------------------------------------------
profiles 'no_rev_avail = true; issuer_urls = ("http://ca.example/ca/%k.cer");'
enrol one /CN=one
openssl asn1parse -in "$T/one.pem" >"$T/parsed"
is "NULL, and not critical" "$(grep -A 1 'X509v3 No Revocation\|2\.5\.29\.56' \
	"$T/parsed" | sed -n 's/.*HEX DUMP\]:\(.*\)/\1/p')" 0500
is "no place of lists" "$(openssl x509 -in "$T/one.pem" -noout \
	-ext crlDistributionPoints 2>&1 | grep -c http)" 0
is "no responder, but where the issuer is" "$(openssl x509 -in "$T/one.pem" \
	-noout -ext authorityInfoAccess | grep -o 'OCSP\|CA Issuers' |
	tr '\n' ' ')" "CA Issuers "
csr next /CN=one
is "it renews" "$(post device simplereenroll one "$T/next.b64")" 200

# ---- revoked all the same -----------------------------------------------------------------
serial=$(openssl x509 -in "$T/one.pem" -noout -serial | cut -d= -f2)
admin crl >/dev/null
admin ocsp >/dev/null
like "revoked: nobody will ask, it is said" \
	"$(admin revoke --reason keyCompromise "$serial")" \
	"^$serial has noRevAvail: relying parties do not ask"
enrol two /CN=two
csr three /CN=one
is "this CA refuses it" "$(post device simplereenroll one "$T/three.b64") \
$(reason)" "403 client-revoked"
admin crl >/dev/null
is "its list has it" "$(openssl crl -inform DER -in \
	"$T/public/crl/$KEYID.crl" -noout -text | grep -c "$serial")" 1
start ocsp
for name in one two; do
	openssl ocsp -issuer "$T/ca.pem" -no_nonce -cert "$T/$name.pem" \
		-reqout "$T/rq" >/dev/null 2>&1
	send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request <"$T/rq" >/dev/null
	openssl ocsp -respin "$BODY" -noverify -resp_text 2>/dev/null |
		sed -n 's/^ *Cert Status: *//p'
done >"$T/said"
stop
is "its responder tells the truth" "$(tr '\n' ' ' <"$T/said")" "revoked good "

# ---- of others ---------------------------------------------------------------------------
leaf_ext() { # leaf_ext NAME EXTENSION...: a registration authority's
	leaf_ext_name=$1
	shift
	leaf_make "$leaf_ext_name" maker "/CN=Line 2 RA"
	printf '%s\n' "$@" >>"$T/leaf.ext"
	openssl x509 -req -in "$T/leaf.csr" -CA "$T/maker.pem" \
		-CAkey "$T/maker.key" -CAcreateserial -days 30 \
		-extfile "$T/leaf.ext" -out "$T/$leaf_ext_name.pem" 2>/dev/null
}
leaf_ext short 2.5.29.56=DER:0500
leaf_ext both 2.5.29.56=DER:0500 crlDistributionPoints=URI:http://x.example/
csr four /CN=four
is "a client's with noRevAvail" "$(post device simpleenroll short "$T/four.b64")" \
	200
csr five /CN=five
is "with it and a place of lists it is void" "$(post device simpleenroll both \
	"$T/five.b64") $(reason)" "403 client-cert"
done_testing
