#!/bin/sh
# Signed heads are told to syslog, and what it has is believed by the verifier:
# a real /dev/log, in a namespace of its own.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
if ! unshare -Urm sh -c 'mount -t tmpfs none /dev' 2>/dev/null; then
	echo "1..0 # SKIP no namespace of our own: no /dev/log"
	exit 0
fi
ca_make pem
LOG=$T/syslog
mkdir "$T/dev"
cat >"$T/listen.pl" <<'END'
use Socket;
$| = 1;
socket(S, AF_UNIX, SOCK_DGRAM, 0) && bind(S, sockaddr_un("/dev/log")) or die;
print STDERR "ready\n";
while (defined recv(S, $line, 65536, 0)) { print "box ", $line, "\n" }
END
# apart COMMAND...: with a /dev that has a log in it.
cat >"$T/apart" <<END
mount --rbind /dev "$T/dev" && mount -t tmpfs none /dev || exit 99
for f in null zero full random urandom; do
	: >"/dev/\$f"
	mount --bind "$T/dev/\$f" "/dev/\$f" || exit 99
done
perl "$T/listen.pl" >>"$LOG" 2>"$T/ready" &
listener=\$!
n=0
until [ -s "$T/ready" ] || [ "\$n" = 200 ]; do
	n=\$((n + 1))
	sleep 0.05
done
"\$@"
rc=\$?
kill "\$listener"
exit "\$rc"
END
apart() { unshare -Urm sh "$T/apart" "$@"; }

enrol one /CN=one
apart "$BUILDDIR/bin/microca" -c "$CONF" audit head >"$T/head" 2>"$T/err"
is "a head is made" "$?" 0
is "syslog has it, whole" "$(sed 's/.*audit head //' "$LOG")" "$(cat "$T/head")"
# daemon is 3, notice is 5.
like "… as daemon.notice, with the program's name" "$(cat "$LOG")" \
	'^box <29>.* microca\[[0-9]+\]: audit head '
is "the same one is told again: it may have been lost" "$(apart "$BUILDDIR/bin/microca" \
	-c "$CONF" audit head 2>"$T/err" | cmp - "$T/head" && wc -l <"$LOG")" 2
apart "$BUILDDIR/bin/microca" -c "$CONF" audit export "$T/bundle" 2>"$T/err"
is "nothing new: an export tells nothing" "$(wc -l <"$LOG")" 2
enrol two /CN=two
apart "$BUILDDIR/bin/microca" -c "$CONF" audit export "$T/bundle" 2>"$T/err"
is "what an export signs is told" "$(wc -l <"$LOG")" 3
is "the verifier believes what syslog has" \
	"$(admin audit verify --heads "$LOG" >"$T/out"; echo $?) $(sed -n \
		'2s/ .*//p' "$T/out")" "0 5"

# All that is on this machine goes back, its own heads, too.
sqlite3 "$T/state/microca.db" "DELETE FROM audit WHERE seq = (SELECT max(seq)
	FROM audit); DELETE FROM certificate WHERE subject = 'CN=two'"
sed -i '$d' "$T/state/heads/local"
is "cut off with its heads it is whole by itself" \
	"$(admin audit verify >"$T/out"; echo $?)" 0
admin audit verify --heads "$LOG" >"$T/out"
is "… not by syslog's" "$? $(sed 's/: .*//; q' "$T/out")" "8 broken"
done_testing
