# shellcheck shell=sh disable=SC2034
# What the tests of est-client share: a PKI of two roots and a server that
# answers as told (tests/tools/answer).  After lib.sh.

C=$BUILDDIR/bin/est-client
W=$T/server
cd "$T" || exit 1

# ---- the PKI and the server -------------------------------------------------
certificate() { # certificate NAME CA SUBJECT EXTENSION... [-- openssl arguments]
	cert_name=$1 cert_ca=$2 cert_subject=$3
	shift 3
	: >cert.ext
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		echo "$1" >>cert.ext
		shift
	done
	[ $# -eq 0 ] || shift
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$cert_name.key" -subj "$cert_subject" \
		-out cert.csr 2>/dev/null &&
		openssl x509 -req -in cert.csr -CA "$cert_ca.pem" \
			-CAkey "$cert_ca.key" -set_serial "0x$(openssl rand -hex 8)" \
			-days 30 -extfile cert.ext "$@" -out "$cert_name.pem" \
			2>/dev/null && chmod 600 "$cert_name.key"
}

server_start() { # server_start FOLDER CERT [answer's options]: $port
	mkdir -p "$1"
	server_folder=$1 server_cert=$2
	shift 2
	"$BUILDDIR/tests/tools/answer" "$@" -c "$server_cert.pem" \
		-k "$server_cert.key" "$server_folder" 2>>answer.log &
	started="$started $!"
	wait_for 10 test -s "$server_folder/port" || bail "no server"
	port=$(cat "$server_folder/port")
}

# answer NAME STATUS TYPE FILE [HEADER]: what the server says.
answer() {
	{
		printf 'HTTP/1.1 %s\r\nContent-Length: %s\r\n' "$2" \
			"$(wc -c <"$4")"
		[ -z "$3" ] || printf 'Content-Type: %s\r\n' "$3"
		[ -z "${5-}" ] || printf '%s\r\n' "$5"
		printf '\r\n'
		cat "$4"
	} >"$W/$1.new" && mv "$W/$1.new" "$W/$1"
}
p7='application/pkcs7-mime; smime-type=certs-only'
bag() { # bag FILE CERT...: certs-only, base64
	bag_out=$1
	shift
	for bag_cert in "$@"; do
		set -- "$@" -certfile "$bag_cert"
		shift
	done
	openssl crl2pkcs7 -nocrl "$@" -outform DER | openssl base64 >"$bag_out"
}

# A CA that signs what is asked for, with more arguments for openssl x509.
issuer() { # issuer [-- CA] EXTENSIONS-FILE [openssl arguments]
	issuer_ext=$1
	shift
	cat >"$W/simpleenroll.new" <<-END
	#!/bin/sh
	cd "$T"
	openssl base64 -d <"\$1" >asked.der
	openssl x509 -req -inform DER -in asked.der -CA ${issuer_ca:-root}.pem \\
		-CAkey ${issuer_ca:-root}.key -set_serial "0x\$(openssl rand -hex 8)" \\
		-copy_extensions copy -extfile $issuer_ext ${*:--days 30} -out issued.pem 2>/dev/null
	openssl crl2pkcs7 -nocrl -certfile issued.pem -outform DER |
		openssl base64 >issued.b64
	printf 'HTTP/1.1 200 OK\r\nContent-Type: $p7\r\n'
	printf 'Content-Length: %s\r\n\r\n' "\$(wc -c <issued.b64)"
	cat issued.b64
	END
	chmod 755 "$W/simpleenroll.new"
	mv "$W/simpleenroll.new" "$W/simpleenroll"
	cp "$W/simpleenroll" "$W/simplereenroll.new"
	mv "$W/simplereenroll.new" "$W/simplereenroll"
}

echo keyUsage=critical,digitalSignature >leaf.ext
root_make root "/CN=Test Root" 2>/dev/null
root_make other "/CN=Other Root" 2>/dev/null
certificate server root /CN=localhost subjectAltName=DNS:localhost \
	extendedKeyUsage=serverAuth || bail "no certificates"
