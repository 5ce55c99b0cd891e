#!/bin/sh
# A log that nobody reads any more: requests are answered all the same, soon, and
# when it is read again it says how much was lost.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"
ca_make pem

mkfifo "$T/pipe"
# Open at both ends, so that nobody waits for the other; of one page.
exec 7<>"$T/pipe"
perl -e 'fcntl(STDIN, 1031, 4096) or die "F_SETPIPE_SZ: $!"' <&7 ||
	bail "no pipe of one page"
spawn-fcgi -s "$T/simpleenroll.sock" -M 0660 -n -- "$BIN/simpleenroll" \
	-c "$CONF" >&7 2>&7 &
pid=$!
started="$started $pid"
csr dev1 /CN=dev1
served() { [ "$(send_csr plain "$T/dev1.b64")" = "0 200 " ]; }
wait_for 20 served || bail "it does not start"

# soon NAME WANT COMMAND...: within 3 s, for the machine may be busy: whoever is
# held up waits for ever.
soon() {
	soon_name=$1 soon_want=$2
	shift 2
	soon_begun=$(date +%s%N)
	soon_got=$("$@")
	soon_ms=$((($(date +%s%N) - soon_begun) / 1000000))
	is "$soon_name" "$soon_got" "$soon_want"
	ok "… soon: $soon_ms ms" test "$soon_ms" -lt 3000
}
bad() { send_csr plain "$T/dev1.b64" MICROCA_ENDPOINT=late; }
i=0
while [ $i -lt 30 ]; do # a line of 200 octets each
	got=$(bad)
	[ "$got" = "0 403 auth-config" ] || break
	i=$((i + 1))
done
is "refusals, until the pipe is full" "$i $got" "30 0 403 auth-config"
soon "a good request" "0 200 " send_csr plain "$T/dev1.b64"
soon "a bad one" "0 403 auth-config" bad
csr dev2 /CN=dev2
soon "a new certificate" "0 200 " send_csr plain "$T/dev2.b64"
is "every refusal is in the audit" "$(refusals)" 31

# ---- somebody reads again
cat <&7 >"$T/read" &
started="$started $!"
again() {
	bad >/dev/null
	grep -q 'lines of the log were lost' "$T/read"
}
ok "it says that lines were lost" wait_for 10 again
is "… how many" "$(sed -n 's/.* warn: \([0-9]*\) lines of the log were lost.*/\1/p' \
	"$T/read" | awk '$1 > 5 && $1 < 60 { print "some" }')" some
bad >/dev/null
ok "… and goes on" wait_for 10 sh -c "tail -n 1 '$T/read' | grep -q auth-config"
is "no line is torn" "$(grep -cvE '^20[-0-9T:Z]* simpleenroll\[[0-9]*\] [a-z]*: ' \
	"$T/read")" 0
stop TERM
is "it ends cleanly" "$rc" 0
done_testing
