#!/bin/sh
# Three machines, each a network namespace of its own, with lighttpd and a key and an
# intermediate of its own, over one PostgreSQL and behind one HAProxy that passes
# TLS through: a machine is lost under load, then another one while clients renew.
if [ -z "${NODES_APART:-}" ]; then
	export NODES_APART=1
	as=
	[ "$(id -u)" != 0 ] || as="setpriv --reuid 65534 --regid 65534
		--clear-groups env HOME=/nonexistent"
	# shellcheck disable=SC2016,SC2086 # several words; the inner one's
	if $as unshare -Ucmn --keep-caps sh -c 'mount -t tmpfs none /run &&
		PATH=$PATH:/usr/sbin:/sbin && mkdir /run/netns && ip netns add x &&
		ip link add veth0 type veth peer name eth0 netns x' 2>/dev/null
	then
		exec $as unshare -Ucmn --keep-caps "$0" "$@"
	fi
	echo "1..0 # SKIP no network namespaces can be made here"
	exit 0
fi
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
# shellcheck source=tests/op/nodes-lib.sh
. "$SRCDIR/tests/op/nodes-lib.sh"
HOST=est.example
CLIENTS=12
conf_write() {
	{
		cat <<-END
		state = "$T/state"; public = "$T/public"; run = "$T/run";
		profiles = "profiles.conf"; web_server_users = ("$(id -u)");
		disk_reserve = "1M";
		ca = { key = "$1";
		  key_type = "p256"; subject = "$CA_SUBJECT"; };
		endpoints = (
		END
		endpoint device 8443 device ''
		echo ");"
	} >"$CONF"
}

# ---- machines ---------------------------------------------------------------------
# Node N is 10.77.N.2, at the other end of its cable all others are 10.77.N.1.
cables() {
	mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up
	for n in 0 1 2; do
		ip netns add n$n &&
			ip link add c$n type veth peer name eth0 netns n$n &&
			ip addr add 10.77.$n.1/24 dev c$n && ip link set c$n up &&
			ip -n n$n addr add 10.77.$n.2/24 dev eth0 &&
			ip -n n$n link set lo up && ip -n n$n link set eth0 up ||
			return 1
	done
}
inside() { # there, with nothing that this test may
	inside_n=$1
	shift
	exec nsenter --net="/run/netns/n$inside_n" \
		setpriv --inh-caps=-all --ambient-caps=-all "$@"
}
serves() { curl -s --cacert "$T/root.pem" --max-time 5 \
	--resolve "$HOST:8443:10.77.$1.2" "https://$HOST:8443$EST/cacerts" |
	grep -q .; }
machine_on() { # machine_on N: its programs and its web server
	ip link set "c$1" up
	for program in cacerts simpleenroll simplereenroll; do
		node_start "$1" $program
		ln -sf "$T/$program-$1.sock" "$T/run$1/$program.sock"
	done
	(inside "$1" lighttpd -D -f "$T/lighttpd$1.conf") \
		>"$T/lighttpd$1.log" 2>&1 &
	started="$started $!"
	wait_for 30 serves "$1" || {
		cat "$T/lighttpd$1.log" "$T/log$1"/* >"$T/setup.log"
		bail "node $1 does not serve"
	}
}
# machine_lost N: the cable first, so that nobody hears of its end.
machine_lost() {
	ip link set "c$1" down
	ip netns pids "n$1" >"$T/lost"
	# shellcheck disable=SC2046 # several
	kill -KILL $(cat "$T/lost")
}

cables >"$T/setup.log" 2>&1 || bail "no cables"
ca_make pem
pg_make pg "listen_addresses = '*'"
echo "host all all 10.77.0.0/16 trust" >>"$T/pg/pg_hba.conf"
pg_start pg
pg_sql pg postgres "CREATE DATABASE ca"
ln -s run "$T/run0"
nodes_own "postgresql://microca@10.77.0.1/ca?sslmode=disable" 1 2
leaf_make server root "/CN=$HOST" >"$T/setup.log" 2>&1
printf '%s\n' subjectAltName=DNS:$HOST extendedKeyUsage=serverAuth >"$T/server.ext"
openssl req -new -key "$T/server.key" -subj "/CN=$HOST" -out "$T/server.csr"
openssl x509 -req -in "$T/server.csr" -CA "$T/root.pem" -CAkey "$T/root.key" \
	-CAcreateserial -days 30 -extfile "$T/server.ext" -out "$T/server.pem" \
	2>"$T/setup.log"
for node in 0 1 2; do
	public=$T/public$node
	[ $node != 0 ] || public=$T/public
	cp "$T/server.pem" "$T/server.key" "$public"
	mkdir -p "$T/log$node"
	sed -i "s,10\.77\.0\.1,10.77.$node.1," "$T/node$node.conf"
	cat >>"$T/node$node.conf" <<-END
	httpd = { server_name = "$HOST"; address = "10.77.$node.2";
	  log_folder = "$T/log$node"; };
	END
	# shellcheck disable=SC2046 # the other two
	peers $node $(seq 0 2 | grep -v $node)
	at $node httpd lighttpd >"$T/lighttpd$node.conf" 2>"$T/setup.log" ||
		bail "no configuration for lighttpd"
	machine_on $node
done
cat >"$T/haproxy.cfg" <<END
defaults
  mode tcp
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  retries 3
  option redispatch
listen front
  bind 127.0.0.1:8443
  balance roundrobin
  server n0 10.77.0.2:8443 check inter 300ms
  server n1 10.77.1.2:8443 check inter 300ms
  server n2 10.77.2.2:8443 check inter 300ms
END
(exec setpriv --inh-caps=-all --ambient-caps=-all haproxy -db -f "$T/haproxy.cfg") \
	>"$T/haproxy.log" 2>&1 &
started="$started $!"

# ---- clients ------------------------------------------------------------------------
# ask_at ADDRESS OPERATION CLIENT NAME: over TLS as CLIENT; the status, the answer in
# $T/NAME.body.
ask_at() {
	curl -s --cacert "$T/root.pem" --max-time 15 \
		--resolve "$HOST:8443:$1" --cert "$T/$3.pem" --key "$T/$3.key" \
		-H 'Content-Type: application/pkcs10' --data-binary "@$T/$4.b64" \
		-D "$T/$4.head" -o "$T/$4.body" -w '%{http_code}' \
		"https://$HOST:8443$EST/$2"
}
got() { tr -d '\r\n' <"$T/$1.body" | openssl base64 -d -A |
	openssl pkcs7 -inform DER -print_certs | openssl x509; }
# until_done OPERATION CLIENT NAME: at the front; each status in $T/NAME.said.
until_done() {
	until_end=$(($(date +%s) + 100))
	while [ "$(date +%s)" -lt "$until_end" ]; do
		until_is=$(ask_at 127.0.0.1 "$1" "$2" "$3")
		echo "$until_is" >>"$T/$3.said"
		[ "$until_is" != 503 ] || grep -qi '^Retry-After: [1-9]' "$T/$3.head" ||
			echo "no Retry-After" >>"$T/$3.said"
		if [ "$until_is" = 200 ]; then
			got "$3" >"$T/$3.pem"
			return
		fi
		sleep 0.2
	done
}
# all_ask OPERATION PREFIX CLIENT: c1 … as CLIENT, or as $PREFIX1 …
all_ask() {
	pids=
	for i in $(seq "$CLIENTS"); do
		until_done "$1" "${3:-c$i}" "$2$i" &
		pids="$pids $!"
	done
}
issuer_of() { openssl x509 -in "$T/$1.pem" -noout -issuer; }

# ---- enrolling, and a machine is lost ---------------------------------------------------
for i in $(seq "$CLIENTS"); do csr "c$i" "/CN=c$i"; done
all_ask simpleenroll c maker-ra
some() { [ "$(issued_by 1)" -ge 1 ]; }
ok "they are being issued" wait_for 60 some
machine_lost 1
ok "all that ran there is dead" test "$(wc -l <"$T/lost")" -ge 4
for pid in $pids; do wait "$pid"; done
ok "every client has exactly one certificate, the recorded one" each_has "$CLIENTS" 1 c
echo "# statuses: $(cat "$T"/c*.said | sort | uniq -c | xargs)"
is "serial numbers are unique" "$(rows_sql "SELECT count(*) = count(DISTINCT
	serial) FROM certificate")" t
is "each was recorded once" "$(rows_sql "SELECT count(*) FROM audit
	WHERE event = 'issue'")" "$(rows_sql "SELECT count(*) FROM certificate")"
is "no answer was an error of ours" "$(cat "$T"/c*.said |
	grep -cvE '^(200|503|000)$')" 0
ok "the machines that live issued, each under its own key" \
	[ "$(rows_sql 'SELECT count(DISTINCT issuer) FROM certificate')" -ge 3 ]

# ---- at another machine -----------------------------------------------------------------
csr d0 /CN=d0
is "enrolled at one machine" "$(ask_at 10.77.0.2 simpleenroll maker-ra d0)" 200
got d0 >"$T/d0.pem"
csr d1 /CN=d0
is "… renewed at another, by TLS with that certificate" \
	"$(ask_at 10.77.2.2 simplereenroll d0 d1)" 200
got d1 >"$T/d1.pem"
ok "… under that one's key" test "$(issuer_of d0)" != "$(issuer_of d1)"
at 0 revoke "$(openssl x509 -in "$T/d1.pem" -noout -serial | cut -d= -f2)" \
	>"$T/setup.log" 2>&1
csr d2 /CN=d0
is "… revoked at the first, refused there at once" "$(ask_at 10.77.2.2 \
	simplereenroll d1 d2) $(sed 's/:.*//' "$T/d2.body")" "403 client-revoked"

# ---- it is back; renewing, and another is lost --------------------------------------------
balancer() { grep -q "front/n1 is $1" "$T/haproxy.log"; }
ok "the balancer has seen that it is lost" wait_for 30 balancer DOWN
machine_on 1
ok "… and that it is back" wait_for 30 balancer UP
issued1=$(issued_by 1)
for i in $(seq "$CLIENTS"); do csr "r$i" "/CN=c$i"; done
all_ask simplereenroll r
some() { [ "$(issued_by 1)" -gt "$issued1" ]; }
ok "the machine renews" wait_for 60 some
machine_lost 2
for pid in $pids; do wait "$pid"; done
ok "every client has one renewed certificate, and the one from before" each_has "$CLIENTS" 2 r
other=0
for i in $(seq "$CLIENTS"); do
	[ "$(issuer_of "c$i")" = "$(issuer_of "r$i")" ] || other=$((other + 1))
done
ok "some by another machine than the first one" test "$other" -ge 1
is "each was recorded once" "$(rows_sql "SELECT count(*) FROM audit
	WHERE event = 'issue'")" "$(rows_sql "SELECT count(*) FROM certificate")"
is "no answer was an error of ours" "$(cat "$T"/r*.said |
	grep -cvE '^(200|503|000)$')" 0
is "the audit holds" "$(at 0 audit verify >"$T/out" 2>&1; echo $?)" 0
done_testing
