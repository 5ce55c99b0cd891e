#!/bin/bash
# Run by package.sh where systemd is the first process: the packages, the three
# commands, the units as they are, a restart of the machine, and the end.
# shellcheck source=tests/package/inside-lib.sh
. "$(dirname "$0")/inside-lib.sh"
public=/var/lib/microca-public
units=(simpleenroll simplereenroll cacerts csrattrs crl ocsp health metrics
	inventory)

early() {
	systemctl --plain --no-legend list-units 'microca*' 'lighttpd*' >&2
	journalctl --no-pager -b -n 80 -u 'microca*' -u lighttpd >&2
	systemctl --no-block poweroff
}
trap early EXIT
property() { systemctl show --value -p "$2" "microca@$1.service"; }
active() { # which of our programs are not
	local u
	for u in "${units[@]}"; do
		[ "$(systemctl is-active "microca@$u.service")" = active ] ||
			echo "$u: $(systemctl is-active "microca@$u.service")"
	done
}
# until COMMAND...: within half a minute
until_() {
	local end=$((SECONDS + 30))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}
served() { # the serial of the certificate that lighttpd shows
	timeout 10 openssl s_client -connect localhost:8443 -servername \
		ca.example.net </dev/null 2>/dev/null |
		openssl x509 -noout -serial
}
is_served() {
	[ "$(served)" = "$(openssl x509 -in "$public/server.pem" -noout -serial)" ]
}
one_is_new() { # one_is_new PROGRAM PID: a new process runs
	local now
	now=$(property "$1" MainPID)
	[ "$now" != 0 ] && [ "$now" != "$2" ]
}

second_boot() {
	ok "after a restart: health" healthy
	is "after a restart: every program runs" "$(active)" ""
	ok "after a restart: a device enrols" enroll pump-8
	is "after a restart: what was issued before is there" \
		"$(recorded pump-7) $(recorded pump-8)" "1 1"
	is "after a restart: nothing failed" "$(systemctl --failed --plain \
		--no-legend | grep -E 'microca|lighttpd')" ""

	before=$(property simpleenroll MainPID)
	ok "an upgrade" apt install /test/later/microca_*.deb \
		/test/later/microca-inventory_*.deb
	ok "… the new programs run" until_ one_is_new simpleenroll "$before"
	ok "… health" healthy
	is "… all of them" "$(active)" ""

	ok "removed" apt remove microca microca-inventory
	ok "… nothing runs" until_ nothing_runs
	is "… no unit is left" "$(systemctl list-units --all --plain --no-legend \
		'microca*' | awk '$3 == "active"')" ""
	is "… the CA is kept" "$(test -s /var/lib/microca/microca.db &&
		(cd /etc/microca && echo *))" \
		"microca.conf pin profiles.conf softhsm2.conf"
	ok "put back" apt install /test/microca_*.deb /test/microca-inventory_*.deb
	ok "… and started: health" sh -c "microca-setup start"
	is "… all run" "$(active)" ""
	echo finished
	trap - EXIT
	systemctl --no-block poweroff
	exit
}
[ ! -e /root/restarted ] || second_boot

# ---- the packages, and three commands
must "apt install" apt install /test/microca*.deb
ok "nothing runs before it is configured" nothing_runs
is "nor is anything enabled" \
	"$(systemctl list-unit-files --state=enabled --plain --no-legend 'microca*')" ""
three_commands
is "every program is an active unit" "$(active)" ""
is "sockets" "$(modes /run/microca/simpleenroll.sock /run/microca/ocsp.sock)" \
	"660 microca:microca-web /run/microca/simpleenroll.sock
660 microca:microca-web /run/microca/ocsp.sock"
ok "health" healthy
ok "microca check" microca check
ok "start again changes nothing" microca-setup start
cp /var/lib/microca/issuer.pem /root/root.pem
ok "a secret" secret pump-7
ok "a device enrols with a one-time secret" enroll pump-7
is "a certificate that is recorded" "$(recorded pump-7)" 1

# ---- what the kernel holds them to
for u in "${units[@]}"; do
	pid=$(property "$u" MainPID)
	is "$u: no new privileges, none at all, a filter, no other network" \
		"$(awk '/^(NoNewPrivs|CapBnd|CapEff|Seccomp):/ {printf "%s ", $2}' \
			"/proc/$pid/status")$(
			[ "$(readlink "/proc/$pid/ns/net")" = "$(readlink /proc/1/ns/net)" ] &&
				echo same || echo own)" \
		"0000000000000000 0000000000000000 1 2 own"
	exposure=$(systemd-analyze security --no-pager "microca@$u.service" |
		sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
	ok "$u: systemd-analyze security, $exposure, is below 2.0" \
		awk -v e="$exposure" 'BEGIN {exit !(e != "" && e < 2.0)}'
done
ok "the web server's user reads no PIN" sh -c \
	"! runuser -u www-data -- cat /etc/microca/pin"
ok "… and no database" sh -c \
	"! runuser -u www-data -- cat /var/lib/microca/microca.db"
pid=$(property cacerts MainPID)
ok "cacerts does not see the token" sh -c \
	"! nsenter -t $pid -m -- setpriv --reuid microca --regid microca --clear-groups \
	ls /var/lib/microca/tokens"

# ---- ended and started again
pid=$(property simpleenroll MainPID)
kill -9 "$pid"
ok "killed: a new simpleenroll" until_ one_is_new simpleenroll "$pid"
ok "a secret" secret pump-8
ok "… health" healthy
systemctl stop microca@cacerts.service
ok "stopped: a request starts cacerts" est-client cacerts \
	--url https://ca.example.net:8443 --anchors /root/root.pem -o /root/ca.pem
is "… by its socket" "$(systemctl is-active microca@cacerts.service)" active

# ---- what timers do, as they would
install -d -m 0700 -o microca -g microca /var/backups/microca
for task in renew crl ocsp audit upload backup retire; do
	is "microca-$task.timer waits" \
		"$(systemctl is-active "microca-$task.timer")" active
	ok "microca-$task.service does its work" \
		systemctl start "microca-$task.service"
done
is "a backup is there" "$(find /var/backups/microca -name 'microca-*.tar' | wc -l)" 1
ok "… a good one" sh -c "microca backup --verify /var/backups/microca/*.tar"
serial=$(microca list --subject CN=pump-7 --format csv | tail -n 1 |
	cut -d, -f1 | tr -d '"')
ok "revoked" microca revoke "$serial"
ok "… by the next list" systemctl start microca-crl.service
listed() {
	openssl crl -inform DER -in "$(find /var/lib -name '*.crl' | head -n 1)" \
		-noout -text | grep -qi "Serial Number: $serial$"
}
ok "… that says so" listed

# ---- a new certificate for lighttpd, told by the path unit
old=$(served)
ok "a new server certificate" microca enroll --force server
ok "… is served soon" until_ is_served
ok "… and is another" test "$(served)" != "$old"
is "nothing failed" "$(systemctl --failed --plain --no-legend |
	grep -E 'microca|lighttpd')" ""

# ---- the machine is turned off, and on again by package.sh
: >/root/restarted
trap - EXIT
systemctl --no-block poweroff
