#!/bin/sh
# connector - who may say what, and what is kept, with a hub that is not there.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"

A=$(printf '%064d' 0 | tr 0 A)
H1=$(printf '%064d' 1)
H2=$(printf '%064d' 2)

connector_conf() { # connector_conf TOP EDGE: more of the file, of the edge
	cat >"$T/connector.conf" <<-END
	state = "state"; allow_cgi = true; threads = 4; body_wait = "2s";
	web_server_users = ("$(id -u)"); answer_within = "5s"; $1
	hubs = ( { name = "main"; azure = { hub = "contoso.azure-devices.net";
	  endpoint = "127.0.0.1:1"; auth = "sas"; sas_policy = "microca";
	  sas_key_file = "sas.key"; timeout = "2s"; }; } );
	edges = (
	  { id = "plant-7-a"; issuer = "edge-ca.pem"; site = "plant-7"; $2
	    devices = ("plant-7-[0-9]+", "plant-7"); },
	  { id = "plant-8-a"; issuer = "other-ca.pem"; devices = (".*"); } );
	END
}

edge_make() { # edge_make NAME CA URI
	printf 'subjectAltName = URI:%s\n' "$3" >"$T/san.ext"
	leaf_make "$1" "$2" "/CN=$1" &&
		printf '%s\n' extendedKeyUsage=clientAuth \
			keyUsage=critical,digitalSignature >>"$T/san.ext" &&
		openssl x509 -req -in "$T/leaf.csr" -CA "$T/$2.pem" \
			-CAkey "$T/$2.key" -CAcreateserial -days 30 \
			-extfile "$T/san.ext" -out "$T/$1.pem"
}

setup() {
	umask 022
	root_make edge-ca "/CN=Edge CA" && root_make other-ca "/CN=Other CA" &&
		edge_make edge edge-ca urn:microca:edge:plant-7-a &&
		edge_make other other-ca urn:microca:edge:plant-8-a &&
		edge_make thief other-ca urn:microca:edge:plant-7-a &&
		edge_make device edge-ca urn:example:plant-7-a &&
		edge_make stranger edge-ca urn:microca:edge:plant-9-a &&
		openssl req -x509 -newkey rsa:2048 -nodes -days 30 \
			-keyout "$T/signer.key" -out "$T/signer.pem" \
			-subj "/CN=Plant 7 CA" &&
		mkdir -m 700 "$T/state" &&
		(umask 077 && openssl rand -base64 32 >"$T/sas.key")
	connector_conf
}
setup >"$T/setup.log" 2>&1 || bail "setup"

# ask METHOD PATH CLIENT BODY [NAME=VALUE...]: status and code of the answer.
ask() {
	ask_method=$1 ask_path=$2 ask_client=$3 ask_body=$4
	shift 4
	[ -n "$ask_body" ] && set -- CONTENT_TYPE=application/json "$@"
	if [ -n "$ask_client" ]; then
		set -- SSL_CLIENT_VERIFY=SUCCESS \
			"SSL_CLIENT_CERT=$(cat "$T/$ask_client.pem")" "$@"
	fi
	ask_status=$(printf '%s' "$ask_body" |
		cgi connector MICROCA_CONNECTOR_CONF="$T/connector.conf" \
			"REQUEST_METHOD=$ask_method" "REQUEST_URI=$ask_path" "$@")
	printf '%s' "$ask_body" >"$T/asked"
	jq -nc --arg method "$ask_method" --arg path "$ask_path" \
		--argjson status "$ask_status" --rawfile request "$T/asked" \
		--rawfile answer "$T/body" '$ARGS.named' >>"$T/exchanges"
	echo "$ask_status $(jq -r '.error.code // empty' "$T/body")"
}
events() { # events CLIENT BODY [NAME=VALUE...]
	events_client=$1 events_body=$2
	shift 2
	ask POST /v1/certificate-events "$events_client" "$events_body" "$@"
}
item() { # item DEVICE [MEMBERS]
	printf '{"seq":41,"event":"issued","deviceId":"%s","certSha256":"%s",
"serial":"01A2","issuer":"CN=CA","notBefore":"2026-11-23T15:00:00Z",
"notAfter":"2036-11-23T15:00:00Z","profile":"device","site":null,
"replaces":null,"revocation":null%s}' "$1" "$A" "${2:-}"
}
batch() { # batch EDGE ID ITEM...
	printf '{"schema":"microca.cc/1","edgeId":"%s","batchId":"%s",
"sentAt":"2026-11-23T15:00:00Z","items":[' "$1" "$2"
	shift 2
	printf %s "$1"
	shift
	[ $# = 0 ] || printf ',%s' "$@"
	echo ']}'
}
results() { jq -r '.results[] | "\(.status) \(.code)"' "$T/body"; }

# ---- the configuration
ok "-t prints what is in effect" sh -c \
	"'$BIN/connector' -t -c '$T/connector.conf' >'$T/effective.conf' &&
	'$BIN/connector' -t -c '$T/effective.conf' | cmp - '$T/effective.conf'"
sed 's/site/cite/' "$T/connector.conf" >"$T/bad.conf"
like "an unknown key is refused" \
	"$("$BIN/connector" -t -c "$T/bad.conf" 2>&1; echo "exit $?")" \
	'bad.conf:8.*cite|^exit 2'
rmdir "$T/state"
is "without its state folder it does not start" \
	"$("$BIN/connector" -t -c "$T/connector.conf" >/dev/null 2>&1; echo $?)" 2
mkdir -m 700 "$T/state"

# ---- who
one=$(batch plant-7-a b1 "$(item plant-7-1)")
is "an edge is listened to" "$(events edge "$one")" "200 "
is "the hub is not there: deferred" "$(results)" "deferred cloud_net"
ok "… until a time" jq -e '.results[0].retryAfter >= 1' "$T/body"
like "… which the log says" "$(cat "$T/log")" 'contoso.azure-devices.net'
is "JSON" "$(header Content-Type)" application/json
is "no certificate" "$(events "" "$one")" "403 auth_none"
ok "a refusal has the request's id" jq -e \
	'.error.request | test("^[0-9a-f]{16}$")' "$T/body"
is "no id of an edge" "$(events device "$one")" "403 client_name"
is "an edge that is not known" "$(events stranger "$one")" \
	"403 client_unknown"
is "the right id of the wrong CA" "$(events thief "$one")" \
	"403 client_untrusted"
is "another edge's name in the body" \
	"$(events other "$one")" "403 edge_mismatch"
is "headers make nobody an edge" "$(events "" "$one" \
	"HTTP_SSL_CLIENT_CERT=$(cat "$T/edge.pem")" \
	HTTP_SSL_CLIENT_VERIFY=SUCCESS)" "403 auth_none"
is "a certificate that the web server did not verify" "$(events "" "$one" \
	"SSL_CLIENT_CERT=$(cat "$T/edge.pem")")" "403 auth_config"

# ---- what
events edge "$(batch plant-7-a b2 "$(item plant-7-1)" "$(item plant-70)" \
	"$(item plant-7-1x)" "$(item plant-8-1)" "$(item 'a/b')" \
	"$(item plant-7 ',"site":"plant-8"' | sed 's/"site":null,//')" \
	"$(item plant-7 ',"site":"plant-7"' | sed 's/"site":null,//')")" \
	>"$T/answered"
is "one request, each its own result" "$(cat "$T/answered") $(results |
	tr '\n' ',')" "200  deferred cloud_net,rejected id_not_allowed,\
rejected id_not_allowed,rejected id_not_allowed,rejected bad_item,\
rejected site_not_allowed,deferred cloud_net,"
is "… in the order of the items" \
	"$(jq -c '[.results[] | .seq] | unique' "$T/body")" '[41]'
is "a batch's id with the same body" "$(events edge "$one")" "200 "
is "… and with another" "$(events edge \
	"$(batch plant-7-a b1 "$(item plant-7-2)")")" "409 batch_reused"
is "… of another edge" "$(events other \
	"$(batch plant-8-a b1 "$(item plant-7-2)")")" "200 "
chmod 500 "$T/state/batches"
chmod 400 "$T/state/batches/plant-7-a"
is "what is kept of batches is no condition" "$(events edge \
	"$(batch plant-7-a b3 "$(item plant-7-2)")")" "200 "
chmod 700 "$T/state/batches"
chmod 600 "$T/state/batches/plant-7-a"

# ---- limits
is "no JSON" "$(events edge '{"schema"')" "400 json"
is "another schema" "$(events edge \
	"$(echo "$one" | sed s/microca.cc.1/microca.cc.2/)")" "400 schema"
is "a NUL in it" "$(printf '{\0}' | cgi connector \
	MICROCA_CONNECTOR_CONF="$T/connector.conf" SSL_CLIENT_VERIFY=SUCCESS \
	"SSL_CLIENT_CERT=$(cat "$T/edge.pem")" REQUEST_METHOD=POST \
	CONTENT_TYPE=application/json REQUEST_URI=/v1/certificate-events)" 400
hundred=$(for _ in $(seq 100); do printf '%s,' "$(item plant-70)"; done)
is "a hundred items" "$(events edge "$(batch plant-7-a h \
	"${hundred%,}")")" "200 "
is "… each with its result" "$(jq '.results | length' "$T/body")" 100
is "a hundred and one" "$(events edge "$(batch plant-7-a h1 \
	"$hundred$(item plant-70)")")" "413 too_many"
head -c 1048577 /dev/zero | tr '\0' ' ' >"$T/big"
is "more than 1 MiB" "$(cgi connector \
	MICROCA_CONNECTOR_CONF="$T/connector.conf" SSL_CLIENT_VERIFY=SUCCESS \
	"SSL_CLIENT_CERT=$(cat "$T/edge.pem")" REQUEST_METHOD=POST \
	CONTENT_TYPE=application/json REQUEST_URI=/v1/certificate-events \
	<"$T/big") $(jq -r .error.code "$T/body")" "413 too_large"
is "no media type" "$(events edge "$one" CONTENT_TYPE=)" "415 type"
is "another" "$(events edge "$one" CONTENT_TYPE=text/json)" "415 type"
is "with a parameter" "$(events edge "$one" \
	'CONTENT_TYPE=application/json; charset=utf-8')" "200 "
is "compressed" "$(events edge "$one" HTTP_CONTENT_ENCODING=gzip)" \
	"415 encoding"
is "GET" "$(ask GET /v1/certificate-events edge "")" "405 method"
is "… Allow" "$(header Allow)" POST
is "PUT" "$(ask PUT /v1/audit-heads edge "")" "405 method"
for path in / /v1 /v1/ /v1/devices /v1/devices/ /v1/devices/a/b \
	/v1/devices/a%2fb%00 /v1/devices/%2 /v2/health /v1/health/ \
	/v1/certificate-events/x //v1/health; do
	is "404: $path" "$(ask GET "$path" edge "")" "404 path"
done

# ---- a device, health
is "a device of another edge" "$(ask GET /v1/devices/plant-8-1 edge "")" \
	"403 id_not_allowed"
is "what is no device" "$(ask GET /v1/devices/a%20b edge "")" \
	"404 no_device"
is "a hub that is not there" "$(ask GET /v1/devices/plant-7-1 edge "")" \
	"503 cloud_net"
like "… says when to come back" "$(header Retry-After)" '^[1-9]'
is "health is for edges" "$(ask GET /v1/health "" "")" "403 auth_none"
is "health" "$(ask GET /v1/health edge "") $(jq -c '[.status, .edgeId,
	.hub, .token.ok]' "$T/body")" \
	'200  ["ok","plant-7-a","contoso.azure-devices.net",true]'
rm "$T/sas.key"
is "without its key" "$(ask GET /v1/health edge "") $(jq -c '[.status,
	.token]' "$T/body")" \
	'200  ["degraded",{"ok":false,"expiresAt":null}]'
is "… the edge is to ask again" "$(events edge \
	"$(batch plant-7-a k "$(item plant-7-1)")") $(results)" \
	"200  deferred hub_unavailable"
ok "… and learns nothing of it" sh -c "! grep -q sas '$T/body'"
like "… but the operator does" "$(cat "$T/log")" 'sas\.key'
(umask 077 && openssl rand -base64 32 >"$T/sas.key")

# ---- heads
head_text() { # head_text EDGE SEQ HASH
	printf '{"edge":"%s","time":"2026-11-23T15:00:00Z","lanes":[{"lane":0,"seq":%s,"hash":"%s"}]}' "$@"
}
head_of() { # head_of HEAD [SIGNATURE]
	jq -nc --arg head "$1" --arg signature "${2:-}" '{schema:
		"microca.head/1", head: $head} + if $signature == "" then {}
		else {signature: $signature} end'
}
b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
sign() { # sign HEAD KEY [PROTECTED]: RFC 7515, appendix F
	x5t=$(openssl x509 -in "$T/signer.pem" -outform DER |
		openssl dgst -sha256 -binary | b64url)
	protected=$(printf '{"alg":"RS256","x5t#S256":"%s"}' "$x5t" | b64url)
	printf '%s..%s' "$protected" "$(printf '%s.%s' "$protected" \
		"$(printf %s "$1" | b64url)" |
		openssl dgst -sha256 -sign "$T/$2.key" -binary | b64url)"
}
heads() { ask POST /v1/audit-heads "$@"; }
kept() { cat "$T/state/heads/plant-7-a"; }

h41=$(head_text plant-7-a 41 "$H1")
h57=$(head_text plant-7-a 57 "$H2")
is "a head" "$(heads edge "$(head_of "$h41")") $(jq -c . "$T/body")" \
	'200  {"edgeId":"plant-7-a","status":"recorded","verified":false}'
is "the same again" "$(heads edge "$(head_of "$h41")") \
$(jq -r .status "$T/body") $(kept | wc -l)" "200  unchanged 1"
is "of another edge" "$(heads edge "$(head_of "$(head_text plant-8-a 1 \
	"$H1")")")" "403 edge_mismatch"
is "that is none" "$(heads edge '{"schema":"microca.head/1","head":"x"}')" \
	"400 json"
connector_conf "" 'head_signers = "signer.pem";'
is "where signers are known it needs a signature" \
	"$(heads edge "$(head_of "$h57")")" "403 signature"
is "… over it" "$(heads edge "$(head_of "$h57" "$(sign "$h41" signer)")")" \
	"403 signature"
root_make forger "/CN=Plant 7 CA" >/dev/null 2>&1
is "… of that key" "$(heads edge "$(head_of "$h57" \
	"$(sign "$h57" forger)")")" "403 signature"
is "… and then it is kept" "$(heads edge "$(head_of "$h57" \
	"$(sign "$h57" signer)")") $(jq -r '"\(.status) \(.verified)"' \
	"$T/body") $(kept | wc -l)" "200  recorded true 2"
is "as it came" "$(kept | tail -n 1 | jq -r .head)" "$h57"
is "one that went back" "$(heads edge "$(head_of "$h41" \
	"$(sign "$h41" signer)")")" "409 head_back"
like "… is an alarm in the log" "$(cat "$T/log")" \
	'error: alarm: 409 head-back: .*lane 0: 41 after 57'
like "… and a mark in the file" "$(kept | tail -n 1)" \
	'"result":"head-back","text":"lane 0: 41 after 57"'
fork=$(head_text plant-7-a 57 "$H1")
is "another hash at the same number" "$(heads edge "$(head_of "$fork" \
	"$(sign "$fork" signer)")")" "409 head_fork"
h58=$(head_text plant-7-a 58 "$H1")
is "it goes on from where it was" "$(heads edge "$(head_of "$h58" \
	"$(sign "$h58" signer)")") $(kept | wc -l)" "200  5"
is "the file is for its user alone" \
	"$(stat -c %a "$T/state/heads/plant-7-a")" 600

# ---- the same by FastCGI
CONF=$T/connector.conf
start connector
feed() { # feed MODE BODY-FILE
	send "$1" connector REQUEST_METHOD=POST SSL_CLIENT_VERIFY=SUCCESS \
		REQUEST_URI=/v1/certificate-events \
		CONTENT_TYPE=application/json \
		"SSL_CLIENT_CERT=$(cat "$T/edge.pem")" <"$2"
}
printf %s "$one" >"$T/one"
is "FastCGI" "$(feed plain "$T/one")" "0 200 "
head -c 200000 /dev/zero | tr '\0' '[' >"$T/deep"
is "a deep body" "$(feed plain "$T/deep")" "0 400 "
printf '{"schema":%s' "$(head -c 200000 /dev/zero | tr '\0' '{' |
	sed 's/{/{"a":/g')" >"$T/deep"
is "another" "$(feed plain "$T/deep")" "0 400 "
is "a body that does not come" "$(feed stall "$T/one")" "0 408 "
for _ in 1 2 3 4 5 6; do
	feed plain "$T/one" >/dev/null
done
is "it goes on" "$(feed plain "$T/one")" "0 200 "
# What it does is what it may (lib/web/confine.h); names are looked up, too.
filters() { sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$pid/status"; }
if grep -q '^#define HAVE_SECCOMP' "$BUILDDIR/config.h"; then
	is "it is confined" "$(filters)" 2
	sed 's/127.0.0.1:1"/nowhere.invalid:1"/' "$T/connector.conf" >"$T/named.conf"
	cat "$T/named.conf" >"$T/connector.conf"
	ok "… it reads its files anew" wait_for 10 grep -q 'read anew' \
		"$T/connector.log"
	is "… a hub of no address" "$(feed plain "$T/one") $(jq -r \
		'.results[0].code' "$BODY")" "0 200  cloud_net"
	like "… is told" "$(tail -n 3 "$T/connector.log")" 'resolve host name'
	is "… and nothing was refused" "$(grep -c 'is none that' \
		"$T/connector.log")" 0
	stop TERM
	connector_conf 'confine = "off";'
	start connector
	is "confine = off" "$(filters)" 0
	stop TERM
	connector_conf
	token='auth = "certificate"; tenant = "01234567-89ab-cdef-0123-456789abcdef";
		client_id = "01234567-89ab-cdef-0123-456789abcdef"; module = "none.so";
		certificate = "edge.pem"; key = "pkcs11:token=none;object=k";'
	awk -v token="$token" '{ sub(/auth = "sas".*/, token)
		sub(/sas_key_file = "sas.key"; */, "") } 1' \
		"$T/connector.conf" >"$T/token.conf"
	cat "$T/token.conf" >"$T/connector.conf"
	start connector
	is "a key in a token: its module may do anything" "$(filters)" 0
	stop TERM
	connector_conf
	start connector
else
	skip "it is confined" "built without libseccomp"
fi
connector_conf "" 'crl = "none.crl";'
closed() { [ "$(feed plain "$T/one")" = "0 503 " ]; }
ok "a new configuration is used by itself" wait_for 10 closed
echo junk >"$T/connector.conf"
refused() { grep -q 'new configuration is not used' "$T/connector.log"; }
ok "one that cannot be read is not" wait_for 10 refused
is "… and the old one goes on" "$(feed plain "$T/one")" "0 503 "
stop TERM
is "it stops cleanly" "$rc" 0
ok "nothing was lost" sh -c "! grep -E 'runtime error|Sanitizer' '$T/connector.log'"

# ---- all that was said, by the contract
# Where run-tests has not put what the check needs, it is fetched.
check=$BUILDDIR/tests/openapi
if ! [ -d "$check/node_modules" ] && command -v npm >/dev/null; then
	check=$T/openapi
	cp -r "$SRCDIR/tests/openapi" "$check"
	(cd "$check" && HOME=$T npm ci --silent) >"$T/npm.log" 2>&1
fi
if [ -d "$check/node_modules" ]; then
	ok "docs/connector.yaml describes it" node "$check/check.mjs" \
		"$SRCDIR/docs/connector.yaml" "$T/exchanges"
else
	skip "docs/connector.yaml describes it" "npm has no ajv"
fi
done_testing
