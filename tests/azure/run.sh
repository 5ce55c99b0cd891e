# shellcheck shell=sh
# What the tests of the stand-in share beside lib.sh: a folder, an end, and the
# results of programs that print TAP without numbers.

SRCDIR=${SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILDDIR=${BUILDDIR:-$SRCDIR/build}
T=$(mktemp -d "${TMPDIR:-/tmp}/microca-azure.XXXXXX") || exit 1
programs=$SRCDIR/tests/azure
started=
tap_n=0
tap_bad=0

cleanup() {
	for pid in $started; do
		kill "$pid" 2>/dev/null
	done
	rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

bail() {
	echo "Bail out! $1"
	exit 1
}

wait_for() { # wait_for SECONDS COMMAND...
	tries=$(($1 * 20))
	shift
	while [ "$tries" -gt 0 ]; do
		"$@" && return 0
		sleep 0.05
		tries=$((tries - 1))
	done
	return 1
}

# ok NAME COMMAND...: what the command prints is shown when it fails.
ok() {
	tap_name=$1
	shift
	tap_n=$((tap_n + 1))
	if "$@" >"$T/said" 2>&1; then
		echo "ok - $tap_name"
		return 0
	fi
	echo "not ok - $tap_name"
	sed 's/^/# /' "$T/said" | head -n 30
	tap_bad=$((tap_bad + 1))
}

# run PROGRAM.mjs [ARGUMENT...]
run() {
	node "$programs/$1" ${2:+"$2"} ${3:+"$3"} >"$T/tap" 2>"$T/err"
	tap_rc=$?
	cat "$T/tap"
	sed 's/^/# /' "$T/err"
	tap_n=$((tap_n + $(grep -cE '^(not )?ok' "$T/tap")))
	[ $tap_rc = 0 ] || tap_bad=$((tap_bad + 1))
	# One that failed without a word.
	if [ $tap_rc != 0 ] && ! grep -q '^not ok' "$T/tap"; then
		tap_n=$((tap_n + 1))
		echo "not ok - $1 ends with $tap_rc"
	fi
}

# Microsoft's packages, by their lock file, in the build folder: run() finds its
# programs there then.
packages_ready() {
	programs=$BUILDDIR/tests/azure
	mkdir -p "$programs" || bail "no folder $programs"
	exec 9>"$programs/lock" # make -j runs two of these tests at once
	flock 9
	if ! packages_there; then
		packages_install >"$T/npm" 2>&1 ||
			bail "npm ci: $(cat "$T/npm")"
	fi
	cp "$SRCDIR"/tests/azure/sdk-*.mjs "$SRCDIR/tests/azure/tap.mjs" \
		"$programs/" || bail "no folder $programs"
	exec 9>&-
}
packages_there() {
	cmp -s "$SRCDIR/tests/azure/package-lock.json" \
		"$programs/package-lock.json" &&
		[ -f "$programs/node_modules/.package-lock.json" ]
}
packages_install() {
	cp "$SRCDIR/tests/azure/package.json" \
		"$SRCDIR/tests/azure/package-lock.json" "$programs/" &&
		(cd "$programs" && npm ci --silent)
}

# Azure Arc's key files are in one folder only, and not this machine's: run this
# test again where it is.  ARC: whether it is.
apart() {
	if [ -z "${AZURE_APART:-}" ]; then
		for how in -m -rm; do
			unshare $how true 2>/dev/null || continue
			rm -rf "$T"
			# shellcheck disable=SC2093 # it does not
			AZURE_APART=yes exec unshare $how "$0" "$@"
		done
	fi
	if [ -n "${AZURE_APART:-}" ] &&
		mount -t tmpfs tmpfs /var/opt 2>/dev/null; then
		export ARC=yes
		azure_start_in "$T/azure" \
			--arc-folder /var/opt/azcmagent/tokens
	else
		export ARC=
		azure_start
	fi
}

done_testing() {
	echo "1..$tap_n"
	exit "$((tap_bad > 0))"
}

# shellcheck source=tests/azure/lib.sh
. "$SRCDIR/tests/azure/lib.sh"
