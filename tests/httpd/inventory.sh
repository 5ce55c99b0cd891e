#!/usr/bin/env bash
# The inventory through lighttpd: who gets in, lists, exports, acts.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
demo_start
api=https://localhost:$((PORT + 7))/api/v1

look() { # look NAME PATH [curl arguments]: status
	local who=()
	[ -z "$1" ] || mapfile -t who < <(as "$1")
	local path=$2
	shift 2
	: >"$T/head"
	curl -sS --max-time 20 --cacert "$DEMO/root.pem" "${who[@]}" \
		-D "$T/head" -o "$T/body" -w '%{http_code}' "$@" "$api/$path"
}
act() { # act NAME PATH FORM [curl arguments]: with a token of its own
	local name=$1 path=$2 form=$3
	shift 3
	look "$name" session >/dev/null
	look "$name" "$path" --data "$form&token=$(jq -r .token "$T/body")" "$@"
}

is "an operator" "$(look operator session) $(jq -r .role "$T/body")" \
	"200 operator"
is "a viewer" "$(look viewer session) $(jq -r .role "$T/body")" "200 viewer"
is "nobody" "$(look '' certificates) $(jq -r .error.code "$T/body")" \
	"403 auth-none"
is "a device of this CA" "$(look device certificates)" 403
is "the manufacturer" "$(look manufacturer certificates)" 403
sha=$(openssl x509 -in "$DEMO/device.pem" -outform DER | sha256sum |
	cut -d' ' -f1)
is "the device is found" "$(look viewer 'certificates?subject=CN%3Ddemo-*') \
$(jq -r '.certificates[0].fingerprint' "$T/body")" "200 $sha"
is "… by its name with a plus and an ampersand" \
	"$(look viewer 'certificates?subject=a+b%26c') \
$(jq '.certificates | length' "$T/body")" "200 0"
is "the headers arrive" "$(look viewer certificates) \
$(head_of Cache-Control) $(head_of X-Content-Type-Options)" \
	"200 no-store nosniff"
is "an export" "$(look viewer certificates.csv) $(head -n 1 "$T/body" |
	cut -d, -f1)" "200 fingerprint"
is "a viewer may not revoke" "$(act viewer "certificates/$sha/revoke" \
	'confirm=yes')" 403
is "another site's page may not" "$(act operator "certificates/$sha/revoke" \
	'confirm=yes' -H 'Origin: https://evil.example')" 403
is "an operator may" "$(act operator "certificates/$sha/revoke" \
	'confirm=yes&reason=superseded' \
	-H "Origin: https://localhost:$((PORT + 7))")" 200
is "… which the CA's own tool sees" "$(admin list --subject CN=demo-device \
	--format json | jq -r '.[0].status')" revoked
# ---- metrics
api_root=${api%/api/v1}
scrape() { # scrape NAME: status; not as from this machine
	local who=()
	[ -z "$1" ] || mapfile -t who < <(as "$1")
	curl -sS --max-time 20 --cacert "$DEMO/root.pem" "${who[@]}" \
		-H 'X-Forwarded-For: 192.0.2.7' \
		-o "$T/body" -w '%{http_code}' "$api_root/metrics"
}
is "a viewer scrapes" "$(scrape viewer)" 200
ok "promtool takes it" bash -c "promtool check metrics <'$T/body'"
like "the device that was enrolled" "$(grep '^microca_issued_total' "$T/body" |
	grep 'program="simpleenroll"' | grep 'endpoint="device"')" ' [1-9]'
like "the web server's certificate" "$(cat "$T/body")" \
	'^microca_own_certificate_not_after_timestamp_seconds\{name="server"'
like "the programs are there" "$(grep \
	'^microca_program_sign.*"simpleenroll"' "$T/body")" ' [1-9]'
is "a device may not" "$(scrape device)" 403
is "nobody may not" "$(scrape '')" 403
is "this machine scrapes without TLS" "$(plain /metrics)" 200
is "… and hears the same" "$(grep -c '^microca_build_info' "$T/body")" 1
is "… but not for another" "$(plain /metrics \
	-H 'X-Forwarded-For: 192.0.2.7')" 403

for path in ../../ ../../inventory; do
	is "what people type leads on: ${path#../..}" "$(look operator $path) \
$(head_of Location)" "303 /inventory/"
done
# Each web server in its own way.
like "what else is asked for on this port is not there" \
	"$(look operator ../../etc/passwd --path-as-is)" '^40[04]$'
done_testing
