# shellcheck shell=sh
# What the lint tests share: TAP with a plan at the end.

SRCDIR=${SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$SRCDIR" || exit 1
tap_n=0
tap_bad=0

# ok NAME COMMAND...: what the command prints is shown when it fails.
ok() {
	tap_name=$1
	shift
	tap_n=$((tap_n + 1))
	if tap_out=$("$@" 2>&1); then
		echo "ok $tap_n - $tap_name"
	else
		echo "not ok $tap_n - $tap_name"
		printf '%s\n' "$tap_out" | sed 's/^/# /' | head -n 40
		tap_bad=$((tap_bad + 1))
	fi
}

# need PROGRAM: without it the whole file is skipped, but never in CI.
need() {
	command -v "$1" >/dev/null 2>&1 && return 0
	if [ "${CI:-}" = true ]; then
		echo "Bail out! $1 is missing"
		exit 1
	fi
	echo "1..0 # SKIP $1 is not installed"
	exit 0
}

done_testing() {
	echo "1..$tap_n"
	exit "$((tap_bad > 0))"
}

# The project's own files, whether git or a tarball holds them.
sources() {
	find lib bin cgi-bin tests bench -name "$1" -type f | sort
}
