#!/bin/sh
# A server above and a hub that accept and never answer, or octet by octet: who
# asks them ends in its time, says why, and the CA serves meanwhile.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/cloud-lib.sh
. "$(dirname "$0")/../op/cloud-lib.sh"
# shellcheck source=tests/op/est-lib.sh
. "$(dirname "$0")/../op/est-lib.sh"

ca_make pem
n=0
certificate server root "/CN=localhost" subjectAltName=DNS:localhost
upstream() { # upstream PORT
	conf_write "$key" "
	upstream = { url = \"https://localhost:$1\"; anchors = \"root.pem\";
	  timeout = \"2s\"; };
	certificates = (
	  { name = \"client\"; source = \"upstream\"; subject = \"CN=box\";
	    initial_certificate = \"maker-ra.pem\";
	    initial_key = \"maker-ra.key\"; } );"
}
# ends TITLE SECONDS STATUS COMMAND...
ends() {
	ends_title=$1 ends_most=$2 ends_status=$3
	shift 3
	begun=$(date +%s)
	timeout -k 5 100 "$@" >"$T/out" 2>&1
	is "$ends_title: its status" "$?" "$ends_status"
	took=$(($(date +%s) - begun))
	ok "… within $ends_most s" test "$took" -le "$ends_most"
}
renew() { # renew TITLE: 2 s for each of two requests, and a loaded machine
	rm -rf "$T/state/own" # or it would be asked again later
	ends "$1" 20 7 "$BUILDDIR/bin/microca" -c "$CONF" renew
	like "… and says why" "$(cat "$T/out")" 'up-net'
	n=$((n + 1))
	is "… the CA serves" "$(enrol "d$n" "/CN=d$n" && echo yes)" yes
}

server_start "$T/silent" server -n
upstream "$port"
renew "a server that never begins TLS"

server_start "$W" server
upstream "$port"
answer cacerts "200 OK" "$p7" root.pem
echo "hang 0" >"$W/cacerts.mode"
renew "a server that never answers"
echo "hang 40" >"$W/cacerts.mode"
renew "a server that begins to answer"
echo "drip 200" >"$W/cacerts.mode"
renew "a server that answers octet by octet"

# ---- the hub
hub_start
cloud_conf 'budget = "5s";' ''
sed -i 's/timeout = "5s"/timeout = "2s"/' "$CONF"
"$BUILDDIR/tests/tools/fill" "sqlite:$T/state/microca.db" issue d 1 20
azure_ctl /faults '{"do":"hang","times":0}' >/dev/null
ends "a hub that never answers" 30 7 "$UPLOAD" -c "$CONF"
is "… nothing is given up" "$(dead_letters)" 0
is "… all of it waits" "$(open_rows)" 20
hub_faults 0
azure_ctl /faults '{"do":"slow","ms":40000,"times":0}' >/dev/null
ends "a hub that answers drop by drop" 30 7 "$UPLOAD" -c "$CONF"
is "… nothing is given up" "$(dead_letters)" 0
ends "… compared with it" 30 7 "$BUILDDIR/bin/microca" -c "$CONF" \
	cloud reconcile
is "… the CA serves" "$(enrol "drop" "/CN=drop" && echo yes)" yes
hub_faults 0
ok "it answers again: all is told" upload_all

# ---- a connector
connector() { # connector PORT
	sed -i '/^cloud = /,/^};/d' "$CONF"
	cat >>"$CONF" <<-END
	cloud = { mode = "connector"; edge = "edge-1"; site = "here";
	  budget = "5s";
	  connector = { url = "https://localhost:$1"; anchors = "root.pem";
	    certificate = "maker-ra.pem"; key = "maker-ra.key";
	    timeout = "2s"; };
	};
	END
}
fill issue e 1 5
waits=$(open_rows)
server_start "$T/silent2" server -n
connector "$port"
ends "a connector that never begins TLS" 30 7 "$UPLOAD" -c "$CONF"
server_start "$T/hung" server
connector "$port"
echo '{}' >"$T/empty"
(W=$T/hung && answer default "200 OK" application/json "$T/empty")
echo "hang 0" >"$T/hung/default.mode"
ends "a connector that never answers" 30 7 "$UPLOAD" -c "$CONF"
echo "drip 300" >"$T/hung/default.mode"
ends "a connector that answers octet by octet" 30 7 "$UPLOAD" -c "$CONF"
is "… all of it waits" "$(open_rows) $(dead_letters)" "$waits 0"
is "… the CA serves" "$(enrol late /CN=late && echo yes)" yes
done_testing
