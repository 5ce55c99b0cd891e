#!/bin/sh
# The power is cut, anywhere, while clients enrol and the tools work: what was
# said before - certificates, revocations, lists, heads, a backup, a new issuer
# - is on the disk, whatever that had not synced, and the CA serves on from it.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/../op/fcgi.sh"
ROOT=$T/power
STATE=$ROOT/state PUBLIC=$ROOT/public
# shellcheck source=tests/fault/lib.sh
. "$(dirname "$0")/lib.sh"
POWER=$BUILDDIR/tests/tools/power
JOURNAL=$T/journal
CUTS=${POWER_CUTS:-8}
SEED=${POWER_SEED:-$(date +%s)}
echo "# POWER_SEED=$SEED"

powered() { # powered COMMAND...: what it does to files is in the journal
	env LD_PRELOAD="$BUILDDIR/tests/shim/power-shim.so" \
		POWER_JOURNAL="$JOURNAL" POWER_ROOT="$ROOT" "$@"
}
tool() { powered "$BUILDDIR/bin/microca" -c "$CONF" "$@" >>"$T/tools.log" 2>&1; }
told() { "$POWER" -t "$*" "$JOURNAL"; }
serial_of() { openssl x509 -in "$T/$1.pem" -noout -serial | sed 's/.*=//'; }
list() { openssl crl -inform DER -in "$(echo "$PUBLIC"/crl/*.crl)" -noout "$@" 2>&1; }
number_is() { echo $(($(list -crlnumber | sed 's/.*=//'))); } # 0x…

mkdir "$ROOT" "$ROOT/backups"
ca_make pem
revocable="r1 r2 r3 r4"
for one in $revocable; do
	enrol "$one" "/CN=$one" || bail "enrol"
done
sqlite3 "$STATE/microca.db" "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
cp -a "$ROOT" "$T/before"
openssl x509 -req -in "$T/ca.csr" -CA "$T/root.pem" -CAkey "$T/root.key" \
	-set_serial 0x4711 -days 1900 -extfile "$T/ca.ext" -out "$T/next.pem" \
	2>/dev/null

# ---- work
: >"$JOURNAL"
watch simpleenroll env LD_PRELOAD="$BUILDDIR/tests/shim/power-shim.so" \
	POWER_JOURNAL="$JOURNAL" POWER_ROOT="$ROOT"
clients 3
work() {
	for one in $revocable; do
		tool revoke "$(serial_of "$one")" &&
			told revoked "$(serial_of "$one")" &&
			tool crl && told list "$(number_is)" &&
			tool audit head && told head || return 1
		case $one in
		r1) tool backup "$ROOT/backups" &&
			told backup "$(basename "$ROOT"/backups/*.tar)" ;;
		r2) tool install intermediate "$T/next.pem" "$T/root.pem" &&
			told staged ;;
		# Enough for a checkpoint, and what comes after it.
		r3) powered "$BUILDDIR/tests/tools/fill" \
			"sqlite:$STATE/microca.db" issue d 1 2500 ;;
		esac || return 1
	done
}
ok "revocations, lists, heads, a backup, an issuer" work
goes_on "all the while"
clients_end
unwatch
records=$("$POWER" -n "$JOURNAL")
ok "there is something to lose: $records records" test "$records" -gt 1000

# ---- what is left
mv "$ROOT" "$T/whole"
# cut PLACE SEED [-l]: the disk as it is then; what was said is in $T/words.
cut() {
	power_lies=${3-}
	rm -rf "$ROOT" "$T/words"
	mkdir "$T/words" && : >"$T/words/told"
	cp -a "$T/before" "$ROOT" &&
		"$POWER" ${power_lies:+"$power_lies"} -s "$2" "$JOURNAL" "$ROOT" "$1" "$T/words"
}
said() { sed -n "s/^$1 //p" "$T/words/told"; }
# Whose hash each answer's certificate has; an answer is read once.
mkdir "$T/hashes"
held() {
	for answer in "$T"/words/answer.*; do
		[ -e "$answer" ] || continue
		hash=$T/hashes/${answer##*/}
		[ -e "$hash" ] || tr -d '\r\n' <"$answer" |
			openssl base64 -d -A |
			openssl pkcs7 -inform DER -print_certs |
			openssl x509 -outform DER | sha256sum |
			sed 's/ .*//' >"$hash"
		cat "$hash"
	done | sort -u
}
bad() { echo "cut at $place, seed $seed: $*" >>"$T/bad"; }
missing() { # held, and not stored
	held >"$T/held"
	sql "SELECT lower(hex(sha256)) FROM certificate" 2>/dev/null | sort \
		>"$T/stored"
	comm -23 "$T/held" "$T/stored" | wc -l
}
looked_at() { # is everything true that was said?
	[ "$(missing)" = 0 ] || bad "$(missing) of $(wc -l <"$T/held") are lost"
	[ "$(sql "PRAGMA integrity_check")" = ok ] || bad "a damaged database"
	admin audit verify >"$T/out" 2>&1 || bad "$(cat "$T/out")"
	for serial in $(said revoked); do
		[ "$(sql "SELECT status FROM certificate
			WHERE serial = '$serial'")" = 1 ] || bad "revoked $serial"
	done
	number=$(said list | tail -n 1)
	if [ -n "$number" ]; then
		list -CAfile "$T/ca.pem" -verify >"$T/out" 2>&1 ||
			bad "list: $(cat "$T/out")"
		[ "$(number_is || echo 0)" -ge "$number" ] ||
			bad "list $(list -crlnumber)"
	fi
	[ "$(said head | wc -l)" = 0 ] || [ -s "$STATE/heads/local" ] ||
		bad "no head"
	for backup in $(said backup); do
		[ -e "$ROOT/backups/$backup" ] || bad "no $backup"
	done
	for backup in "$ROOT"/backups/microca-*.tar; do
		[ ! -e "$backup" ] || admin backup --verify "$backup" \
			>"$T/out" 2>&1 || bad "$backup: $(cat "$T/out")"
	done
	grep -q '^staged' "$T/words/told" &&
		[ "$(find "$STATE/issuers" -name '*.pem' | wc -l)" = 0 ] &&
		bad "no issuer is staged"
	csr "cut$place" "/CN=cut$place"
	[ "$(post device simpleenroll maker-ra "$T/cut$place.b64")" = 200 ] ||
		bad "it does not serve: $(cat "$T/body" "$T/log")"
	admin crl --force >"$T/out" 2>&1 || bad "crl: $(cat "$T/out")"
}
most=0
for i in $(seq "$CUTS"); do
	# Once early, when names are new.
	place=$((i == 1 ? records / 30 : records * i / CUTS)) seed=$((SEED + i))
	cut "$place" "$seed" || bail "power"
	looked_at
	[ "$(wc -l <"$T/held")" -lt "$most" ] || most=$(wc -l <"$T/held")
done
is "$CUTS cuts: what was said is true, and the CA serves on" \
	"$(cat "$T/bad" 2>/dev/null)" ""
ok "up to $most certificates were held" test "$most" -ge 20
place=$((records * 9 / 10)) seed=$SEED
cut "$place" "$seed" -l
ok "a disk that lies: so this can fail" test "$(missing)" -gt 0
done_testing
