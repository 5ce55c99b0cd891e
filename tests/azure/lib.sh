# shellcheck shell=sh
# The stand-in for Azure from a shell test; README.md says what there is.
#
# After a lib.sh that has $T, wait_for and bail, and whose trap ends $started.

# Its variables are set when it answers; azure_start_in FOLDER [OPTION...].
azure_start() { azure_start_in "$T/azure"; }
azure_start_in() {
	azure_folder=$1
	shift
	rm -f "$azure_folder/env"
	mkdir -p "$azure_folder"
	node "$SRCDIR/tests/azure/stand-in.mjs" "$azure_folder" "$@" \
		>"$azure_folder/out" 2>&1 &
	AZURE_PID=$!
	started="${started:-} $AZURE_PID"
	wait_for 30 azure_ready
	[ -s "$azure_folder/env" ] ||
		bail "no stand-in for Azure: $(cat "$azure_folder/out")"
	# shellcheck source=/dev/null
	. "$azure_folder/env"
}
azure_ready() {
	[ -s "$azure_folder/env" ] || ! kill -0 "$AZURE_PID" 2>/dev/null
}

azure_stop() {
	kill "$AZURE_PID" 2>/dev/null
	wait "$AZURE_PID" 2>/dev/null
}

# azure_ctl [-X METHOD] PATH [JSON]: the answer; fails when it is refused.
azure_ctl() {
	azure_method=
	if [ "$1" = -X ]; then
		azure_method=$2
		shift 2
	fi
	if [ $# -gt 1 ]; then
		curl -sS --fail-with-body -X "${azure_method:-POST}" \
			-H 'Content-Type: application/json' \
			--data-binary "$2" "$AZURE_CTL$1"
	else
		curl -sS --fail-with-body -X "${azure_method:-GET}" \
			"$AZURE_CTL$1"
	fi
}

# hub_sas [POLICY [SECONDS]]: what goes into Authorization.
hub_sas() {
	azure_ctl "/sas?policy=${1:-edge}&seconds=${2:-3600}"
}
