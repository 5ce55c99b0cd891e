#!/bin/sh
# microca-upload by way of a Cloud Connector behind lighttpd: what the hub says
# in the end is what the store says, and what the connector does not do is kept.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/cloud-lib.sh
. "$(dirname "$0")/cloud-lib.sh"
PATH=$PATH:/usr/sbin

mkdir -m 0700 "$T/state" "$T/cc"
mkdir "$T/public"
cp "$SRCDIR/etc/profiles.conf" "$T/"
hub_start

# ---- the connector ------------------------------------------------------------
{
	root_make edges "/CN=Edge CA"
	root_make stranger "/CN=Another CA"
	root_make web "/CN=Web CA"
} 2>"$T/setup.log" || bail "no CAs"
edge_make() { # edge_make NAME CA EDGE
	leaf_make "$1" "$2" "/CN=$3" 2>>"$T/setup.log"
	echo "subjectAltName=URI:urn:microca:edge:$3" >>"$T/leaf.ext"
	openssl x509 -req -in "$T/leaf.csr" -CA "$T/$2.pem" -CAkey "$T/$2.key" \
		-CAcreateserial -days 30 -extfile "$T/leaf.ext" \
		-out "$T/$1.pem" 2>>"$T/setup.log"
	chmod 0600 "$T/$1.key"
}
edge_make edge edges edge-1 || bail "no edge"
edge_make other stranger edge-1 || bail "no edge"
leaf_make server web "/CN=localhost" 2>>"$T/setup.log"
openssl x509 -req -in "$T/leaf.csr" -CA "$T/web.pem" -CAkey "$T/web.key" \
	-CAcreateserial -days 30 -out "$T/server.pem" \
	-extfile /dev/fd/3 3<<-END 2>>"$T/setup.log"
	subjectAltName=DNS:localhost
END
cat "$T/web.pem" >>"$T/server.pem" # lighttpd wants the chain
hub_azure >"$T/azure.group"
cat >"$T/connector.conf" <<-END
	state = "$T/cc"; web_server_users = ("$(id -u)"); log = "stderr";
	hubs = ( { name = "one"; azure = { $(cat "$T/azure.group") }; } );
	edges = ( { id = "edge-1"; issuer = "edges.pem";
	  devices = ("[def][0-9]+"); } );
END
connector_start() {
	spawn-fcgi -s "$T/connector.sock" -M 0660 -n -- "$BIN/connector" \
		-c "$T/connector.conf" 2>>"$T/connector.log" &
	connector=$!
	started="$started $connector"
	wait_for 10 test -S "$T/connector.sock"
}
connector_answers() {
	[ "$(curl -s --cacert "$T/web.pem" --cert "$T/edge.pem" \
		--key "$T/edge.key" --resolve "localhost:$PORT:127.0.0.1" \
		-o "$T/answer" -w '%{http_code}' \
		"https://localhost:$PORT/v1/health")" = 200 ]
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
	wait_for 10 curl -s --cacert "$T/web.pem" --resolve \
		"localhost:$PORT:127.0.0.1" -o "$T/answer" "https://localhost:$PORT/"
}
connector_start || bail "no connector"
for _ in 1 2 3 4 5; do
	lighttpd_start && break
done

conf() { # conf CLIENT
	cat >"$CONF" <<-END
	state = "$T/state"; public = "$T/public"; run = "$T/run";
	disk_reserve = "1M";
	ca = { key = "$T/none.key"; subject = "$CA_SUBJECT"; };
	endpoints = ();
	cloud = { mode = "connector"; edge = "edge-1"; site = "here";
	  metrics = "$T/cloud.prom";
	  connector = { url = "https://localhost:$PORT"; anchors = "web.pem";
	    certificate = "$1.pem"; key = "$1.key"; timeout = "10s"; }; };
	END
}
conf edge

# ---- told ---------------------------------------------------------------------
fill issue d 1 250
is "a backlog is told in batches" "$(upload) $(open_rows)" "0 0"
ok "hub and store say the same" same
fill issue d 1 20
fill revoke d 11 20
is "renewed and revoked" "$(upload) $(open_rows)" "0 0"
ok "hub and store say the same" same
is "an idle run asks nobody" "$(upload)" 0
ok "reconcile finds nothing" admin cloud reconcile

# ---- what it does not do ------------------------------------------------------
fill issue x 1 1
fill issue e 1 2
is "an id that is not this edge's is refused, others are told" \
	"$(upload) $(open_rows)" "8 1"
like "with the connector's own word" "$(admin cloud status)" \
	'^x00001: id-not-allowed: '
admin cloud drop --text 'not ours' x00001 >/dev/null

conf other
fill issue e 1 3
is "a certificate that it does not know: not let in" "$(upload) $(open_rows)" \
	"4 3"
is "kept, and said" "$(cloud_json '.result, .last_error.reason' | xargs)" \
	"denied cloud-auth"
conf edge
is "let in again" "$(upload) $(open_rows)" "0 0"

fill issue e 1 3
kill "$connector"
wait "$connector" 2>/dev/null
is "no connector: later" "$(upload) $(open_rows)" "7 3"
rm -f "$T/connector.sock"
connector_start
ok "the connector answers again" wait_for 20 connector_answers
is "it is back" "$(upload) $(open_rows)" "0 0"

hub_faults 1
fill issue e 1 3
is "no hub behind it: later" "$(upload) $(open_rows)" "7 3"
hub_faults 0
admin cloud retry >/dev/null
is "it is back, too" "$(upload) $(open_rows)" "0 0"

hub_faults 0.15
fill issue f 1 100
fill issue d 1 100
ok "a hub that breaks down now and then" upload_all
hub_faults 0
store_says | grep -v '^x' >"$T/store.says"
hub_says >"$T/hub.says"
ok "hub and store say the same" diff "$T/store.says" "$T/hub.says"

hub_put d00100 '"status":"enabled","authentication":
	{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":null}}'
is "reconcile sees by the connector what differs" \
	"$(admin cloud reconcile --json d00100 d00101 |
	jq -r '.differences[] | .device + " " + .difference')" "d00100 other"
admin cloud reconcile --repair d00100 >/dev/null
is "and it is mended" "$(upload) $(hub_says | grep -c '^d00100|enabled||')" "0 0"

# ---- the audit's head -----------------------------------------------------------
kept() { # kept MEMBERS of the last head that the connector has
	tail -n 1 "$T/cc/heads/edge-1" | jq -r "$1"
}
cp "$CONF" "$T/kept.conf"
sed -i "s|\$T/none.key|$T/issuer.key|" "$CONF"
{ root_make root "/CN=Root" && admin init && ca_certify; } \
	>>"$T/setup.log" 2>&1 || bail "no CA"
sed -i "s|issuer = \"edges.pem\";|& head_signers = \"ca.pem\";|" \
	"$T/connector.conf"
kill "$connector"
wait "$connector" 2>/dev/null
rm -f "$T/connector.sock"
connector_start
ok "the connector answers again" wait_for 20 connector_answers
is "a run tells of the audit's head" "$(upload) $(kept \
	'.result, .verified, (.head | fromjson | .lanes[0].seq)' | xargs)" \
	"0 accepted true $(sql "SELECT max(seq) FROM audit")"
lines=$(wc -l <"$T/cc/heads/edge-1")
is "the next one does not again" "$(upload) $(wc -l <"$T/cc/heads/edge-1")" \
	"0 $lines"
sqlite3 "$T/state/microca.db" "PRAGMA wal_checkpoint(TRUNCATE)" >>"$T/setup.log"
mkdir "$T/older"
cp -r "$T/state/microca.db" "$T/state/heads" "$T/older/"
admin crl --force >>"$T/setup.log" 2>&1
is "more is recorded, and told" "$(upload) $(kept \
	'.result, (.head | fromjson | .lanes[0].seq)' | xargs)" \
	"0 accepted $(sql "SELECT max(seq) FROM audit")"
rm -rf "$T/state"/microca.db* "$T/state/heads"
cp -r "$T/older/." "$T/state/"
is "what is put back, heads and all, the connector sees" \
	"$(upload) $(kept .result)" "8 head-back"
like "… and the run says it" "$(cat "$T/upload.log")" "head-back: the connector"
done_testing
