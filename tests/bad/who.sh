# shellcheck shell=bash disable=SC2034,SC2154
# More that the rows find: endpoints of every kind, clients that shall not be
# believed, requests that wait, secrets that are good no more.  After scene.sh.

SOFT=8 LINKED=9 BOUND=10 LATE=11 SWAP=12 DEEP=13 # by their offset to the port

# middle NAME ISSUER EXTENSION…: a CA in between; with $days, $since.
middle() {
	local name=$1 issuer=$2
	shift 2
	printf '%s\n' "$@" >"$T/middle.ext"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/$name.key" -subj "/CN=$name" -out "$T/middle.csr" &&
		${since:+faketime -f "$since"} openssl x509 -req \
			-in "$T/middle.csr" -CA "$(of "$issuer").pem" \
			-CAkey "$(of "$issuer").key" -days "${days:-30}" -CAcreateserial \
			-extfile "$T/middle.ext" -out "$T/$name.pem"
}
# Below the manufacturer's, each with a fault of its own; and a CA that is good
# whatever the clock says.
middles() {
	local ca=basicConstraints=critical,CA:TRUE sign=keyUsage=critical,keyCertSign
	middle m-sign manufacturer-ca "$ca" keyUsage=critical,cRLSign &&
		middle m-leaf manufacturer-ca basicConstraints=critical,CA:FALSE \
			keyUsage=critical,digitalSignature &&
		middle m-names manufacturer-ca "$ca" "$sign" \
			'nameConstraints=critical,permitted;DNS:plant.example' &&
		middle m-odd manufacturer-ca "$ca" "$sign" \
			'1.3.6.1.4.1.99999.7=critical,DER:0500' &&
		since=-90d middle m-ended manufacturer-ca "$ca" "$sign" &&
		middle m-short manufacturer-ca "$ca,pathlen:0" "$sign" &&
		middle m-long m-short "$ca" "$sign" || return 1
	cat "$T"/m-*.pem >"$DEMO/middle.pem"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/old-maker.key" -subj "/CN=Old Maker" -out "$T/old.csr" &&
		printf '%s\n' "$ca" "$sign" >"$T/old.ext" &&
		faketime -f -7000d openssl x509 -req -in "$T/old.csr" -days 20000 \
			-signkey "$T/old-maker.key" -extfile "$T/old.ext" \
			-out "$T/old-maker.pem" &&
		cp "$T/old-maker.pem" "$DEMO/old-maker.pem"
}
# What "endpoints" in scene.sh puts into the configuration.
more_profiles() {
	local subject='subject = ( { type = "CN"; from = "required";
		pattern = "[A-Za-z0-9._-]+"; } ); keys = ("p256");
		key_usage = ("digitalSignature"); ext_key_usage = ("clientAuth");'
	cat <<-END
	{ name = "late"; validity = "90d"; renewal_window = "30d"; max_live = 1;
	  $subject },
	{ name = "swap"; validity = "90d"; renewal_window = "0"; $subject
	  revoke_replaced = "in-use"; revoke_delay = "0"; key_shared = true; },
	END
}
more_endpoints() {
	local any
	any="allow = ( { issuer = \"$DEMO/manufacturer-ca.pem\"; names = \"any\"; } );"
	cat <<-END
	{ name = "soft"; port = $((PORT + SOFT)); profile = "strict"; lenient = true;
	  $any },
	{ name = "linked"; port = $((PORT + LINKED)); profile = "strict"; $any
	  frontend = "apache"; channel_binding = ("tls-unique", "tls-exporter"); },
	{ name = "bound"; port = $((PORT + BOUND)); profile = "strict"; $any
	  frontend = "apache"; channel_binding = ("tls-unique", "tls-exporter");
	  pop_link = "required"; },
	{ name = "late"; port = $((PORT + LATE)); profile = "late";
	  allow = ( { own = ("late"); }, { issuer = "$DEMO/manufacturer-ca.pem";
	    names = "any"; } ); },
	{ name = "swap"; port = $((PORT + SWAP)); profile = "swap";
	  allow = ( { own = ("swap"); }, { issuer = "$DEMO/manufacturer-ca.pem";
	    names = "any"; } ); },
	{ name = "deep"; port = $((PORT + DEEP)); profile = "strict";
	  allow = ( { issuer = "$DEMO/manufacturer-ca.pem"; names = "any";
	    intermediates = "$DEMO/middle.pem"; } ); },
	END
}

more_clients() {
	local ds=keyUsage=critical,digitalSignature auth=extendedKeyUsage=clientAuth m
	for m in sign leaf names odd ended short long; do
		ca=$T/m-$m leaf "by-$m" "/CN=by-$m" $ds $auth \
			subjectAltName=DNS:a.other.example || return 1
	done
	leaf no-list "$RA" $ds $auth noRevAvail=DER:0500 \
		crlDistributionPoints=URI:http://x.example/ ||
		leaf no-list "$RA" $ds $auth 2.5.29.56=DER:0500 \
			crlDistributionPoints=URI:http://x.example/ || return 1
	leaf two-names "/CN=dev/CN=admin" $ds $auth || return 1
	leaf wordy "$(printf '/OU=%060d' 1 2 3 4 5)/CN=wordy" $ds $auth || return 1
	# A NUL in the name, which openssl(1) takes from a request alone.
	{
		grep '^=' "$HERE/rows.tsv"
		printf 'nul.b64\t@cnis{ 0C{ "dev" 00 "evil" } }\n'
	} | "$BUILDDIR/tests/tools/body" "$T/by-sign.key" "$T" &&
		openssl base64 -d -in "$T/nul.b64" |
		openssl x509 -req -inform DER -CA "$DEMO/manufacturer-ca.pem" \
			-CAkey "$DEMO/manufacturer-ca.key" -days 30 -set_serial 0x4711 \
			-extfile "$T/leaf.ext" -out "$T/nul.pem" || return 1
	days=20000 since=-7000d ca=$T/old-maker leaf ever "/CN=Ever" $ds $auth
}

more_devices() {
	csr d16 /CN=d16/serialNumber=7 &&
		[ "$(post "$STRICT" simpleenroll "$T/d16.b64" "${maker[@]}")" = 200 ] &&
		certs | openssl x509 -out "$T/d16.pem" || return 1
	csr d16-order /serialNumber=7/CN=d16 || return 1
	local san=subjectAltName=DNS:d17.example,IP:192.0.2.1
	csr d17 /CN=d17 -addext $san &&
		[ "$(post "$STRICT" simpleenroll "$T/d17.b64" "${maker[@]}")" = 200 ] &&
		certs | openssl x509 -out "$T/d17.pem" || return 1
	csr d17-less /CN=d17 || return 1
	csr d17-order /CN=d17 -addext subjectAltName=IP:192.0.2.1,DNS:d17.example
	# Replaced: the new one was shown, the list made.
	enrol d20 d20 "$SWAP" && csr d20-new /CN=d20 &&
		[ "$(post "$SWAP" simplereenroll "$T/d20-new.b64" \
			--cert "$T/d20.pem" --key "$T/d20.key")" = 200 ] &&
		certs | openssl x509 -out "$T/d20-new.pem" &&
		[ "$(est "$SWAP" cacerts --cert "$T/d20-new.pem" \
			--key "$T/d20-new.key")" = 200 ] && admin crl || return 1
	csr d20-again /CN=d20 || return 1
	enrol d21 d21 "$STRICT" && csr d21-new /CN=d21 || return 1
	# The same key: with it that of an earlier certificate.
	enrol d22 d22 "$SWAP" || return 1
	enrol d23 d23 "$LATE" && csr d23-new /CN=d23 && csr d24 /CN=d23 || return 1
	enrol d29 d29 0 || return 1
	request_with linked AAECAwQFBgcICQoL || return 1
	csr soft-pem /CN=soft-pem && csr soft-der /CN=soft-der && csr wordy /CN=wordied &&
		openssl req -inform DER -in "$T/soft-pem.der" -out "$T/soft-pem.pem"
}
request_with() { # request_with NAME CHALLENGE
	printf '%s\n' '[req]' distinguished_name=dn prompt=no attributes=at '[dn]' \
		"CN=$1" '[at]' "challengePassword=$2" >"$T/at.cnf"
	openssl req -new -config "$T/at.cnf" -newkey ec -pkeyopt \
		ec_paramgen_curve:P-256 -nodes -keyout "$T/$1.key" -outform DER |
		openssl base64 -out "$T/$1.b64"
}
# Of two who sent the same, one is approved; one is revoked before it came back.
waiting() {
	csr d30 /CN=d30 &&
		[ "$(post "$HELD" simpleenroll "$T/d30.b64" "${maker[@]}")" = 202 ] &&
		[ "$(post "$HELD" simpleenroll "$T/d30.b64" --cert "$T/other.pem" \
			--key "$T/other.key")" = 202 ] &&
		admin approve --yes --id "$(pending_of d30 "Manufacturer RA")" "$(sha d30)" &&
		[ "$(post "$HELD" simpleenroll "$T/d30.b64" "${maker[@]}")" = 200 ] ||
		return 1
	enrol d31 d31 "$STRICT" && csr d31-new /CN=d31 &&
		[ "$(post "$HELD" simplereenroll "$T/d31-new.b64" --cert "$T/d31.pem" \
			--key "$T/d31.key")" = 202 ] &&
		admin approve --yes "$(sha d31-new)" &&
		admin revoke --reason keyCompromise "$(serial d31)"
}
sha() { openssl dgst -sha256 -r "$T/$1.der" | cut -d' ' -f1; }
pending_of() { # pending_of NAME WHO: its number
	admin pending --json | jq -r ".[] | select(.subject == \"CN=$1\" and
		(.requester | test(\"$2\"))) | .id"
}
basic() { # basic NAME SECRET: what the web server hands over
	printf 'HTTP_AUTHORIZATION=Basic %s' \
		"$(printf '%s:%s' "$1" "$2" | openssl base64 -A)"
}
secrets() {
	local i
	ended=$(admin secret add --expires 1s either brief 2>/dev/null)
	revoked=$(secret_of pensioner)
	admin secret revoke --device pensioner >/dev/null || return 1
	victim=$(secret_of victim)
	BODY=$T/good.b64
	for ((i = 0; i < 10; i++)); do
		fcgi_once plain simpleenroll "${either[@]}" "$(basic victim wrong)"
		[ "$status" = 401 ] || return 1
	done
}
# A certificate that the store does not know, until know() is called.
unknow() {
	store "CREATE TABLE unknown AS SELECT * FROM certificate
		WHERE subject LIKE '%CN=d21%';
		DELETE FROM certificate WHERE subject LIKE '%CN=d21%'"
}
know() { store "INSERT INTO certificate SELECT * FROM unknown; DROP TABLE unknown"; }
store() { # store SQL: as the user of the programs
	local who=()
	[ "$(id -u)" != 0 ] || who=(runuser -u "$owner" --)
	"${who[@]}" sqlite3 -cmd '.timeout 5000' "$DEMO/var/microca.db" "$1"
}

# ---- OCSP: $T/NAME.rq of what stands in it
certid() {
	local at head
	openssl ocsp -no_nonce -issuer "$DEMO/intermediate.pem" -cert "$T/dev.pem" \
		-reqout "$T/plain.rq" 2>/dev/null || return 1
	openssl ocsp -no_nonce -no_certs -issuer "$DEMO/intermediate.pem" \
		-cert "$T/dev.pem" -signer "$T/dev.pem" -signkey "$T/dev.key" \
		-reqout "$T/right.rq" 2>/dev/null &&
		{ head -c -1 "$T/right.rq" && printf x; } >"$T/signed.rq" || return 1
	# The fifth SEQUENCE is it.
	at=$(openssl asn1parse -inform DER -in "$T/plain.rq" | awk '/cons: SEQUENCE/ &&
		++n == 5 { split($0, p, /[:= ]+/); print $1; exit }' | cut -d: -f1)
	tail -c "+$((at + 1))" "$T/plain.rq" >"$T/certid.der"
	{
		printf '=asks\t30{ 30{ 30{ $ } } }\n'
		printf '=one\t30{ <certid.der> }\n'
		printf '=with\t30{ 30{ 30{ @one } A2{ 30{ $ } } } }\n'
		printf '=nonce\t30{ #1.3.6.1.5.5.7.48.1.2 04{ $ } }\n'
		printf 'nonce0\t@with{ @nonce{ 04{} } }\n'
		printf 'nonce1\t@with{ @nonce{ 04{ 11 } } }\n'
		printf 'nonce33\t@with{ @nonce{ 04{ *33{ 11 } } } }\n'
		printf 'nonce128\t@with{ @nonce{ 04{ *128{ 11 } } } }\n'
		printf 'nonce129\t@with{ @nonce{ 04{ *129{ 11 } } } }\n'
		printf 'nonce160\t@with{ @nonce{ 04{ *160{ 11 } } } }\n'
		printf 'nonces\t@with{ @nonce{ 04{ 11 } } @nonce{ 04{ 12 } } }\n'
		printf 'nononce\t@with{ @nonce{ 0C{ "x" } } }\n'
		printf 'many\t@asks{ *17{ @one } }\n'
		printf 'thousand\t@asks{ *1000{ @one } }\n'
		printf 'critical\t@with{ 30{ #1.2.3.4 0101FF 04{ 0500 } } }\n'
		printf 'md5\t@asks{ 30{ 30{ 30{ #1.2.840.113549.2.5 0500 } 04{ *16{ 11 } } 04{ *16{ 11 } } 020101 } } }\n'
		printf 'other\t@asks{ 30{ 30{ 30{ #1.2.3.4 0500 } 04{ *20{ 11 } } 04{ *20{ 11 } } 020101 } } }\n'
	} | "$BUILDDIR/tests/tools/body" "$T/by-sign.key" "$T" || return 1
	for at in nonce0 nonce1 nonce33 nonce128 nonce129 nonce160 nonces nononce many \
		thousand critical md5 other; do
		openssl base64 -d -in "$T/$at" -out "$T/$at.rq" || return 1
	done
}

more_scene() {
	keys_more && more_clients && more_devices && waiting && secrets && unknow &&
		certid || return 1
	list=$(cat "$DEMO"/public/crl/*.crl | cksum)
}
# For fcgi rows: at the endpoint that takes secrets, at that with CAs in between.
either=(REQUEST_METHOD=POST MICROCA_FRONTEND=lighttpd MICROCA_ENDPOINT=either
	CONTENT_TYPE=application/pkcs10 "REQUEST_URI=$est/simpleenroll"
	SSL_CLIENT_VERIFY=NONE)
by=(REQUEST_METHOD=POST CONTENT_TYPE=application/pkcs10
	"REQUEST_URI=$est/simpleenroll" SSL_CLIENT_VERIFY=SUCCESS)
