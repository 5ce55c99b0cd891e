# shellcheck shell=bash
# What runs in a fresh Debian, for package.sh to read.
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
libexec=/usr/libexec/microca

# ok NAME COMMAND...: what the command prints is shown when it fails.
ok() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1 </dev/null); then
		echo "ok - $name"
	else
		echo "not ok - $name"
		printf '%s\n' "$out" | tail -n 30 | sed 's/^/# /'
	fi
}
# must: what comes later makes no sense without.
must() {
	local said
	said=$(ok "$@")
	printf "%s\n" "$said"
	case $said in not*) exit 1 ;; esac
}
is() {
	[ "$2" = "$3" ] && echo "ok - $1" && return
	echo "not ok - $1"
	printf 'got:  %s\nwant: %s\n' "$2" "$3" | sed 's/^/# /'
}
apt() { apt-get -q -y "$@"; }
modes() { stat -c '%a %U:%G %n' "$@"; }
running() { # programs of ours that run, one line each
	local p
	for p in /proc/[0-9]*/exe; do
		case $(readlink "$p" 2>/dev/null) in
		"$libexec"/*) readlink "$p" ;;
		esac
	done | sort
}
nothing_runs() { [ -z "$(running)" ]; }
healthy() { microca health --wait 60 https://ca.example.net:8443; }
three_commands() {
	while IFS= read -r command; do
		must "$command" sh -c "$command"
	done </test/commands
}
# A device, with a one-time secret: enroll NAME [ARGUMENT...].
secret() { # secret NAME: into /root/NAME.secret
	(umask 077 && microca secret add device "$1" 2>/dev/null |
		tail -n 1 >"/root/$1.secret" && test -s "/root/$1.secret")
}
enroll() {
	est-client enroll --url "https://ca.example.net:8443" \
		--anchors /root/root.pem --folder "/root/$1" --subject "CN=$1" \
		--user "$1" --password-file "/root/$1.secret"
}
recorded() { # recorded NAME: how many
	microca list --format csv | grep -c "CN=$1"
}
