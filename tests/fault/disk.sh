#!/bin/sh
# The disk fails under load, fills up, the database is locked, is damaged:
# clients are told to come again, nobody holds what is not recorded, and when it
# is over the CA serves on by itself.
# A small file system of its own, where we may mount one.
if [ "$(id -u)" = 0 ] && [ -z "${DISK:-}" ]; then
	DISK=$(mktemp -d "${TMPDIR:-/tmp}/microca-disk.XXXXXX")
	export DISK
	# shellcheck disable=SC2016
	unshare -m sh -c 'mount -t tmpfs -o size=12m,mode=1777 tmpfs "$DISK" ||
		export DISK=none; "$0" "$@"' "$0" "$@"
	rc=$?
	rmdir "$DISK"
	exit $rc
fi
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/../op/fcgi.sh"
case ${DISK:-none} in none) ;; *) STATE=$DISK/state ;; esac
# shellcheck source=tests/fault/lib.sh
. "$(dirname "$0")/lib.sh"
db=$STATE/microca.db
log=$T/simpleenroll.log

IO=$T/io # see the shim
io() { echo "$*" >"$IO.new" && mv "$IO.new" "$IO"; }
refused() { tail -n +"$1" "$log" | grep -qE " 503 ($2): "; }
# during TITLE REASON: until a client is told; then the fault is over.
during() {
	ok "$1: clients are told to come again" \
		wait_for 30 refused "$mark" "$2"
}
begin() { mark=$(($(wc -l <"$log") + 1)); }

ca_make pem
IO_FAULT=$IO watch simpleenroll env \
	LD_PRELOAD="$BUILDDIR/tests/shim/cut-shim.so"
clients 3
goes_on "all is well"
for fault in "sync EIO" "write EIO" "write ENOSPC" "write EROFS"; do
	begin
	io "$fault"
	during "$fault" 'db-sync|db-write|disk-full|db-corrupt'
	rm "$IO"
	goes_on "$fault, and over"
done

# ---- somebody else has the database, for longer than anybody waits
begin
mkfifo "$T/hold"
sqlite3 "$db" <"$T/hold" &
holder=$!
exec 3>"$T/hold"
echo 'BEGIN IMMEDIATE;' >&3
during "locked by another process" 'db-busy'
exec 3>&-
wait "$holder"
goes_on "locked, and free again"

# ---- really full
if [ "$STATE" = "$T/state" ]; then
	skip "a disk that is full" "no file system of its own"
else
	begin
	dd if=/dev/zero of="$STATE/filler" bs=64k 2>/dev/null
	during "the disk is full" 'disk-full|db-write'
	rm "$STATE/filler"
	goes_on "the disk has room again"
fi
clients_end
ok "some had to ask again" test -s "$T/again"
consistent "after all that"

# ---- pages of the database are overwritten
sqlite3 "$db" "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
cp "$db" "$T/good.db"
pages=$(($(stat -c %s "$db") / 4096))
dd if=/dev/urandom of="$db" bs=4096 seek=1 count=$((pages - 1)) \
	conv=notrunc 2>/dev/null
n=$(given)
for i in 1 2 3; do
	csr "late$i" "/CN=late$i"
	request "late$i"
done
is "a damaged database: nothing is handed out" "$(given)" "$n"
ok "… and it is called that" grep -q ' 503 db-corrupt: ' "$log"
unwatch
rm -f "$db-wal" "$db-shm"
ok "… the chain is not called good" sh -c "! '$BUILDDIR/bin/microca' \
	-c '$CONF' audit verify 2>/dev/null"
dd if=/dev/urandom of="$db" bs=4096 count=1 conv=notrunc 2>/dev/null
"$BIN/simpleenroll" -c "$CONF" </dev/null >"$T/out" 2>&1
like "no database at all: it is not served from" "$(cat "$T/out")" \
	'db-corrupt|db-foreign|503'
cp "$T/good.db" "$db"
rm -f "$db-wal" "$db-shm" "$log"
watch simpleenroll
echo late1 >>"$T/asked"
ok "the good one put back: the CA serves on" request late1
consistent "the good one put back"
unwatch

# ---- no descriptors left
rm -f "$log"
FEW="Too many open files|unable to open|db-open|code 14"
# shellcheck disable=SC2016
watch simpleenroll sh -c 'ulimit -n 13; exec "$@"' sh
stalled=
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	"$CLIENT" -w 3 -m stall "$T/simpleenroll.sock" REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/simpleenroll" CONTENT_TYPE=application/pkcs10 \
		MICROCA_ENDPOINT=device SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/maker-ra.pem")" \
		<"$T/late1.b64" >/dev/null 2>&1 &
	stalled="$stalled $!"
done
clients 3
for one in $stalled; do
	wait "$one"
done
goes_on "descriptors were few"
clients_end
ok "… and too few at times" grep -qE "$FEW" "$log"
consistent "descriptors were few"
done_testing
