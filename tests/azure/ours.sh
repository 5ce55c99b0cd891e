#!/bin/sh
# Our requests to Azure against those of Microsoft's clients: for the same work
# the same devices are there, by requests of the same method, target, query,
# condition and members; and a token is asked for as they do.
# shellcheck source=tests/azure/run.sh
. "$(dirname "$0")/run.sh"

apart "$@"
packages_ready
export NODE_EXTRA_CA_CERTS="$HUB_CA"
A=$(printf '%064d' 0 | tr 0 A)
B=$(printf '%064d' 0 | tr 0 B)

# conf NAME TEXT: the keys of a group azure, in $T/NAME.
conf() {
	printf '%s\n' "hub = \"$HUB_HOST\"; endpoint = \"$HUB_ENDPOINT\";" \
		"anchors = \"$HUB_CA\"; timeout = \"5s\"; $2" >"$T/$1"
}
sas="auth = \"sas\"; sas_policy = \"$HUB_POLICY\"; sas_key_file = \"$HUB_KEY_FILE\";"
conf sas "$sas"
conf ca "$sas identity = \"ca\";"
hub() { # hub CONF COMMAND...
	hub_conf=$T/$1
	shift
	"$BUILDDIR/tests/tools/hub" -n "$hub_conf" "$@"
}

cert() { # cert THUMBPRINT
	echo "{\"sha256\":\"$1\",\"serial\":\"01$(echo "$1" | cut -c1)\",
	  \"issuer\":\"CN=CA\",\"profile\":\"device\",\"notBefore\":1700000000,
	  \"notAfter\":1900000000}" | tr -d '\n'
}
wanted() { # wanted DEVICE SEQ STATE THUMBPRINT [PREVIOUS]
	echo "{\"device\":\"$1\",\"edge\":\"edge-1\",\"site\":\"here\",\"seq\":$2,
	  \"state\":\"$3\",\"reason\":1,\"cur\":$(cert "$4")
	  ${5:+,\"prev\":$(cert "$5")}}" | tr -d '\n'
	echo
}

# ---- the same work  ----------------------------------------------------------
work() {
	wanted d1 1 active "$A" | hub sas apply &&
		wanted d1 2 active "$B" "$A" | hub sas apply &&
		wanted d1 3 revoked "$B" | hub sas apply &&
		wanted d2 4 revoked "$A" | hub sas apply &&
		wanted ca-1 5 active "$A" | hub ca apply &&
		{ wanted m1 6 active "$A" && wanted m2 7 active "$A"; } |
		hub sas many && hub sas list edge-1
}
there() { # there NAME: what is there, and what was sent
	azure_ctl /state | jq -S '.devices[] | {writes, twin: (.twin |
		del(.etag, .deviceEtag, .statusUpdateTime, .properties,
		.tags.microca.at))}' \
		>"$T/$1.state" &&
		azure_ctl /log | jq -c 'select(.service == "hub") |
		[.op, .method, .target, .query, .headers["content-type"],
		(.headers["if-match"] | if . then "given" else "none" end),
		.keys - ["etag"]]' | sort -u >"$T/$1.requests"
}
ok "our work is done" work
there ours
is_told() { [ "$(grep -c deviceId "$T/ours.state")" = 5 ]; }
ok "five devices are there" is_told
azure_ctl /reset '{}' >/dev/null
run sdk-ours.mjs
there theirs
ok "the same devices are there, as often written" \
	diff "$T/theirs.state" "$T/ours.state"
# Theirs updates an identity with If-Match: "*", ours with its etag.
ok "the same requests led there" diff "$T/theirs.requests" "$T/ours.requests"

# ---- tokens  -----------------------------------------------------------------
recorded=$SRCDIR/tests/azure/sdk-requests.json
# What asks for a token, without what MSAL reads before and adds for statistics.
asks() {
	jq -c 'select(.service != "hub" and
		(.service == "login" and .method == "GET" | not)) |
		[.service, .method, (.target | rtrimstr("/")),
		(.query | gsub("client-request-id=GUID"; "") | split("&") | sort),
		.metadata // .headers.metadata,
		.authorization // .headers.authorization,
		(.keys | map(select(test("^x-|request-id") | not)))]'
}
asks_as() { # asks_as "THEIR OPERATION" CONF
	azure_ctl -X DELETE /log &&
		hub "$2" token && azure_ctl /log | asks >"$T/ours.asks" &&
		jq -c --arg name "$1" 'select(.operation == $name) |
		.requests[]' "$recorded" | asks >"$T/theirs.asks" &&
		[ -s "$T/ours.asks" ] && diff "$T/theirs.asks" "$T/ours.asks"
}
app="login = \"$LOGIN_URL\"; tenant = \"$APP_TENANT\"; client_id = \"$APP_CLIENT_ID\";"
for algorithm in PS256 RS256; do
	conf $algorithm "auth = \"certificate\"; algorithm = \"$algorithm\"; $app
		certificate = \"$APP_CERT\"; key = \"$APP_KEY\";"
	ok "a token by certificate, $algorithm" \
		asks_as ClientCertificateCredential $algorithm
done
conf workload "auth = \"workload\"; $app token_file = \"$FEDERATED_FILE\";"
ok "by federation" asks_as WorkloadIdentityCredential workload
imds="auth = \"managed\"; managed = \"imds\"; imds = \"$IMDS_URL\";"
conf machine "$imds"
ok "of a machine" asks_as "ManagedIdentityCredential of a machine" machine
conf assigned "$imds client_id = \"$MANAGED_CLIENT_ID\";"
ok "assigned to a machine" \
	asks_as "ManagedIdentityCredential assigned to a machine" assigned
export IDENTITY_ENDPOINT="$APPSERVICE_ENDPOINT" IDENTITY_HEADER="$APPSERVICE_HEADER"
conf app 'auth = "managed"; managed = "app";'
ok "of App Service" asks_as "ManagedIdentityCredential of App Service" app
unset IDENTITY_HEADER
export IDENTITY_ENDPOINT="$ARC_ENDPOINT" IMDS_ENDPOINT="$IMDS_URL"
conf arc 'auth = "managed"; managed = "arc";'
if [ -n "$ARC" ]; then
	ok "of Azure Arc" asks_as "ManagedIdentityCredential of Azure Arc" arc
else
	ok "of Azure Arc # SKIP no mount namespace for its folder" true
fi
sed 's/^/# /' "$T/azure/out"
done_testing
