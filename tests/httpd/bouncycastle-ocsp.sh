#!/usr/bin/env bash
# Bouncy Castle and openssl(1) ask the responder behind lighttpd the same, and
# are told the same.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
if ! command -v javac >/dev/null; then
	echo "1..0 # SKIP no JDK is installed"
	exit 0
fi
demo_start
jars=/usr/share/java
export CLASSPATH=$T:$jars/bcpkix.jar:$jars/bcprov.jar:$jars/bcutil.jar
U=http://localhost:$((PORT + 6))/ocsp
ok "compile" javac -d "$T" "$SRCDIR/tests/httpd/BcOcsp.java"

for name in good lost held plain; do
	enrol "$name" "bc-$name" || exit 1
done
serial() { openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2; }
admin revoke --reason keyCompromise "$(serial lost)" >/dev/null
admin revoke --reason certificateHold "$(serial held)" >/dev/null
admin revoke "$(serial plain)" >/dev/null

# One Java for all questions.
coproc JAVA { java BcOcsp "$U" "$DEMO/intermediate.pem" "$DEMO/root.pem" 2>&1; }
exec 7<&"${JAVA[0]}" 8>&"${JAVA[1]}"
bc() { # bc WORD...: its answer
	local answer=none
	echo "$*" >&8
	read -r -t 60 -u 7 answer
	echo "$answer"
}
# What openssl says, in the same words: ssl SHA NONCE NAME...
ssl() {
	local sha=$1 nonce=$2 name args=()
	shift 2
	for name in "$@"; do args+=(-cert "$T/$name.pem"); done
	openssl ocsp -issuer "$DEMO/intermediate.pem" "-$sha" "${args[@]}" \
		"$nonce" -url "$U" -CAfile "$DEMO/root.pem" -resp_text \
		>"$T/ssl.out" 2>"$T/ssl.err"
	grep -q 'Response verify OK' "$T/ssl.err" || cat "$T/ssl.err"
	awk -F': ' '
		function flush() { if (s != "") print s (s == "revoked" ? ":" r ":" t : "") }
		/^ *Cert Status:/ { flush(); s = $2; r = "-"; t = "" }
		/^ *Revocation Time:/ {
			d = "date -d \"" $2 "\" +%s"
			d | getline t
			close(d)
		}
		/^ *Revocation Reason:/ { r = $2; sub(/.*\(0x/, "", r); sub(/\)/, "", r) }
		/OCSP Nonce/ { n = 1 }
		END { flush(); if (n) print "nonce" }' "$T/ssl.out" |
		tr '\n' ' ' | sed 's/ $//'
}

is "good" "$(bc post sha1 - "$(serial good)")" good
like "revoked, why and when" "$(bc post sha1 - "$(serial lost)")" \
	'^revoked:1:[0-9]+$'
like "held" "$(bc post sha1 - "$(serial held)")" '^revoked:6:'
like "for no reason" "$(bc post sha1 - "$(serial plain)")" '^revoked:-:'
is "never issued" "$(bc post sha1 - 1234)" unknown
for sha in sha1 sha256; do
	for method in post get; do
		is "$method, $sha: both say the same" \
			"$(bc $method $sha 32 "$(serial lost)")" \
			"$(ssl $sha -nonce lost)"
	done
	is "four at once, $sha: both say the same" "$(bc post $sha - \
		"$(serial good)" "$(serial lost)" "$(serial held)" \
		"$(serial plain)")" "$(ssl $sha -no_nonce good lost held plain)"
done
when=$(admin show --json "$(serial lost)" | jq -r '.revoked_at // .revoked')
is "the time is that of the record" "$(bc post sha1 - "$(serial lost)" |
	cut -d: -f3)" "$(date -d "$when" +%s)"

# RFC 9654, 2.1
for n in 1 16 32 128; do
	is "a nonce of $n octets comes back" \
		"$(bc post sha256 "$n" "$(serial good)")" "good nonce"
done
for n in 0 129 160; do
	is "one of $n octets: malformedRequest" \
		"$(bc post sha256 "$n" "$(serial good)")" "error 1"
done
is "by GET, whatever is in its path" "$(for _ in 1 2 3 4 5 6 7 8; do
	bc get sha256 32 "$(serial good)"; done | sort -u)" "good nonce"
is "nothing is asked for: malformedRequest" "$(bc post sha1 -)" "error 1"

# What looks after certificates for Java programs.
is "a path is valid" "$(bc path "$T/good.pem")" valid
like "a revoked one is not" "$(bc path "$T/lost.pem")" '^invalid: .*revoked'
admin release "$(serial held)" >/dev/null
is "released: a path is valid" "$(bc path "$T/held.pem")" valid
exec 7<&- 8>&-
java=$JAVA_PID
eval "exec ${JAVA[1]}>&-"
wait "$java"
done_testing
