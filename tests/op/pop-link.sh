#!/bin/sh
# RFC 7030, 3.5: a challengePassword names the TLS session, as the web server
# hands it over, and as the endpoint wants it.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem

# linked NAME PORT MORE: an endpoint with this setting
linked() {
	endpoint "$1" "$2" device "$3"
}
{
	sed '$d' "$CONF" # the list's end
	echo ","
	linked off 8471 'pop_link = "off"; channel_binding = ("tls-unique");'
	echo ","
	linked bare 8472 'pop_link = "required";'
	echo ","
	linked if 8473 'channel_binding = ("tls-unique", "tls-exporter");'
	echo ","
	linked must 8474 'pop_link = "required"; channel_binding =
		("tls-unique", "tls-exporter"); frontend = "apache";'
	echo ","
	linked unique 8475 'pop_link = "required"; channel_binding =
		"tls-unique";'
	echo ","
	linked hap 8476 'channel_binding = "tls-unique"; frontend = "haproxy";'
	echo ");"
} >"$T/linked.conf"
cp "$CONF" "$T/plain.conf"
cp "$T/linked.conf" "$CONF"

unique=AAECAwQFBgcICQoL                             # 12 octets
other=AAECAwQFBgcICQoM
exporter=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= # 32
serial=0
request() { # request VALUE: $T/asked.b64, of somebody new
	serial=$((serial + 1))
	{
		printf '%s\n' '[req]' distinguished_name=dn prompt=no
		[ "$1" = none ] || printf 'attributes=at\n'
		printf '%s\n' '[dn]' "CN=dev$serial" '[at]' "challengePassword=$1"
	} >"$T/at.cnf"
	openssl req -new -config "$T/at.cnf" -newkey ec -pkeyopt \
		ec_paramgen_curve:P-256 -nodes -keyout "$T/asked.key" \
		-outform DER -out "$T/asked.der" 2>/dev/null &&
		openssl base64 -in "$T/asked.der" -out "$T/asked.b64"
}

# asks NAME STATUS[ REASON] ENDPOINT CHALLENGE|none [VARIABLE...]
asks() {
	asks_name=$1 asks_want=$2 asks_at=$3
	request "$4" || bail "no request"
	shift 4
	before_refusal
	asks_status=$(post "$asks_at" simpleenroll maker-ra "$T/asked.b64" "$@")
	if [ "$asks_want" = 200 ]; then
		is "$asks_name" "$asks_status" 200
	else
		refused "$asks_name" "$asks_status" "${asks_want% *}" \
			"${asks_want#* }"
	fi
}
t12=SSL_PROTOCOL=TLSv1.2
t13=SSL_PROTOCOL=TLSv1.3

# ---- the default: what is there is compared, or refused
asks "nothing to compare it with" "400 pop-link" device "$unique" $t12 "TLS_UNIQUE=$unique"
like "… says so" "$(cat "$T/body")" 'RFC 7030, 3.5: .*cannot be compared'
like "… and the log says why" "$(cat "$T/log")" 'channel_binding names none'
asks "without one" 200 device none

# ---- off: it is not looked at
asks "off: another session's" 200 off "$other" $t12 "TLS_UNIQUE=$unique"
asks "off: what the web server says is not read either" 200 off none \
	$t12 TLS_UNIQUE=x

# ---- if-present
asks "tls-unique" 200 "if" "$unique" $t12 "TLS_UNIQUE=$unique" "TLS_EXPORTER=$exporter"
asks "tls-exporter" 200 "if" "$exporter" $t13 "TLS_EXPORTER=$exporter"
asks "tls-exporter with TLS 1.2" 200 "if" "$exporter" $t12 "TLS_UNIQUE=$unique" \
	"TLS_EXPORTER=$exporter"
asks "neither" 200 "if" none $t13 "TLS_EXPORTER=$exporter"
asks "another session's" "403 pop-link" "if" "$other" $t12 "TLS_UNIQUE=$unique"
like "… says so" "$(cat "$T/body")" 'RFC 7030, 3.5: .*not that of this TLS session'
asks "the web server hands over none" "400 pop-link" "if" "$unique" $t12
like "… and the log says so" "$(cat "$T/log")" 'hands over none of its'
asks "an empty one is none" "400 pop-link" "if" "$unique" $t12 TLS_UNIQUE=

# ---- TLS 1.3 has no tls-unique, whatever the web server says
asks "tls-unique of TLS 1.3" "400 pop-link" unique "$unique" $t13 "TLS_UNIQUE=$unique"
like "… says so" "$(cat "$T/body")" 'RFC 9266, 1: TLS 1.3 has no tls-unique'
asks "… beside an exporter" "403 pop-link" "if" "$unique" $t13 "TLS_UNIQUE=$unique" \
	"TLS_EXPORTER=$exporter"
asks "tls-unique of Caddy's name for TLS 1.3" "400 pop-link" "if" "$unique" \
	SSL_PROTOCOL=tls1.3 "TLS_UNIQUE=$unique"
asks "tls-unique of nobody knows which TLS" "400 pop-link" "if" "$unique" \
	"TLS_UNIQUE=$unique"
asks "an exporter where it is not taken" "400 pop-link" unique "$exporter" $t13 \
	"TLS_EXPORTER=$exporter"

# ---- required
asks "required: missing" "400 pop-link" must none $t12 "TLS_UNIQUE=$unique"
like "… says so" "$(cat "$T/body")" 'RFC 7030, 3.5: .*is required'
asks "required: there" 200 must "$unique" $t12 "TLS_UNIQUE=$unique"
asks "required: another's" "403 pop-link" must "$other" $t12 "TLS_UNIQUE=$unique"
asks "required: nothing to compare it with" "400 pop-link" bare "$unique" $t12 \
	"TLS_UNIQUE=$unique"

# ---- what is no channel binding
for value in AAECAwQFBgcICQo= AAECAwQFBgcICQoLDA== "$exporter" not-base64 \
	"AAEC AwQFBgcICQoL" AAECAwQFBgcICQoL=; do
	asks "TLS_UNIQUE=$value" "403 auth-config" "if" "$unique" $t12 \
		"TLS_UNIQUE=$value"
done
like "… the log says what is wrong" "$(cat "$T/log")" 'TLS_UNIQUE is not base64'
for value in "$unique" "${exporter%=}" "${exporter%8=}9="; do
	asks "TLS_EXPORTER=$value" "403 auth-config" "if" "$exporter" $t13 \
		"TLS_EXPORTER=$value"
done
# A shell knows no variable twice, env(1) neither: headers are what is left.
asks "headers are no web server's word" "400 pop-link" "if" "$unique" $t12 \
	"HTTP_TLS_UNIQUE=$unique"

# ---- told in csrattrs
lists() { # lists ENDPOINT: is challengePassword asked for?
	get "$1" csrattrs >/dev/null
	tr -d '\r\n' <"$T/body" | openssl base64 -d -A |
		openssl asn1parse -inform DER | grep -c challengePassword
}
is "csrattrs by default" "$(lists device)" 0
is "csrattrs, off" "$(lists off)" 0
is "csrattrs, if-present with a web server that can" "$(lists "if")" 1
is "csrattrs, required" "$(lists must)" 1

# ---- by hand there is no session
request none
ok "microca issue asks for none" admin issue --endpoint must \
	-o "$T/issued.pem" "$T/asked.der"

# ---- nor in a dry run: what a session would be compared with is left open
explain() { # explain ENDPOINT CHALLENGE|none: the rule's verdict
	request "$2"
	admin explain --endpoint "$1" --csr "$T/asked.der" \
		--cert "$T/maker-ra.pem" | awk '$2 == "pop-link" { print $3 }'
}
is "explain: compared when it is sent" "$(explain must "$unique")" -
is "explain: missing" "$(explain must none)" FAIL
is "explain: never comparable" "$(explain bare "$unique")" FAIL
is "explain: not looked at" "$(explain off "$unique")" pass

# ---- check
admin check >"$T/check.out" 2>&1
like "check: required, and nothing to compare it with" "$(cat "$T/check.out")" \
	'^FAIL: endpoint bare: .*every request is refused'
like "check: apache can" "$(cat "$T/check.out")" \
	'^ok: endpoint must: requests and TLS sessions can be linked'
like "check: haproxy can, tls-unique" "$(cat "$T/check.out")" \
	'^ok: endpoint hap: requests and TLS sessions'
like "check: any may" "$(cat "$T/check.out")" \
	'^note: endpoint if: .*if the web server is Apache or nginx'
is "check: nothing about those without" "$(grep -c 'endpoint \(device\|off\): .*TLS' \
	"$T/check.out")" 0
# cannot FRONTEND BINDINGS TEXT
cannot() {
	sed "s/frontend = \"apache\"/frontend = \"$1\"/" "$T/linked.conf" >"$CONF"
	like "check: $1 cannot" "$(admin check 2>&1)" "^FAIL: endpoint must: .*$2"
}
cannot lighttpd 'lighttpd hands over no channel binding'
cannot caddy 'caddy hands over no channel binding'
cannot haproxy 'RFC 9266, 2: haproxy'
sed 's/frontend = "apache";/approval = "always";/' "$T/linked.conf" >"$CONF"
like "approval outlives the session" "$(admin check 2>&1)" \
	'endpoint .must.: RFC 7030, 4.2.3: pop_link "required" has no use for approval'
cp "$T/linked.conf" "$CONF"

# ---- httpd
for server in nginx apache apache-fcgid; do
	admin httpd "$server" >"$T/$server.conf"
	ok "$server loads the module once" sh -c \
		"[ \"\$(grep -c 'channel_binding.*\.so' '$T/$server.conf')\" = 1 ]"
done
is "nginx hands over what endpoints take" "$(grep -c \
	'fastcgi_param TLS_' "$T/nginx.conf")" 3
cp "$T/plain.conf" "$CONF"
for server in nginx apache apache-fcgid apache-cgi; do
	is "$server without linking" "$(admin httpd "$server" |
		grep -c 'channel_binding\|TLS_UNIQUE')" 0
done
done_testing
