#!/bin/sh
# microca backup and restore: what was in it comes back, what is not is told.
# shellcheck source-path=SCRIPTDIR source=lib.sh
# shellcheck disable=SC2119 # stop has a signal of its own
. "$(dirname "$0")/lib.sh"
ca_make softhsm
# shellcheck source-path=SCRIPTDIR source=fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"
profiles_write
conf_write "$key"
sed -i '$d' "$CONF"
cat >>"$CONF" <<END
, { name = "once"; port = 8460; profile = "device"; auth = "secret";
    allow = ( { secret = true; } ); }
);
END

KEYID=$(openssl x509 -in "$T/ca.pem" -noout -ext subjectKeyIdentifier |
	tail -n 1 | tr -d ' :' | tr A-F a-f)
LIST=$T/public/crl/$KEYID.crl
B=$T/backups
mkdir "$B"
run() { # run COMMAND...: its exit status
	admin "$@" >"$T/out" 2>"$T/err"
	echo $?
}
newest() { find "$B" -name 'microca-*.tar' | sort | tail -n 1; }
number() { admin crl --json | jq -r '.[0].number'; }
leftovers() { find "$B" "$T/state" "$T" -maxdepth 1 -name '.microca-*' | wc -l; }
issue() { # issue CN: into CN.pem; its serial
	csr "$1" "/CN=$1"
	admin issue --profile device -o "$T/$1.pem" "$T/$1.der" &&
		openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2
}
on_list() { openssl crl -inform DER -in "$LIST" -noout -text | grep -c "$1"; }
verified() { admin audit verify >"$T/verify" 2>&1; echo $?; }
whole() { sqlite3 "$1" 'PRAGMA integrity_check' 2>&1; }

# ---- a backup -------------------------------------------------------------------
enrol one "/CN=one" >/dev/null
two=$(issue two)
admin revoke --reason keyCompromise "$two" >/dev/null
three=$(issue three)
four=$(issue four)
admin crl >/dev/null
is "a backup" "$(run backup "$B")" 0
FIRST=$(newest)
like "is called by the key and the time" "$FIRST" \
	"/microca-$(echo "$KEYID" | cut -c1-8)-20[0-9]{6}T[0-9]{6}Z.tar$"
is "is its owner's alone" "$(stat -c %a "$FIRST")" 600
like "says what is in it" "$(cat "$T/out")" '4 certificates \(1 revoked\)'
like "and what is not" "$(cat "$T/out")" '^  - the PIN, and passwords'
like "what it passed over, too" "$(cat "$T/out")" '^  - conf/maker.key: '
is "is recorded" "$(sql "SELECT count(*) FROM audit WHERE event = 'backup'")" 1
is "leaves nothing else" "$(leftovers)" 0
mkdir "$T/x"
ok "tar(1) reads it" tar -xf "$FIRST" -C "$T/x"
is "nothing but files" "$(find "$T/x" ! -type f ! -type d | wc -l)" 0
for name in database conf/microca.conf conf/profiles.conf conf/maker.pem \
	state/issuer.pem "public/crl/$KEYID.crl" manifest.json; do
	ok "$name is in it" test -f "$T/x/$name"
done
is "the database is whole" "$(whole "$T/x/database")" ok
is "no private key is in it" "$(grep -rl 'PRIVATE KEY' "$T/x" | wc -l)" 0
is "no PIN is in it" "$(grep -rlw 987654 "$T/x" | wc -l)" 0
is "the manifest names every file" \
	"$(jq -r '.members[] | .sha256 + "  " + .name' "$T/x/manifest.json" |
		(cd "$T/x" && sha256sum -c 2>&1) | grep -vc ': OK$')" 0
is "and tells where the audit is" "$(jq -r .audit.hash "$T/x/manifest.json")" \
	"$(sqlite3 "$T/x/database" 'SELECT lower(hex(hash)) FROM audit
		ORDER BY seq DESC LIMIT 1')"

is "it is verified" "$(run backup --verify "$FIRST")" 0
SHA=$(sed -n 's/^sha256 of its manifest: //p' "$T/out")
is "by its manifest's hash" "$SHA" "$(sha256sum <"$T/x/manifest.json" | cut -d' ' -f1)"
is "that one is wanted" "$(run backup --verify --sha256 "$SHA" "$FIRST")" 0
is "another one is not" "$(run backup --verify --sha256 \
	"$(printf %064d 0)" "$FIRST")" 4
is "without any configuration" "$(MICROCA_CONF=/nowhere \
	"$BUILDDIR/bin/microca" backup --verify "$FIRST" >/dev/null; echo $?)" 0
is "out of a pipe" "$("$BUILDDIR/bin/microca" backup --verify - <"$FIRST" \
	>/dev/null; echo $?)" 0
is "as JSON" "$(admin backup --verify --json "$FIRST" |
	jq -r '.format + " " + .sha256')" "microca-backup $SHA"
is "a file that is there stays" "$(run backup "$FIRST")" 2
is "to a file" "$(run backup "$T/one.tar")" 0
admin backup - >"$T/pipe.tar" 2>"$T/err"
like "to standard output, which says so elsewhere" "$(cat "$T/err")" \
	'^standard output: made'
is "and is good" "$(run backup --verify "$T/pipe.tar")" 0
is "no such folder" "$(run backup "$T/none/x")" 1
is "nothing is left of them" "$(leftovers)" 0

# ---- rotation -------------------------------------------------------------------
for day in 1 2 3 4; do
	cp "$FIRST" "$B/microca-$(echo "$KEYID" | cut -c1-8)-2020010${day}T000000Z.tar"
done
touch "$B/microca-ffffffff-20200101T000000Z.tar" "$B/other.tar" \
	"$B/microca-$(echo "$KEYID" | cut -c1-8)-2020010XT000000Z.tar"
mv "$FIRST" "$T/first.tar"
is "the newest are kept" "$(run backup --keep 2 "$B")" 0
is "of this CA's backups alone" "$(find "$B" -type f | sed 's,.*/,,' | sort |
	grep -c "microca-$(echo "$KEYID" | cut -c1-8)-2[0-9T]*Z\|ffff\|other\|XT")" 5
is "--keep wants a folder" "$(run backup --keep 2 "$T/two.tar")" 2
FIRST=$T/first.tar
rm -r "$B" && mkdir "$B"

# ---- while it issues ------------------------------------------------------------
start simpleenroll
for n in 1 2 3; do
	(
		i=0
		while [ ! -e "$T/enough" ]; do
			i=$((i + 1))
			cp "$T/one.key" "$T/load$n-$i.key"
			openssl genpkey -algorithm EC -pkeyopt \
				ec_paramgen_curve:P-256 -out "$T/load$n-$i.key"
			csr "load$n-$i" "/CN=load$n-$i"
			# shellcheck disable=SC2030 # of this one
			ANSWER=$T/answer$n BODY=$T/body$n
			send_csr plain "$T/load$n-$i.b64" >>"$T/sent$n"
			rm "$T/load$n-$i".*
		done
	) 2>/dev/null &
	started="$started $!"
	loads="${loads:-} $!"
done
more_than() { [ "$(issued)" -gt "$1" ]; }
for turn in 1 2 3 4; do
	have=$(issued)
	wait_for 20 more_than $((have + 10)) || bail "nothing is issued"
	least=$(issued)
	rc=$(run backup "$T/load$turn.tar")
	most=$(issued)
	got=$(sed -n 's/^schema [0-9]*, \([0-9]*\) certificates.*/\1/p' "$T/out")
	is "under load, backup $turn" "$rc" 0
	ok "has all that was issued before" test "${got:-0}" -ge "$least"
	ok "and nothing later" test "${got:-0}" -le "$most"
	is "and is whole" "$(run backup --verify "$T/load$turn.tar")" 0
	wait_for 20 more_than "$most" || bail "issuing stopped"
done
touch "$T/enough"
# shellcheck disable=SC2086
wait $loads
is "nobody was refused" "$(cat "$T"/sent? | grep -vc '^0 200 $')" 0
stop
is "the audit is unbroken" "$(verified)" 0

# ---- archives of others -----------------------------------------------------------
state_now() {
	find "$T/state" ! -name restore.lock -type f -exec sha256sum {} + |
		sort
}
bad() { # bad NAME FILE [STATUS]: neither verified nor restored
	is "$1: not verified" "$(run backup --verify "$2")" "${3:-5}"
	state_before=$(state_now)
	is "$1: not restored" "$(run restore --accept-loss "$2")" "${3:-5}"
	is "$1: nothing is changed" "$(state_now)" "$state_before"
	is "$1: nothing is left" "$(leftovers)" 0
}
length=$(stat -c %s "$FIRST")
cut_at() { head -c "$1" "$FIRST" >"$T/bad.tar"; }
changed_at() { # an octet of the archive is another one
	cp "$FIRST" "$T/bad.tar"
	octet=$(od -An -tu1 -j "$1" -N 1 "$FIRST" | tr -d ' ')
	printf '%b' "\\0$(printf %o $((octet ^ 1)))" |
		dd of="$T/bad.tar" bs=1 seek="$1" conv=notrunc 2>/dev/null
}
cut_at 0 && bad "an empty file" "$T/bad.tar"
cut_at 700 && bad "cut off in the database" "$T/bad.tar"
cut_at $((length - 3000)) && bad "cut off in the manifest" "$T/bad.tar"
cut_at $((length - 512)) && bad "cut off at the end" "$T/bad.tar"
# The last hash in the manifest; its notes for people bind nobody, but change the
# hash that is written down elsewhere.
hash_at=$(grep -abo '"sha256": "' "$FIRST" | tail -n 1 | cut -d: -f1)
note_at=$(grep -abo 'the PIN, and passwords' "$FIRST" | tail -n 1 | cut -d: -f1)
for at in 0 100 2000 60000 $((hash_at + 20)) $((length - 600)); do
	changed_at "$at" && bad "another octet at $at" "$T/bad.tar"
done
changed_at $((note_at + 5))
is "another octet in a note: not what was written down" \
	"$(run backup --verify --sha256 "$SHA" "$T/bad.tar")" 4
(cat "$FIRST" && echo more) >"$T/bad.tar" && bad "something behind it" "$T/bad.tar"
cp "$T/maker.pem" "$T/bad.tar" && bad "something else" "$T/bad.tar"
is "no file at all" "$(run backup --verify "$T/none.tar")" 6

# The files of $T/x again, their manifest changed by jq.
repack() { # repack MANIFEST-FILTER [tar options]
	repack_filter=$1
	shift
	rm -rf "$T/y"
	cp -r "$T/x" "$T/y"
	jq "$repack_filter" "$T/x/manifest.json" >"$T/y/manifest.json"
	(cd "$T/y" && find database conf state public -type f &&
		echo manifest.json) >"$T/names"
	tar --format=ustar -cf "$T/bad.tar" -C "$T/y" --no-recursion "$@" \
		-T "$T/names"
}
repack .
is "packed by tar(1) it is as good" "$(run backup --verify "$T/bad.tar")" 0
repack '.audit.records += 1' && bad "another number of records" "$T/bad.tar"
repack '.rows.certificates = 1' && bad "another number of rows" "$T/bad.tar"
repack '.members |= .[1:]' && bad "no database in the manifest" "$T/bad.tar"
repack '.members |= .[:-1]' && bad "a member too many" "$T/bad.tar"
repack '.members += [{name: "conf/x", size: 0, sha256: .audit.hash}]' &&
	bad "a member too few" "$T/bad.tar"
repack '.schema = 99' && bad "of a newer schema" "$T/bad.tar" 2
repack '.version = 2' && bad "of a newer form" "$T/bad.tar"
repack . --transform 's,^conf/maker.pem$,../../evil.pem,' &&
	bad "a name that goes up" "$T/bad.tar"
repack . -P --transform "s,^conf/maker.pem\$,$T/evil.pem," &&
	bad "an absolute name" "$T/bad.tar"
repack . --transform 's,^conf/maker.pem$,state/ocsp/evil.pem,' &&
	bad "another name than the manifest's" "$T/bad.tar"
ln -sf /etc/passwd "$T/x/conf/maker.pem.link"
cp -r "$T/x" "$T/keep.x"
rm "$T/x/conf/maker.pem" && ln -s /etc/passwd "$T/x/conf/maker.pem"
(cd "$T/x" && echo database && echo conf/maker.pem && echo manifest.json) >"$T/names"
tar --format=ustar -cf "$T/bad.tar" -C "$T/x" -T "$T/names"
bad "a symbolic link" "$T/bad.tar"
rm -r "$T/x" && mv "$T/keep.x" "$T/x" && rm "$T/x/conf/maker.pem.link"
is "nothing went astray" "$(find "$T" -name 'evil*' | wc -l)" 0
# A database of somebody else's making, in an archive that fits it.
cp -r "$T/x" "$T/own.x"
sqlite3 "$T/own.x/database" "CREATE TRIGGER t AFTER INSERT ON audit BEGIN
	DELETE FROM outbox; END"
(cd "$T/own.x" && jq --arg h "$(sha256sum <database | cut -d' ' -f1)" \
	--argjson n "$(stat -c %s database)" '(.members[] |
	select(.name == "database")) |= (.sha256 = $h | .size = $n)' \
	manifest.json >m && mv m manifest.json)
mv "$T/x" "$T/good.x" && mv "$T/own.x" "$T/x"
repack . && bad "a database with a trigger" "$T/bad.tar" 7
rm -r "$T/x" "$T/y" && mv "$T/good.x" "$T/x"

# ---- an older one, in the place of what is there ------------------------------------
RENEW=simplereenroll
renew() { # renew NAME: by its own certificate, with a new key
	rm -f "$T/$1.key"
	csr "$1" "/CN=$1" >/dev/null
	post device simplereenroll "$1" "$T/$1.b64"
}
open_secrets() { sql "SELECT count(*) FROM secret WHERE revoked = 0 AND used = 0"; }
ok "a one-time secret" admin secret add once five
is "… is open" "$(open_secrets)" 1
seven=$(issue seven)
is "a backup with an open secret" "$(run backup "$T/second.tar")" 0
SECOND=$T/second.tar
records=$(sql "SELECT max(seq) - 1 FROM audit")
certificates=$(issued)
enrol late "/CN=late" >/dev/null
five=$(issue five)
admin revoke --reason keyCompromise "$five" >/dev/null # unknown to the backup
admin revoke --reason cessationOfOperation "$three" >/dev/null
admin revoke --reason certificateHold "$four" >/dev/null
admin crl >/dev/null
latest=$(number)
is "renewals by both" "$(renew one) $(renew late)" "200 200"
# No list tells of these.
eight=$(issue eight)
admin revoke --reason superseded "$seven" >/dev/null
admin revoke --reason affiliationChanged "$eight" >/dev/null
now_lost=$(issued)
start "$RENEW"
is "not while a program runs" "$(run restore --accept-loss "$SECOND")" 7
like "which is named" "$(cat "$T/err")" "process $pid \\($RENEW"
stop
lost=$(sql "SELECT max(seq) FROM audit")
is "not without a word" "$(run restore "$SECOND")" 4
like "that says what would be lost" "$(cat "$T/err")" \
	"$((lost - records)) records, $((now_lost - certificates)) certificates and 4 revocations"
is "nothing is changed" "$(sql "SELECT max(seq) FROM audit")" "$lost"
is "nothing is left" "$(leftovers)" 0
is "not another than is meant" "$(run restore --accept-loss --sha256 "$SHA" \
	"$SECOND")" 4
is "with a word it is" "$(run restore --accept-loss --text "the disk was \
changed" "$SECOND")" 0
like "says so" "$(cat "$T/out")" "^lost: $((lost - records)) records"
aside=$(sed -n 's/^what was here is in //p' "$T/out")
is "the former database is kept" "$(sqlite3 -readonly "$aside/microca.db" \
	'SELECT max(seq) FROM audit')" "$lost"
is "nobody else reads it" "$(stat -c %a "$aside" "$T/state/microca.db" |
	tr '\n' ' ')" "700 600 "
is "certificates are those of the backup" "$(issued)" "$certificates"
gap=$(sql "SELECT record FROM audit WHERE event = 'gap' ORDER BY seq LIMIT 1")
like "the audit tells of the gap" "$(echo "$gap" | jq -r .text)" \
	"^records $((records + 1)) to $lost are lost"
told=$(sql "SELECT record FROM audit WHERE event = 'restore' ORDER BY seq
	LIMIT 1" | jq -r .text)
like "of the backup" "$told" "$(admin backup --verify --json "$SECOND" | jq -r .sha256)"
like "of where the former one ended" "$told" "record $lost, hash $(sqlite3 \
	-readonly "$aside/microca.db" "SELECT lower(hex(hash)) FROM audit
		WHERE seq = $lost")"
like "of who and why" "$told" 'the disk was changed'
is "the audit is unbroken" "$(verified)" 0
status_of() { sql "SELECT status || ' ' || reason FROM certificate
	WHERE serial = '$1'"; }
is "what was revoked since stays so" "$(status_of "$three")" "1 5"
is "and what was held" "$(status_of "$four")" "2 6"
is "and what no list told of" "$(status_of "$seven")" "1 4"
like "all are said" "$(cat "$T/out")" '^stay revoked: 3, and 2 of which'
is "no secret is open any more" "$(open_secrets)" 0
is "a list is made" "$(run crl --force)" 0
ok "with a higher number" test "$(number)" -gt "$latest"
is "that has all that was revoked" "$(on_list "$five")$(on_list "$three")$(on_list \
	"$four")$(on_list "$two")$(on_list "$seven")$(on_list "$eight")" 111111
admin ocsp >/dev/null
start ocsp
openssl ocsp -issuer "$T/ca.pem" -no_nonce -serial "0x$five" -reqout "$T/rq" \
	>/dev/null 2>&1
send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
	CONTENT_TYPE=application/ocsp-request <"$T/rq" >/dev/null
# shellcheck disable=SC2031
like "the responder knows it, too" "$(openssl ocsp -respin "$BODY" -noverify \
	-resp_text 2>&1)" 'Cert Status: revoked'
stop
is "who is in the backup renews" "$(renew one)" 200
is "who is not is refused" "$(renew late) $(reason)" "403 client-unknown"
is "and enrols anew" "$(post device simpleenroll maker-ra "$T/late.b64")" 200
is "a serial never comes twice" "$(sql "SELECT count(*) FROM certificate
	WHERE serial IN ('$five')")" 0
is "the audit is unbroken still" "$(verified)" 0

# ---- the same again, newer, damaged, gone ---------------------------------------------
is "a backup of it" "$(run backup "$T/third.tar")" 0
is "nothing but its own record is lost" "$(run restore "$T/third.tar")" 4
like "says so" "$(cat "$T/err")" '1 records, 0 certificates and 0 revocations'
damage() { # in the middle of the database
	admin restore --accept-loss "$T/third.tar" >/dev/null
	sqlite3 "$T/state/microca.db" "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
	dd if=/dev/urandom of="$T/state/microca.db" bs=4096 seek=1 count=20 \
		conv=notrunc 2>/dev/null
}
damage
is "a damaged one: nobody knows" "$(run restore "$T/third.tar")" 4
like "what is lost" "$(cat "$T/err")" 'the database here cannot be read'
is "it is replaced with a word" "$(run restore --accept-loss "$T/third.tar")" 0
is "and all is well" "$(verified)" 0
rm "$T/state/microca.db"
is "none at all: it goes without, for nothing is known" \
	"$(run restore "$T/third.tar")" 0
rm "$T/state/microca.db"
is "unless a list is newer" "$(run restore "$FIRST")" 4
like "which says that there was more" "$(cat "$T/err")" 'list is newer'
is "then by a word" "$(run restore --accept-loss "$FIRST")" 0
is "the audit is unbroken" "$(verified)" 0
is "what the list told stays revoked" "$(status_of "$three")" "1 5"
is "a backup once more" "$(run backup "$T/fourth.tar")" 0
ok "a signed head of what came after" admin audit head
rm "$T/state/microca.db"
is "a head that tells of more is a word, too" "$(run restore "$T/fourth.tar")" 4
like "it says how much" "$(cat "$T/err")" \
	'at least 1 records, as a signed head tells'
is "with a word it goes" "$(run restore --accept-loss "$T/fourth.tar")" 0
is "the audit is unbroken" "$(verified)" 0
ok "heads go on" admin audit head
admin crl --force >/dev/null
is "all of it" "$(on_list "$five")$(on_list "$three")$(on_list \
	"$four")$(on_list "$two")" 1111

# ---- another machine -------------------------------------------------------------------
N=$T/new
mkdir -p "$N/conf"
is "the files alone" "$(run restore --into "$N/files" "$T/third.tar")" 0
is "closed to others" "$(stat -c %a "$N/files")" 700
is "not into what is there" "$(run restore --into "$N/files" "$T/third.tar")" 2
is "with nothing changed" "$(run restore --into "$N/f2" --accept-loss \
	"$T/third.tar")" 2
cp "$N/files/conf/"* "$N/conf" 2>/dev/null
sed -e "s,$T/state,$N/state,;s,$T/public,$N/public,;s,$T/run,$N/run," \
	"$N/files/conf/microca.conf" >"$N/conf/microca.conf"
cp "$T/pin" "$N/conf/pin"
new() { "$BUILDDIR/bin/microca" -c "$N/conf/microca.conf" "$@"; }
ok "is restored whole, without init" new restore "$T/third.tar"
ok "its chains are published" new install published
is "it is well, but for the web server's pair" \
	"$(new check 2>&1 | grep FAIL | grep -vc "web server's certificate")" 0
is "it has the certificates" "$(new list --format csv | wc -l)" \
	"$(($(sqlite3 "$N/files/database" \
		'SELECT count(*) FROM certificate') + 1))"
csr six /CN=six
ok "it issues" new issue --profile device "$T/six.der"
is "its list goes on" "$(new crl --json | jq -r '.[0].number > '"$latest")" true
ok "its audit is unbroken" new audit verify

# ---- another CA ---------------------------------------------------------------------------
O=$T/other
mkdir -p "$O"
cp "$T/maker.pem" "$T/profiles.conf" "$O"
sed -e "s,$T/state,$O/state,;s,$T/public,$O/public,;s,$T/run,$O/run,
	s,pkcs11:[^\"]*,$O/issuer.key,;s,Op Test CA,Another CA," "$CONF" \
	>"$O/microca.conf"
other() { "$BUILDDIR/bin/microca" -c "$O/microca.conf" "$@"; }
other init --self-signed >/dev/null 2>&1
is "is not given this one's" "$(other restore --accept-loss "$SECOND" \
	>"$T/out" 2>"$T/err"; echo $?)" 4
like "and told so" "$(cat "$T/err")" "another CA's: its key is $KEYID"

done_testing
