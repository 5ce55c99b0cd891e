#!/bin/sh
# A bundle of the audit, checked by docs/audit-verify.c alone: what is good, and
# every way to change it.
# shellcheck disable=SC2016,SC2030,SC2031 # perl's; another CA in a folder
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
CC=cc
if ! command -v "$CC" >/dev/null; then
	echo "1..0 # SKIP no C compiler"
	exit 0
fi
ca_make pem
ok "the verifier is built from one file" "$CC" \
	-Wall -Wextra -Werror -g -O1 -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -o "$T/audit-verify" \
	"$SRCDIR/docs/audit-verify.c" -lcrypto
# A finding of a sanitizer is no answer.
export ASAN_OPTIONS=exitcode=99:detect_leaks=0
verify() { # verify ARGUMENT...: its status and first line
	(cd / && "$T/audit-verify" "$@" >"$T/out" 2>"$T/err")
	rc=$?
	[ "$rc" = 0 ] || [ -s "$T/out" ] || head -n 12 "$T/err" | sed 's/^/# /' >&2
	echo "$rc $(head -n 1 "$T/out")"
}
count() { sql "SELECT count(*) FROM audit"; }

enrol one /CN=one >/dev/null
enrol two /CN=two >/dev/null
admin audit head >/dev/null
enrol three /CN=three >/dev/null
admin revoke "$(openssl x509 -in "$T/two.pem" -noout -serial | cut -d= -f2)" \
	>/dev/null
refused=$(cgi simpleenroll REQUEST_METHOD=POST \
	REQUEST_URI=/.well-known/est/simpleenroll </dev/null)
like "a refusal" "$refused" '^[45]'
ok "a bundle" admin audit export --certificates "$T/bundle"
cp "$T/bundle" "$T/good"
like "is good" "$(verify "$T/good")" \
	"^0 $(count) records are good, 3 of them certificates \\(3 are here\\)"
like "… by two heads" "$(sed -n 2p "$T/out")" "^2 heads are good; the last one"
like "… and tells who signed" "$(sed -n 3p "$T/out")" \
	"SHA-256 $(openssl x509 -in "$T/ca.pem" -outform DER | sha256sum |
		cut -d' ' -f1)"
root=$T/root.pem
like "… who leads to the root" "$(verify -a "$root" "$T/good")" "^0 "
is "… and then nothing is left to compare" "$(wc -l <"$T/out")" 2
root_make other /CN=Other 2>/dev/null
like "another root" "$(verify -a "$T/other.pem" "$T/good")" "^1 broken: .*"
like "from a pipe" "$("$T/audit-verify" <"$T/good")" "records are good"
admin audit export "$T/bare" 2>/dev/null
like "without the certificates" "$(verify "$T/bare")" "\\(0 are here\\)"
ok "without a head" admin audit export --no-head "$T/unsigned"
ok "… it can be checked, too" "$T/audit-verify" "$T/unsigned"

# ---- what is not
at() { # at EVENT [NTH]: the number of that record
	sql "SELECT seq FROM audit WHERE event = '$1' ORDER BY seq
		LIMIT 1 OFFSET $((${2:-1} - 1))"
}
second=$(at issue 2) third=$(at issue 3)
# bad NAME WANT PERL: what perl -0777 makes of the bundle is found.
bad() {
	perl -0777 -pe "$3" "$T/good" >"$T/bad"
	if cmp -s "$T/good" "$T/bad"; then
		ok "$1 (nothing was changed)" false
		return
	fi
	like "$1" "$(verify "$T/bad")" "^1 broken: $2"
}
bad "a changed record" "record $second: " 's/CN=two/CN=tow/'
bad "a deleted record" "record " \
	"s/\\{\"lane\":0,\"seq\":$second,[^\\n]*\\n//"
bad "… with its certificate" "record $second: " \
	"s/\\{\"lane\":0,\"seq\":$second,[^\\n]*\\n[^\\n]*\\n//"
bad "a record twice" "record " \
	"s/(\\{\"lane\":0,\"seq\":$second,[^\\n]*\\n[^\\n]*\\n)/\$1\$1/"
bad "an inserted record" "record $second: " \
	"s/(\\{\"lane\":0,\"seq\":)$second(,[^\\n]*\\n)/\${1}$second\$2\${1}$second\$2/"
bad "two in another order" "record $second: " \
	"s/(\\{\"lane\":0,\"seq\":$second,[^\\n]*\\n[^\\n]*\\n)(.*?)(\\{\"lane\":0,\"seq\":$third,[^\\n]*\\n[^\\n]*\\n)/\$3\$2\$1/s"
bad "another number" "record " "s/\"seq\":$second,/\"seq\":99,/"
bad "another lane" "" "s/\"lane\":0,\"seq\":$second/\"lane\":1,\"seq\":$second/"
bad "a hash that is changed" "record $second: " \
	"s/(\"seq\":$second,\"hash\":\")(.)/\$1 . (\$2 eq '0' ? '1' : '0')/e"
bad "cut off at the end" "" 's/\{"end"[^\n]*\n//'
bad "half of it is missing" "" '$_ = substr($_, 0, length($_) / 2)'
bad "cut off after a line" "" 's/(\{"lane":0,"seq":'"$third"',[^\n]*\n).*/$1/s'
bad "nothing of it is there" "" '$_ = ""'
bad "an end that counts others" "" 's/("end":\{"records":)\d+/${1}3/'
bad "more after the end" "" 's/\z/{"end":{"records":1,"heads":0}}\n/'
bad "a certificate changed" "record $second: " \
	's/(CN=two.*?\n\{"issued":"MII)(.)/$1 . ($2 eq "B" ? "C" : "B")/se'
bad "two certificates exchanged" "record " \
	's/(\{"issued":[^\n]*\n)(.*?)(\{"issued":[^\n]*\n)/$3$2$1/s'
bad "a certificate missing" "record " 's/\{"issued":[^\n]*\n//'
bad "a head that tells of another number" "" \
	's/(\\"lanes\\":\[\{\\"lane\\":0,\\"seq\\":)(\d+)/$1 . ($2 - 1)/e'
bad "a signature that is changed" "" \
	's/("signature":"[^"]*?\.\.)(.)/$1 . ($2 eq "A" ? "B" : "A")/e'
bad "a head without a signature" "" 's/,"signature":"[^"]*"//'
bad "the signer's certificate missing" "" 's/\{"certificate":[^\n]*\n//g'
bad "another format" "" 's#microca.audit/1#microca.audit/2#'

# All hashes made anew by one who can write, and the heads as they were.
perl -MDigest::SHA=sha256 -MJSON::PP -ne '
	BEGIN { $h = "\0" x 32; $j = JSON::PP->new->canonical; }
	if (/^\{"lane"/) {
		$r = decode_json($_);
		$r->{record} =~ s/CN=two/CN=tow/;
		utf8::encode($text = $r->{record});
		$h = sha256($h . $text);
		printf "{\"lane\":0,\"seq\":%d,\"hash\":\"%s\",\"record\":%s}\n",
			$r->{seq}, unpack("H*", $h),
			$j->allow_nonref->encode($r->{record});
	} else { print }' "$T/good" >"$T/bad"
like "all hashes made anew: a head says otherwise" "$(verify "$T/bad")" \
	"^1 broken: record [0-9]*: .*head"

# An older state of the database, by heads that were kept elsewhere.
cp "$T/state/heads/local" "$T/elsewhere"
sed 's/^/Nov 24 10:00:00 box microca[7]: audit head /' "$T/elsewhere" >"$T/syslog"
like "the heads kept elsewhere agree" "$(verify -k "$T/elsewhere" "$T/good")" \
	"^0 "
like "… and as syslog has them" "$(verify -k "$T/syslog" "$T/good")" "^0 "
perl -ne 'print unless /^\{"lane":0,"seq":(\d+),/ && $1 > '"$second"' ..
	/^\{"nothing/' "$T/unsigned" |
	sed '/"schema":"microca.head/d' >"$T/rolled"
n=$(grep -c '^{"lane"' "$T/rolled")
printf '{"end":{"records":%d,"heads":0}}\n' "$n" >>"$T/rolled"
like "rolled back, it is whole by itself" "$(verify "$T/rolled")" "^0 $n records"
like "… and found by the heads kept elsewhere" \
	"$(verify -k "$T/elsewhere" "$T/rolled")" "^1 broken: "

# Another's key: his own CA, his own chain, all of it sound.
mkdir "$T/mallory"
(
	T=$T/mallory
	CONF=$T/microca.conf
	export CONF
	ca_make pem
	enrol one /CN=one
	admin audit export --certificates "$T/bundle"
) >"$T/mallory.log" 2>&1
mallory=$T/mallory/bundle
like "another CA's is good by itself" "$(verify "$mallory")" "^0 "
like "… and not by our root" "$(verify -a "$root" "$mallory")" "^1 broken: "
like "… nor by our heads" "$(verify -k "$T/elsewhere" "$mallory")" "^1 broken: "

# ---- octets of any kind: an answer, and never a crash
broken_by() { # broken_by SEED: 1 or 2, or 0 where it does not matter
	perl -0777 -e 'srand(shift); $_ = <STDIN>; for my $i (0 .. rand 3) {
		my $at = int rand length; my $how = int rand 5;
		if ($how == 0) { substr($_, $at, 1) = chr int rand 256 }
		elsif ($how == 1) { $_ = substr($_, 0, $at) }
		elsif ($how == 2) { substr($_, $at, 0) = "9" x int rand 400 }
		elsif ($how == 3) { substr($_, $at, int rand 90) = "" }
		else { substr($_, $at, 0) = ("{\"a\":[" x int rand 900) } }
		print' "$1" <"$T/good" >"$T/bad"
	"$T/audit-verify" "$T/bad" >"$T/out" 2>"$T/err"
	case $? in
	0) cmp -s "$T/good" "$T/bad" || echo "$1: taken" ;;
	1 | 2) ;;
	*) echo "$1: crashed: $(head -n 3 "$T/err")" ;;
	esac
}
n=0
while [ "$n" -lt 150 ]; do
	n=$((n + 1))
	broken_by "$n"
done >"$T/fuzz"
is "150 bundles with octets changed: none crashes it" \
	"$(grep -c crashed "$T/fuzz")" 0
head -n 5 "$T/fuzz" | sed 's/^/# /'
is "… a file that is none" "$(verify "$T/nothing" | cut -d' ' -f1)" 2
is "… an option that is none" "$(verify -x | cut -d' ' -f1)" 2
is "… anchors that are none" \
	"$(verify -a "$T/good" "$T/good" | cut -d' ' -f1)" 2
head -c 100000 /dev/urandom >"$T/bad"
like "… noise" "$(verify "$T/bad")" "^1 broken: line 1"
done_testing
