#!/usr/bin/env bash
# microca check --url behind each web server: a good report, and the fault and
# the line that cures it for each configuration that is not what it should be.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
demo_start
given=(--cert "$DEMO/manufacturer.pem" --key "$DEMO/manufacturer.key")
ok "an endpoint that takes secrets" demo_secrets

report() { # report OFFSET [option...]: its status; the report in $T/report
	admin check --url "https://localhost:$((PORT + $1))" "${@:2}" \
		>"$T/report" 2>&1
	echo $?
}
has() { # has NAME REGEX: in the report
	like "$1" "$(cat "$T/report")" "$2"
}
# wrong NAME TEST-REGEX CHANGE-REGEX OFFSET SED-EXPRESSION...: with such a
# configuration
wrong() {
	local name=$1 test=$2 change=$3 offset=$4 expr=() e
	for e in "${@:5}"; do expr+=(-e "$e"); done
	sed "${expr[@]}" "$T/good.conf" >"$T/bad.conf"
	ok "$SERVER, $name: the file differs" sh -c \
		"! cmp -s '$T/good.conf' '$T/bad.conf'"
	ok "… starts" quick --web-conf "$T/bad.conf"
	is "… is found" "$(report "$offset" "${given[@]}")" 8
	has "… by what it is" "^FAIL: $test"
	has "… and what cures it" "change: .*$change"
}

for SERVER in lighttpd nginx apache apache-fcgid apache-cgi caddy; do
	ok "$SERVER" quick
	is "$SERVER: a good report" "$(report 0 "${given[@]}")" 0
	has "… whose port it is" '^ok: endpoint: device, behind '
	has "… client certificates" '^ok: client certificates: '
	has "… the one given" '^ok: the certificate given: arrives'
	has "… spoofed variables" '^ok: spoofed variables: are inert'
	has "… TLS" '^ok: TLS floor'
	has "… PoP linking" '^note: PoP linking: cannot be enforced'
	is "… for secrets" "$(report 3)" 0
	has "… Authorization" '^ok: Authorization: arrives'
	is "… as JSON" "$(report 0 --json) $(jq -r '[.state, .endpoint,
		([.tests[].state] | any(. == "fail"))] | map(tostring) |
		join(" ")' "$T/report")" "0 ok device false"
	cp "$DEMO/etc/$SERVER.conf" "$T/good.conf"
	case $SERVER in
	lighttpd)
		wrong "certificates not asked for" \
			'client certificates: are not asked' activate 0 \
			's/\(verifyclient.activate = \)"enable"/\1"disable"/'
		wrong "not exported" 'the certificate given' exportcert 0 \
			's/\(verifyclient.exportcert = \)"enable"/\1"disable"/'
		;;
	nginx)
		wrong "the certificate not handed over" \
			'client certificates: are asked for, and do not' \
			'fastcgi_param SSL_CLIENT_CERT' 0 \
			'/fastcgi_param SSL_CLIENT_CERT/d'
		wrong "verification off" 'client certificates: are not asked' \
			'ssl_verify_client optional_no_ca' 0 \
			's/ssl_verify_client .*/ssl_verify_client off;/'
		wrong "a stranger sent away" 'client certificates: a stranger' \
			'ssl_verify_client optional_no_ca' 0 \
			's/ssl_verify_client .*/ssl_verify_client optional;/'
		given=(--cert "$DEMO/device.pem" --key "$DEMO/device.key")
		wrong "certificates demanded" 'without certificate' \
			'ssl_verify_client optional_no_ca' 3 \
			"/listen 127.0.0.1:$((PORT + 3))/,/^  }/s/ssl_verify_client .*/ssl_verify_client on;/"
		given=(--cert "$DEMO/manufacturer.pem"
			--key "$DEMO/manufacturer.key")
		wrong "another endpoint's CAs" 'verified: other CAs' \
			ssl_client_certificate 0 \
			's/client-ca-device.pem/client-ca-subca.pem/'
		wrong "no limit for bodies" 'body limit' \
			'client_max_body_size 128k' 0 \
			's/client_max_body_size .*/client_max_body_size 0;/'
		wrong "TLS 1.1" 'TLS floor' 'ssl_protocols TLSv1.2' 0 \
			's/ssl_protocols .*/ssl_protocols TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;/'
		# shellcheck disable=SC2016 # nginx's own variables
		wrong "a header believed" 'spoofed variables: .*SSL_CLIENT_VERIFY' \
			'no fastcgi_param from' 0 \
			's/"\$ssl_client_verify"/"$http_ssl_client_verify"/'
		wrong "no endpoint" 'endpoint: MICROCA_ENDPOINT is not set' \
			'fastcgi_param MICROCA_ENDPOINT' 0 \
			'/fastcgi_param MICROCA_ENDPOINT/d'
		;;
	apache)
		wrong "Authorization dropped" 'Authorization: does not arrive' \
			'CGIPassAuth On' 3 '/CGIPassAuth/d'
		wrong "not exported" \
			'client certificates: are asked for, and do not' \
			ExportCertData 0 's/ +ExportCertData//'
		;;
	apache-cgi)
		wrong "no limit for bodies" 'body limit' LimitRequestBody 0 \
			's/LimitRequestBody .*/LimitRequestBody 0/'
		;;
	caddy)
		wrong "no limit for bodies" 'body limit' max_size 0 \
			's/max_size .*/max_size 10MiB/'
		;;
	esac
done

# ---- who is told
ok "all as it should be again" quick
is "another ticket is none" "$(est 0 cacerts -H "MicroCA-Probe: $(printf \
	'%064d' 0)") $(head_of Content-Type)" "200 application/pkcs7-mime"
ticket=$(openssl rand -hex 32)
file=$DEMO/run/probe-$(printf %s "$ticket" | sha256sum | cut -d' ' -f1)
told() { # the type of what comes with the ticket
	est 0 cacerts -H "MicroCA-Probe: $ticket" >/dev/null
	head_of Content-Type
}
install -m 600 -o "$(stat -c %u "$DEMO/var")" /dev/null "$file"
is "one with its file is" "$(told)" application/json
chmod 640 "$file"
is "… not when others may read it" "$(told)" application/pkcs7-mime
chmod 600 "$file"
touch -d '10 minutes ago' "$file"
is "… nor for ever" "$(told)" application/pkcs7-mime
rm "$file"
is "no ticket is left" "$(find "$DEMO/run" -name 'probe-*' | wc -l)" 0
is "a port where nobody is" "$(report 50)" 8
has "… says so" '^FAIL: reach: '
is "half a pair" "$(report 0 --cert "$DEMO/manufacturer.pem")" 2
done_testing
