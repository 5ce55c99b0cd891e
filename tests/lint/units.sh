#!/bin/sh
# The sample units are what systemd takes, the sample script passes shellcheck,
# and each line of the sample cron table has its five times, user and command.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need shellcheck
need systemd-analyze

ok etc/microca-reload shellcheck etc/microca-reload

# Where nothing is installed, any program stands for ours.
units=$(mktemp -d)
trap 'rm -rf "$units"' EXIT
for unit in etc/systemd/*; do
	sed -e 's|^ExecStart=/usr/s\?bin/[a-z-]*|ExecStart=/bin/true|' \
		-e 's|^User=microca|User=root|' \
		-e '/^Documentation=/d' "$unit" >"$units/${unit##*/}"
done
quiet() { # a remark fails, too
	remarks=$("$@" 2>&1)
	quiet_rc=$?
	printf '%s' "$remarks"
	[ "$quiet_rc" = 0 ] && [ -z "$remarks" ]
}
for unit in "$units"/*; do
	ok "etc/systemd/${unit##*/}" quiet systemd-analyze verify "$unit"
done
cron() {
	! grep -vE '^(#|$|[A-Z]+=)' etc/cron.d/microca |
		grep -vE '^([0-9*/,-]+[[:space:]]+){5}[a-z]+[[:space:]]+'"(test .*)?microca"
}
ok etc/cron.d/microca cron
# Who has no systemd has the same by cron.
in_cron() {
	command=$(sed -n 's|^ExecStart=/usr/s\{0,1\}bin/||p' \
		"etc/systemd/$1.service")
	grep -qE "^[0-9*].*[[:space:]]$command( |\$)" etc/cron.d/*
}
for timer in etc/systemd/*.timer; do
	timer=$(basename "$timer" .timer)
	ok "$timer is in cron.d, too" in_cron "$timer"
done
done_testing
