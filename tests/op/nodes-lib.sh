# shellcheck shell=sh
# Several nodes over one PostgreSQL, and clients that ask until they are
# answered; after lib.sh and pgsql-lib.sh.
# shellcheck source=tests/op/fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"

# nodes_store: the CA of ca_make(), and a PostgreSQL with the database "ca".
nodes_store() {
	ca_make pem
	pg_make pg
	pg_start pg
	pg_sql pg postgres "CREATE DATABASE ca"
}
rows_sql() { pg_sql pg ca "$1"; }
issued_by() { # issued_by N: how many that node did
	rows_sql "SELECT count(*) FROM audit
		WHERE event = 'issue' AND seq >> 40 = $1"
}

# nodes_make URL: node 0 is the CA of ca_make() with its store there; nodes 1 and
# 2 have a copy of its state, and use the same key.
nodes_make() {
	echo "store = \"$1\";" >>"$CONF"
	admin init >"$T/setup.log" 2>&1 || bail "the store cannot be filled"
	for n in 1 2; do
		mkdir -p "$T/run$n"
		cp -R "$T/state" "$T/state$n" && cp -R "$T/public" "$T/public$n"
		sed -e "s,\"$T/state\",\"$T/state$n\",; s,\"$T/run\",\"$T/run$n\"," \
			-e "s,\"$T/public\",\"$T/public$n\"," "$CONF" >"$T/node$n.conf"
		echo "node = $n;" >>"$T/node$n.conf"
	done
	cp "$CONF" "$T/node0.conf"
}
# nodes_own URL N...: node 0 is the CA of ca_make() with its store there; each other
# has a key and an intermediate of its own below the same root, $T/ca-N.pem.
nodes_own() {
	echo "store = \"$1\";" >>"$CONF"
	admin init >"$T/setup.log" 2>&1 || bail "the store cannot be filled"
	cp "$CONF" "$T/node0.conf"
	cp "$T/ca.pem" "$T/ca-0.pem"
	shift
	for n in "$@"; do
		mkdir -p "$T/run$n"
		sed -e "s,\"$T/state\",\"$T/state$n\",; s,\"$T/run\",\"$T/run$n\"," \
			-e "s,\"$T/public\",\"$T/public$n\"," \
			-e "s,\"$T/issuer.key\",\"$T/issuer-$n.key\"," \
			-e "s|$CA_SUBJECT|CN=Op Test CA $n|" "$CONF" >"$T/node$n.conf"
		echo "node = $n;" >>"$T/node$n.conf"
		{
			at "$n" init && at "$n" csr -o "$T/ca-$n.csr" &&
				openssl x509 -req -in "$T/ca-$n.csr" \
					-CA "$T/root.pem" -CAkey "$T/root.key" \
					-CAcreateserial -days 1825 \
					-extfile "$T/ca.ext" -out "$T/ca-$n.pem" &&
				at "$n" install --root "$T/root.pem" \
					intermediate "$T/ca-$n.pem"
		} >"$T/setup.log" 2>&1 || bail "node $n could not be made"
	done
}
# peers N M...: node N is told of the issuing certificates of the others.
peers() {
	peers_n=$1
	shift
	mkdir -p "$T/peers$peers_n"
	for n in "$@"; do
		state=$T/state$n
		[ "$n" != 0 ] || state=$T/state
		cp "$state/issuer.pem" "$T/peers$peers_n/$n.pem" || bail "peers"
	done
	grep -q peers "$T/node$peers_n.conf" ||
		sed -i "s,  key_type =,  peers = \"$T/peers$peers_n\"; &," \
			"$T/node$peers_n.conf"
	at "$peers_n" install published >"$T/setup.log" 2>&1 ||
		bail "node $peers_n publishes nothing"
}
at() { # at N COMMAND...: microca of that node
	at_n=$1
	shift
	"$BUILDDIR/bin/microca" -c "$T/node$at_n.conf" "$@"
}

# inside N COMMAND...: takes this shell's place; there is one machine for all
# nodes, unless a test says otherwise.
inside() {
	shift
	exec "$@"
}
# node_start N PROGRAM: on $T/PROGRAM-N.sock; its process is in $T/PROGRAM-N.pid
node_start() {
	rm -f "$T/$2-$1.sock" "$T/$2-$1.log"
	inside "$1" spawn-fcgi -s "$T/$2-$1.sock" -M 0660 -n -- "$BIN/$2" \
		-c "$T/node$1.conf" >"$T/$2-$1.log" 2>&1 &
	echo $! >"$T/$2-$1.pid"
	started="$started $!"
	wait_for 30 grep -qE ' ready|not started' "$T/$2-$1.log" ||
		bail "$2 of node $1 does not start"
}

# balance PROGRAM: HAProxy takes connections on $T/PROGRAM.sock for all nodes.
balance() {
	cat >"$T/haproxy.cfg" <<-END
	defaults
	  mode tcp
	  timeout connect 2s
	  timeout client 30s
	  timeout server 30s
	  retries 3
	  option redispatch
	listen front
	  bind unix@$T/$1.sock mode 660
	  balance roundrobin
	  server n0 unix@$T/$1-0.sock check inter 200ms
	  server n1 unix@$T/$1-1.sock check inter 200ms
	  server n2 unix@$T/$1-2.sock check inter 200ms
	END
	haproxy -db -f "$T/haproxy.cfg" >"$T/haproxy.log" 2>&1 &
	started="$started $!"
	wait_for 20 [ -S "$T/$1.sock" ] || bail "HAProxy does not start"
}

# ask SOCKET OPERATION CLIENT NAME ENDING: one request with $T/NAME.b64; the
# status; the answer is in $T/NAME.ENDING.
ask() {
	"$CLIENT" -w 15 "$1" REQUEST_METHOD=POST "REQUEST_URI=$EST/$2" \
		MICROCA_ENDPOINT=device CONTENT_TYPE=application/pkcs10 \
		REMOTE_ADDR=192.0.2.7 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/$3.pem")" <"$T/$4.b64" \
		>"$T/$4.$5" 2>/dev/null
	sed -n 's/^Status: \([0-9]*\).*/\1/p' "$T/$4.$5"
}
received() { # received NAME ENDING: the certificate of that answer, as PEM
	sed '1,/^\r*$/d' "$T/$1.$2" | tr -d '\r\n' | openssl base64 -d -A |
		openssl pkcs7 -inform DER -print_certs | openssl x509
}

# client NAME: asks at the front until it has a certificate; statuses go to
# $T/NAME.said.
client() {
	client_end=$(($(date +%s) + 90))
	while [ "$(date +%s)" -lt "$client_end" ]; do
		client_is=$(ask "$T/simpleenroll.sock" simpleenroll maker-ra \
			"$1" answer)
		echo "${client_is:-none}" >>"$T/$1.said"
		if [ "$client_is" = 503 ]; then
			grep -q '^Retry-After: [1-9]' "$T/$1.answer" ||
				echo "no Retry-After" >>"$T/$1.said"
		fi
		if [ "$client_is" = 200 ]; then
			received "$1" answer >"$T/$1.pem"
			return
		fi
		sleep 0.2
	done
}

# clients N: so many at once, in the background; their processes in $clients.
clients() {
	clients=
	for n in $(seq "$1"); do
		csr "c$n" "/CN=c$n"
	done
	for n in $(seq "$1"); do
		client "c$n" &
		clients="$clients $!"
	done
}
# each_has CLIENTS N PREFIX: the store has N certificates of each of c1 …, one of
# them the client's last, $T/PREFIX1.pem ….
each_has() {
	for i in $(seq "$1"); do
		[ -s "$T/$3$i.pem" ] || { echo "$3$i has none"; return 1; }
		want=$(openssl x509 -in "$T/$3$i.pem" -outform DER | sha256sum |
			cut -d' ' -f1)
		has=$(rows_sql "SELECT count(*), count(*) FILTER (WHERE
			encode(sha256, 'hex') = '$want') FROM certificate
			WHERE subject = 'CN=c$i'")
		[ "$has" = "$2|1" ] || { echo "$3$i: $has of $2"; return 1; }
	done
}
