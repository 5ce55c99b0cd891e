#!/bin/sh
# connector behind lighttpd with mutual TLS, and a managed identity before the
# stand-in for Azure: what edges tell is what the hub says in the end.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/azure/lib.sh
. "$SRCDIR/tests/azure/lib.sh"
PATH=$PATH:/usr/sbin

H1=$(printf '%064d' 1)
ANSWER_MAX=8 # s: what a request may take here, whatever becomes of the hub

# ---- who is there -------------------------------------------------------------
edge_make() { # edge_make NAME CA EDGE
	leaf_make "$1" "$2" "/CN=$3" &&
		echo "subjectAltName=URI:urn:microca:edge:$3" >>"$T/leaf.ext" &&
		openssl x509 -req -in "$T/leaf.csr" -CA "$T/$2.pem" \
			-CAkey "$T/$2.key" -CAcreateserial -days 30 \
			-extfile "$T/leaf.ext" -out "$T/$1.pem"
}
setup() {
	mkdir -m 0700 "$T/state"
	root_make edges "/CN=Edge CA" && root_make stranger "/CN=Other CA" &&
		root_make web "/CN=Web CA" &&
		edge_make edge edges plant-7-a && edge_make b edges plant-7-b &&
		edge_make thief stranger plant-7-a &&
		leaf_make server web "/CN=localhost" &&
		printf '%s\n' subjectAltName=DNS:localhost \
			extendedKeyUsage=serverAuth >"$T/server.ext" &&
		openssl x509 -req -in "$T/leaf.csr" -CA "$T/web.pem" \
			-CAkey "$T/web.key" -CAcreateserial -days 30 \
			-extfile "$T/server.ext" -out "$T/server.pem" &&
		cat "$T/web.pem" >>"$T/server.pem"
}
setup >"$T/setup.log" 2>&1 || bail "setup"
azure_start

cat >"$T/connector.conf" <<-END
state = "state"; web_server_users = ("$(id -u)"); answer_within = "4s";
hubs = ( { name = "main"; azure = { hub = "$HUB_HOST";
  endpoint = "$HUB_ENDPOINT"; anchors = "$HUB_CA"; auth = "managed";
  managed = "imds"; imds = "$IMDS_URL"; timeout = "3s"; }; } );
edges = (
  { id = "plant-7-a"; issuer = "edges.pem"; site = "plant-7";
    devices = ("plant-7-.*"); },
  { id = "plant-7-b"; issuer = "edges.pem"; devices = ("plant-7-.*"); } );
END

connector_start() { # two processes on one socket
	rm -f "$T/connector.sock"
	spawn-fcgi -s "$T/connector.sock" -M 0660 -n -- "$(command -v multiwatch)" \
		-f 2 -s TERM -- "$BIN/connector" -c "$T/connector.conf" \
		2>>"$T/connector.log" &
	connector=$!
	started="$started $connector"
}
lighttpd_start() {
	PORT=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 30000))
	sed -e "s|/etc/microca/connector-server|$T/server|" \
		-e "s|/etc/microca/connector-edges.pem|$T/edges.pem|" \
		-e "s|/run/microca/connector.sock|$T/connector.sock|" \
		-e "s|/run/lighttpd.pid|$T/lighttpd.pid|" \
		-e "s|/var/log/lighttpd/|$T/|" -e "s|0\.0\.0\.0|127.0.0.1|" \
		-e "s|^server.port = .*|server.port = $PORT|" \
		-e '/^server\.\(user\|group\)name/d' \
		"$SRCDIR/httpd-examples/connector-lighttpd.conf" >"$T/web.conf"
	lighttpd -D -f "$T/web.conf" >>"$T/web.log" 2>&1 &
	started="$started $!"
	wait_for 10 curl -s --cacert "$T/web.pem" -o "$T/answer" \
		"https://localhost:$PORT/"
}

# ask METHOD PATH CLIENT BODY-FILE [CURL-ARGUMENT...]: status; body in $T/body.
ask() {
	ask_method=$1 ask_path=$2 ask_client=$3 ask_body=$4
	shift 4
	[ -n "$ask_client" ] && set -- --cert "$T/$ask_client.pem" \
		--key "$T/$ask_client.key" "$@"
	[ -n "$ask_body" ] && set -- -H 'Content-Type: application/json' \
		--data-binary "@$ask_body" "$@"
	: >"$T/body"
	ask_status=$(curl -s --path-as-is --cacert "$T/web.pem" -X "$ask_method" \
		-o "$T/body" -D "$T/head" -w '%{http_code}' "$@" \
		"https://localhost:$PORT$ask_path")
	jq -nc --arg method "$ask_method" --arg path "$ask_path" \
		--argjson status "$ask_status" \
		--rawfile request "${ask_body:-/dev/null}" \
		--rawfile answer "$T/body" '$ARGS.named' >>"$T/exchanges"
	echo "$ask_status"
}

sha() { printf '%064X' "$1"; }
cert() { # cert N: what is told of certificate N
	printf '"serial":"%02X","issuer":"CN=Micro CA","profile":"device","notBefore":"2026-01-01T00:00:%02dZ","notAfter":"2036-01-01T00:00:00Z"' \
		"$1" "$1"
}
# item SEQ DEVICE EVENT N [PREVIOUS]: an item of certificate N.
item() {
	printf '{"seq":%s,"event":"%s","deviceId":"%s","certSha256":"%s",%s,"site":null' \
		"$1" "$3" "$2" "$(sha "$4")" "$(cert "$4")"
	if [ -n "${5:-}" ]; then
		printf ',"replaces":"%s","previous":{%s}' "$(sha "$5")" \
			"$(cert "$5")"
	else
		printf ',"replaces":null'
	fi
	if [ "$3" = revoked ]; then
		printf ',"revocation":{"time":"2026-02-01T00:00:00Z","reason":"keyCompromise"}}'
	else
		printf ',"revocation":null}'
	fi
}
batch() { # batch EDGE ITEM...: its file
	batch_edge=$1
	shift
	{
		printf '{"schema":"microca.cc/1","edgeId":"%s","batchId":"batch-%s","sentAt":"2026-11-23T15:00:00Z","items":[%s' \
			"$batch_edge" "$(cat /proc/sys/kernel/random/uuid)" "$1"
		shift
		[ $# = 0 ] || printf ',%s' "$@"
		echo ']}'
	} >"$T/batch"
}
# tell CLIENT EDGE ITEM...: "200 applied,unchanged,…"
tell() {
	tell_client=$1
	shift
	batch "$@"
	echo "$(ask POST /v1/certificate-events "$tell_client" "$T/batch") $(jq -r \
		'[.results[]? | .status] | join(",")' "$T/body")"
}
hub() { # hub DEVICE: what the hub says of it
	azure_ctl "/state?id=$1" | jq -r '[.identity.status,
		(.identity.authentication.x509Thumbprint | .primaryThumbprint,
		.secondaryThumbprint // "-" | .[-2:]), .twin.tags.microca.seq,
		.twin.tags.microca.site, .twin.tags.microca.state] | join(" ")'
}
absent() { ! azure_ctl "/state?id=$1" >"$T/fault"; }
writes() { azure_ctl "/state?id=$1" | jq -r .writes.identity; }

connector_start
for _ in 1 2 3 4 5; do
	lighttpd_start && break
done
answers() { [ "$(ask GET /v1/health edge "")" = 200 ]; }
wait_for 20 answers || bail "no connector: $(tail -n 3 "$T/connector.log")"

# ---- the way there ------------------------------------------------------------
ok "a token by managed identity" jq -e \
	'.status == "ok" and .token.ok and .hub == "hub.example"' "$T/body"
like "… and its end" "$(jq -r .token.expiresAt "$T/body")" '^20..-.*Z$'
is "no certificate" "$(ask GET /v1/health "" "") \
$(jq -r .error.code "$T/body")" "403 auth_none"
is "one of another CA" "$(ask GET /v1/health thief "") \
$(jq -r .error.code "$T/body")" "403 client_untrusted"
is "headers make nobody an edge" "$(ask GET /v1/health "" "" \
	-H "SSL_CLIENT_CERT: $(tr '\n' ' ' <"$T/edge.pem")" \
	-H 'SSL_CLIENT_VERIFY: SUCCESS') $(jq -r .error.code "$T/body")" \
	"403 auth_none"
is "nothing else is there" "$(ask GET /v1/nothing edge "") \
$(jq -r .error.code "$T/body")" "404 path"

# ---- states -------------------------------------------------------------------
is "three new devices" "$(tell edge plant-7-a "$(item 1 plant-7-1 issued 1)" \
	"$(item 2 plant-7-2 issued 2)" "$(item 3 plant-7-3 issued 3)")" \
	"200 applied,applied,applied"
is "in the hub" "$(hub plant-7-1)" "enabled 01 - 1 plant-7 active"
is "the same again, in another batch" "$(tell edge plant-7-a \
	"$(item 1 plant-7-1 issued 1)" "$(item 2 plant-7-2 issued 2)")" \
	"200 unchanged,unchanged"
before=$(writes plant-7-1)
is "a renewal" "$(tell edge plant-7-a "$(item 4 plant-7-1 renewed 4 1)")" \
	"200 applied"
is "both certificates" "$(hub plant-7-1)" "enabled 04 01 4 plant-7 active"
is "… in one write" "$(($(writes plant-7-1) - before))" 1
is "what came before" "$(tell edge plant-7-a "$(item 1 plant-7-1 issued 1)")" \
	"200 superseded"
is "… says by what" "$(jq -r '.results[0].current' "$T/body")" "$(sha 4)"
is "… and changes nothing" "$(hub plant-7-1)" "enabled 04 01 4 plant-7 active"
is "the one before has ended" "$(tell edge plant-7-a \
	"$(item 5 plant-7-1 renewed 4)") $(hub plant-7-1)" \
	"200 applied enabled 04 - 5 plant-7 active"
is "none is good any more" "$(tell edge plant-7-a \
	"$(item 6 plant-7-2 revoked 2)") $(azure_ctl '/state?id=plant-7-2' |
	jq -r '.identity.status + " " + .twin.tags.microca.state')" \
	"200 applied disabled revoked"
is "two states of a device in one batch" "$(tell edge plant-7-a \
	"$(item 7 plant-7-4 issued 7)" "$(item 8 plant-7-4 renewed 8 7)") \
$(hub plant-7-4)" "200 applied,applied enabled 08 07 8 plant-7 active"
is "an id that is not this edge's" "$(tell edge plant-7-a \
	"$(item 9 plant-70 issued 9)" "$(item 10 plant-7-5 issued 10)") \
$(jq -r '.results[0].code' "$T/body")" \
	"200 rejected,applied id_not_allowed"
ok "… is not in the hub" absent plant-70
azure_ctl /device '{"deviceId":"plant-7-6"}' >"$T/made"
is "a device that something else made" "$(tell edge plant-7-a \
	"$(item 11 plant-7-6 issued 11)") $(jq -r '.results[0].code' \
	"$T/body")" "200 rejected foreign_identity"
is "the same device of two edges: the later certificate" "$(tell b plant-7-b \
	"$(item 1 plant-7-5 issued 9)") $(hub plant-7-5)" \
	"200 superseded enabled 0A - 10 plant-7 active"

# ---- what is asked for ----------------------------------------------------------
is "a device" "$(ask GET /v1/devices/plant-7-1 edge "") $(jq -c '[.seq,
	.state, .edgeId, .certSha256[-2:], .hub.status,
	.hub.primaryThumbprint[-2:]]' "$T/body")" \
	'200 [5,"active","plant-7-a","04","enabled","04"]'
is "one that is not there" "$(ask GET /v1/devices/plant-7-none edge "") \
$(jq -r .error.code "$T/body")" "404 no_device"
is "an id of many characters" "$(tell edge plant-7-a \
	"$(item 12 "plant-7-a:b+c%d_#*?!(),=@;\$'" issued 12)")" "200 applied"
is "… in a path" "$(ask GET \
	"/v1/devices/plant-7-a%3Ab%2Bc%25d_%23*%3F!()%2C%3D%40%3B%24'" edge "") \
$(jq -r .seq "$T/body")" "200 12"
head -c 1048577 /dev/zero | tr '\0' ' ' >"$T/big"
is "more than 1 MiB" "$(ask POST /v1/certificate-events edge "$T/big") \
$(jq -r .error.code "$T/body")" "413 too_large"
jq -nc --arg head "{\"edge\":\"plant-7-a\",\"time\":\"2026-11-23T15:00:00Z\",\"lanes\":[{\"lane\":0,\"seq\":41,\"hash\":\"$H1\"}]}" \
	'{schema: "microca.head/1", head: $head}' >"$T/head41"
is "a head" "$(ask POST /v1/audit-heads edge "$T/head41") \
$(jq -r .status "$T/body")" "200 recorded"
sed 's/\\"seq\\":41/\\"seq\\":40/' "$T/head41" >"$T/head40"
is "one before it" "$(ask POST /v1/audit-heads edge "$T/head40") \
$(jq -r .error.code "$T/body")" "409 head_back"

# ---- a hub that is not well -----------------------------------------------------
quick() { # quick COMMAND...: within what a request may take
	quick_began=$(date +%s)
	"$@"
	quick_took=$(($(date +%s) - quick_began))
	echo "$quick_took s"
	[ "$quick_took" -le "$ANSWER_MAX" ]
}
fault() { azure_ctl /faults "$1" >"$T/fault"; }
no_faults() { azure_ctl -X DELETE /faults >"$T/fault"; }
one() { tell edge plant-7-a "$(item "$1" plant-7-1 renewed "$1")"; }

fault '{"op":"device.update","do":"cut","when":"after"}'
first=$(one 20)
like "the line is cut after the write" "$first" '^200 (applied|deferred)$'
is "… and told again it is so" "$(one 20 | tr -d '\n') $(hub plant-7-1)" \
	"200 unchanged enabled 14 - 20 plant-7 active"
fault '{"op":"twin.get","times":0,"do":"status","status":429}'
ok "a hub that is asked too much" quick one 21
is "… is not waited for" "$(jq -c '.results[0] | [.status, .code,
	.retryAfter >= 10]' "$T/body")" '["deferred","cloud_throttled",true]'
no_faults
fault '{"times":0,"do":"hang"}'
batch plant-7-a "$(item 21 plant-7-1 renewed 21)" \
	"$(item 21 plant-7-2 renewed 21)" "$(item 21 plant-7-3 renewed 21)"
ok "a hub that says nothing" quick ask POST /v1/certificate-events edge \
	"$T/batch"
is "… is for later" "$(jq -r '[.results[].status] | unique | join(",")' \
	"$T/body")" deferred
no_faults
azure_ctl /tokens/expire '{}' >"$T/fault"
is "a token that has ended is made anew" "$(one 22)" "200 applied"
fault '{"op":"twin.get","do":"race","what":"both","when":"after","change":{"status":"enabled"}}'
like "another writer in between" "$(one 23)" '^200 (applied|deferred)$'
no_faults
is "… and in the end it is so" "$(one 23 >"$T/again"; hub plant-7-1)" \
	"enabled 17 - 23 plant-7 active"

# ---- all at once, from all sides ------------------------------------------------
storm() {
	storm_pids=
	for n in $(seq 24); do
		{
			for d in $(seq 10); do
				item $((30 + n % 8)) "plant-7-s$d" issued \
					$((30 + n % 8))
				echo
			done
		} | paste -sd, >"$T/items"
		batch plant-7-a "$(cat "$T/items")"
		mv "$T/batch" "$T/storm$n"
		curl -s --cacert "$T/web.pem" --cert "$T/edge.pem" \
			--key "$T/edge.key" -H 'Content-Type: application/json' \
			--data-binary "@$T/storm$n" -o "$T/stormed$n" \
			"https://localhost:$PORT/v1/certificate-events" &
		storm_pids="$storm_pids $!"
	done
	for p in $storm_pids; do
		wait "$p"
	done
}
storm
like "each has an answer" "$(cat "$T"/stormed* | grep -o '"status":"[a-z]*"' |
	wc -l)" '^240$'
highest() { # all ten at the highest state
	for d in $(seq 10); do
		[ "$(hub "plant-7-s$d")" = "enabled 25 - 37 plant-7 active" ] ||
			return 1
	done
}
# What was deferred is told again, as an edge does.
if grep -q deferred "$T"/stormed*; then
	tell edge plant-7-a "$(for d in $(seq 10); do
		item 37 "plant-7-s$d" issued 37
		[ "$d" = 10 ] || printf ,
	done)" >"$T/again"
fi
ok "the newest state is what the hub says" highest
most=0
for d in $(seq 10); do
	n=$(writes "plant-7-s$d")
	[ "$n" -le "$most" ] || most=$n
done
ok "no state was written twice" test "$most" -le 8

item 39 plant-7-once issued 39 >"$T/items"
pids=
for n in $(seq 12); do
	batch plant-7-a "$(cat "$T/items")"
	mv "$T/batch" "$T/once$n"
	curl -s --cacert "$T/web.pem" --cert "$T/edge.pem" \
		--key "$T/edge.key" -H 'Content-Type: application/json' \
		--data-binary "@$T/once$n" -o "$T/onced$n" \
		"https://localhost:$PORT/v1/certificate-events" &
	pids="$pids $!"
done
for p in $pids; do
	wait "$p"
done
is "told twelve times at once, written once" \
	"$(cat "$T"/onced* | grep -c '"applied"') $(writes plant-7-once) $(hub \
		plant-7-once)" "1 1 enabled 27 - 39 plant-7 active"

# ---- killed in the middle -------------------------------------------------------
fault '{"op":"device.update","times":0,"do":"delay","ms":1500,"when":"after"}'
batch plant-7-a "$(item 40 plant-7-1 renewed 40)" \
	"$(item 41 plant-7-3 renewed 41)"
curl -s --cacert "$T/web.pem" --cert "$T/edge.pem" --key "$T/edge.key" \
	-H 'Content-Type: application/json' --data-binary "@$T/batch" \
	-o "$T/killed" "https://localhost:$PORT/v1/certificate-events" &
killed=$!
asked() { azure_ctl /log | grep -q '"op":"device.update".*plant-7-1'; }
azure_ctl -X DELETE /log >"$T/fault"
wait_for 10 asked
pkill -KILL -P "$connector"
wait "$killed"
no_faults
wait_for 20 answers
is "killed between two devices, told again" "$(tell edge plant-7-a \
	"$(item 40 plant-7-1 renewed 40)" "$(item 41 plant-7-3 renewed 41)" |
	sed 's/unchanged/applied/g') $(hub plant-7-1), $(hub plant-7-3)" \
	"200 applied,applied enabled 28 - 40 plant-7 active, \
enabled 29 - 41 plant-7 active"

# ---- without an identity ---------------------------------------------------------
fault '{"service":"imds","times":0,"do":"status","status":400,"body":"{\"error\":\"invalid_request\"}"}'
azure_ctl /tokens/expire '{}' >"$T/fault"
like "no token: for later" "$(one 50)" '^200 deferred$'
like "… and no more is said to the edge" \
	"$(jq -r '.results[0].code' "$T/body")" '^(hub_unavailable|cloud_.*)$'
is "health says it" "$(ask GET /v1/health edge "") $(jq -r .status "$T/body")" \
	"200 degraded"
no_faults
is "it is back" "$(one 50)" "200 applied"
ok "no token is in the log" sh -c "! grep -i bearer '$T/connector.log'"
ok "nothing broke" sh -c \
	"! grep -E 'runtime error|Sanitizer' '$T/connector.log'"
ok "it made no system call that it had given up" sh -c \
	"! grep 'is none that' '$T/connector.log'"

# ---- all that was said, by the contract -------------------------------------------
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
