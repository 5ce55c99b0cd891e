#!/bin/sh
# What microca-upload takes does not grow with what waits: memory for ten pages
# of devices as for twenty times as many, an idle run next to nothing.
# UPLOAD_FEW, UPLOAD_MANY and UPLOAD_FIGURES=1 make a measurement of it.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/cloud-lib.sh
. "$(dirname "$0")/cloud-lib.sh"

FEW=${UPLOAD_FEW:-200}
MANY=${UPLOAD_MANY:-2000}
mkdir -m 0700 "$T/state"
mkdir "$T/public"
cp "$SRCDIR/etc/profiles.conf" "$T/"
cat >"$CONF" <<-END
	state = "$T/state"; public = "$T/public"; disk_reserve = "1M";
	ca = { key = "$T/none.key"; subject = "$CA_SUBJECT"; };
	endpoints = ();
END
hub_start
cloud_conf 'budget = "1d";' ''

figures() { # figures NAME WHAT N
	[ -n "${UPLOAD_FIGURES:-}" ] || return 0
	echo "# $2: $3 devices in $(spent "$1" wall_ms) ms," \
		"$(spent "$1" cpu_ms) ms of CPU, $(spent "$1" max_rss_kib) KiB"
}

fill issue a 1 "$FEW"
is "a few devices" "$(upload_spent few) $(open_rows)" "0 0"
figures few "new ones" "$FEW"
fill issue d 1 "$MANY"
is "many devices" "$(upload_spent many) $(open_rows)" "0 0"
figures many "new ones" "$MANY"
ok "hub and store say the same" same
fill issue d 1 "$MANY"
is "many renewals" "$(upload_spent renewed) $(open_rows)" "0 0"
figures renewed "renewals" "$MANY"
ok "hub and store say the same" same
is "an idle run" "$(upload_spent idle)" 0
figures idle "idle" 0

case ${ASAN_OPTIONS:-}$(nm -D "$UPLOAD" 2>/dev/null) in
*__asan_init*)
	skip "memory and CPU" "a sanitizer's are its own"
	done_testing
	;;
esac
most=0
for name in many renewed; do
	[ "$(spent $name max_rss_kib)" -gt "$most" ] &&
		most=$(spent $name max_rss_kib)
done
ok "memory stays under 32 MiB ($most KiB)" test "$most" -lt 32768
grown=$((most - $(spent few max_rss_kib)))
ok "and does not grow with the backlog ($grown KiB)" test $grown -lt 2048
ok "an idle run takes less than 50 ms of CPU ($(spent idle cpu_ms) ms)" \
	test "$(spent idle cpu_ms)" -lt 50
done_testing
