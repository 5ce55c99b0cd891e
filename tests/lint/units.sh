#!/bin/sh
# The units are what systemd takes, and leave little to whoever breaks in; the
# timers and the cron tables do the same, equally often; scripts are checked.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need shellcheck
need systemd-analyze

for script in etc/microca-reload etc/init.d/microca-fcgi; do
	ok "$script" shellcheck "$script"
done

# ---- what systemd says, of the units as they would lie in a system
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
units=$root/etc/systemd/system
programs="cacerts crl csrattrs health inventory metrics ocsp serverkeygen simpleenroll
	simplereenroll"
jobs="audit backup crl ocsp renew retire upload"
mkdir -p "$units" "$root/usr/bin" "$root/usr/sbin" "$root/usr/libexec/microca"
cp -r etc/systemd/* "$units"
# What they start is there: any program stands for ours.
for program in usr/bin/est-client usr/sbin/microca usr/sbin/microca-reload \
	usr/sbin/microca-upload usr/libexec/microca/connector bin/kill; do
	mkdir -p "$root/$(dirname "$program")"
	cp /bin/true "$root/$program"
done
for program in $programs; do
	cp /bin/true "$root/usr/libexec/microca/$program"
done
# Targets that a system has.
for unit in network-online.target sockets.target timers.target sysinit.target \
	basic.target shutdown.target paths.target; do
	printf '[Unit]\nDescription=%s\n' "$unit" >"$units/$unit"
done

quiet() { # a remark fails, too
	remarks=$("$@" 2>&1)
	quiet_rc=$?
	printf '%s' "$remarks"
	[ "$quiet_rc" = 0 ] && [ -z "$remarks" ]
}
verify() { quiet systemd-analyze verify --man=no --root="$root" "$@"; }
for unit in etc/systemd/*.*; do
	unit=${unit##*/}
	case $unit in
	*.service.d) continue ;;
	*@.*)
		for program in $programs; do
			one=$(echo "$unit" | sed "s/@/@$program/")
			ok "$one" verify "$one"
		done
		;;
	*) ok "$unit" verify "$unit" ;;
	esac
done

printf '[Service]\nExecStart=/usr/bin/est-client\nNonsense=1\n' \
	>"$units/nonsense.service"
nonsense() { ! verify nonsense.service; }
ok "an unknown setting is not taken: this test can fail" nonsense

# exposed UNIT: 10 is everything, 0 nothing.
exposed() {
	systemd-analyze security --offline=true --root="$root" \
		--threshold=20 --no-pager "$1" | tail -n 1
	systemd-analyze security --offline=true --root="$root" \
		--threshold=20 "$1" >/dev/null 2>&1
}
below() { # the threshold itself is let pass: below is wanted
	exposed "$1" &&
		! exposed "$1" | grep -qE ': ([2-9]|[0-9]{2,})\.'
}
for program in $programs; do
	ok "exposure of microca@$program.service is below 2.0" \
		below "microca@$program.service"
done
for job in $jobs reload connector; do
	ok "exposure of microca-$job.service is below 2.0" \
		below "microca-$job.service"
done
ok "exposure of est-client.service is below 2.0" below est-client.service
for token in etc/systemd/token/*; do
	mkdir -p "$units/microca@simpleenroll.service.d"
	cp "$token" "$units/microca@simpleenroll.service.d/token.conf"
	ok "${token##*/} keeps it there" below microca@simpleenroll.service
done
rm "$units/microca@simpleenroll.service.d/token.conf"
printf '[Service]\nExecStart=/usr/bin/est-client\n' >"$units/bare.service"
bare() { ! below bare.service; }
ok "a unit without all that is not: this test can fail" bare

# ---- every program has its place
served() {
	for source in cgi-bin/*.c; do
		program=$(basename "$source" .c)
		case " $(echo "$programs" | tr -s '\n\t' ' ') connector " in
		*" $program "*) ;;
		*) echo "$program" && return 1 ;;
		esac
	done
}
ok "this test knows all programs" served
wanted() {
	for program in $programs; do
		[ "$program" = serverkeygen ] && continue # off by default
		grep -q "microca@$program.service" etc/systemd/microca.target ||
			{ echo "$program" && return 1; }
	done
}
ok "microca.target has them" wanted
no_pin() { # NAME: what has no token does not see it
	! grep -lq '^InaccessiblePaths=$' "etc/systemd/microca@$1.service.d/"* ||
		grep -q '^InaccessiblePaths=.*-/etc/microca/pin' \
			"etc/systemd/microca@$1.service.d/"*
}
for program in cacerts crl csrattrs health inventory metrics ocsp; do
	[ -d "etc/systemd/microca@$program.service.d" ] || continue
	ok "the PIN is hidden from $program" no_pin "$program"
done
ok "… and by default" grep -q '^InaccessiblePaths=-/etc/microca/pin ' \
	etc/systemd/microca@.service

# ---- cron does what the timers do
# Minutes between two runs, as a timer or five fields of cron have it.
period_timer() {
	case $(sed -n 's/^On\(Calendar\|UnitInactiveSec\)=//p' "$1") in
	'*:0/5') echo 5 ;;
	'*:0/10' | 10min) echo 10 ;;
	15min) echo 15 ;;
	hourly | '*:17') echo 60 ;;
	'*-*-* 02:00:00' | '*-*-* 03:00:00') echo 1440 ;;
	*) echo "unknown" ;;
	esac
}
period_cron() {
	case $1 in
	'* * * * *') echo 1 ;;
	'*/5 * * * *') echo 5 ;;
	'*/10 * * * *') echo 10 ;;
	'*/15 * * * *') echo 15 ;;
	[0-9]' * * * *' | [0-9][0-9]' * * * *') echo 60 ;;
	[0-9]' '[0-9]' * * *') echo 1440 ;;
	*) echo "unknown" ;;
	esac
}
# same TIMER TABLE: its service's command and user are in the table, as often.
same() {
	same_service=${1%.timer}.service
	same_user=$(sed -n 's/^User=//p' "$same_service")
	same_command=$(sed -n 's|^ExecStart=/usr/s*bin/||p' "$same_service")
	same_line=$(grep -vE '^#' "$2" | grep -F "	${same_user:-root}	" |
		grep -E "[	 ]$same_command( --syslog)?( >/dev/null)?\$")
	[ "$(printf '%s\n' "$same_line" | grep -c .)" = 1 ] ||
		{ echo "no line, or several, for $same_command" && return 1; }
	same_timer=$(period_timer "$1")
	same_cron=$(period_cron "$(printf '%s\n' "$same_line" | cut -f1)")
	echo "$same_timer and $same_cron minutes"
	[ "$same_timer" = "$same_cron" ] && [ "$same_timer" != unknown ]
}
table_of() {
	case $1 in
	*est-client*) echo etc/cron.d/est-client ;;
	*) echo etc/cron.d/microca ;;
	esac
}
for timer in etc/systemd/*.timer; do
	ok "$timer is what cron does" same "$timer" "$(table_of "$timer")"
done
for job in $jobs; do
	ok "microca.target has microca-$job.timer" \
		grep -q "microca-$job.timer" etc/systemd/microca.target
done
lines() { # a cron table's lines that start something
	grep -cvE '^(#|$|[A-Z]+=)' "$1"
}
is_count() { [ "$(lines "$1")" = "$2" ] || { lines "$1" && false; }; }
# One for each timer, and microca-reload, which the path unit starts.
ok "cron has nothing that the timers have not" is_count etc/cron.d/microca \
	"$(($(find etc/systemd -name 'microca-*.timer' | wc -l) + 1))"
ok "… nor the device's" is_count etc/cron.d/est-client 1
table() {
	! grep -vE '^(#|$|[A-Z]+=)' "$1" |
		grep -vE '^([0-9*/,-]+[[:space:]]+){5}[a-z]+[[:space:]]+(test|microca|est-client)'
}
ok etc/cron.d/microca table etc/cron.d/microca
ok etc/cron.d/est-client table etc/cron.d/est-client

# ---- folders and users
# tmpfiles.d(5): type, path, mode, user, group.
ok "tmpfiles.d has the folders' modes" sh -c '
	grep -qE "^d /var/lib/microca +0700 microca microca " etc/tmpfiles.d/microca.conf &&
	grep -qE "^d /run/microca +0750 microca microca-web " etc/tmpfiles.d/microca.conf &&
	grep -qE "^d /etc/microca +0750 root +microca " etc/tmpfiles.d/microca.conf'
done_testing
