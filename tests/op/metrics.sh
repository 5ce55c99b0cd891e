#!/bin/sh
# metrics: what Prometheus is told, and who is; counts outlive the process that
# counted and add up.  Judge of the format: promtool.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
if ! command -v promtool >/dev/null; then
	[ "${CI:-}" = true ] && bail "no promtool"
	echo "1..0 # SKIP prometheus is not installed"
	exit 0
fi
ca_make pem

metrics() { # metrics [NAME=VALUE...]: status
	cgi metrics REQUEST_METHOD=GET REQUEST_URI=/metrics "$@" </dev/null
}
told() { metrics REMOTE_ADDR=127.0.0.1 >/dev/null; }
value() { # value SERIES of the last answer; the sum of all that match
	awk -v OFMT=%.3f -v s="$1" 'index($0, s) == 1 { n += $2; any = 1 }
		END { print any ? n : "none" }' "$T/body"
}
now() { # now SERIES
	told
	value "$1"
}
sound() { promtool check metrics <"$T/body"; }
issued="microca_issued_total{program=\"simpleenroll\",endpoint=\"device\",\
profile=\"device\"}"
repeated="microca_repeated_total{program=\"simpleenroll\",endpoint=\"device\",\
profile=\"device\"}"
refused='microca_refused_total{program="simpleenroll",reason="pop"}'

# ---- who
is "from this machine" "$(metrics REMOTE_ADDR=127.0.0.1)" 200
is "its type" "$(header Content-Type)" \
	"text/plain; version=0.0.4; charset=utf-8"
ok "promtool takes it" sound
is "no cache keeps it" "$(header Cache-Control)" no-store
is "by IPv6" "$(metrics REMOTE_ADDR=::1)" 200
is "by IPv4 in IPv6" "$(metrics REMOTE_ADDR=::ffff:127.0.0.1)" 200
is "from elsewhere" "$(metrics) $(jq -r .error.code "$T/body")" "403 auth-none"
for liar in 127.evil 127.0.0.1.example ::10 "" 2130706433; do
	is "from \"$liar\"" "$(metrics REMOTE_ADDR="$liar")" 403
done
is "a proxy here, for somebody here" "$(metrics REMOTE_ADDR=127.0.0.1 \
	'HTTP_X_FORWARDED_FOR=127.0.0.1, ::1')" 200
is "a proxy here, for somebody elsewhere" "$(metrics REMOTE_ADDR=127.0.0.1 \
	HTTP_X_FORWARDED_FOR=192.0.2.7)" 403
is "… or by two" "$(metrics REMOTE_ADDR=127.0.0.1 \
	'HTTP_X_FORWARDED_FOR=192.0.2.7, 127.0.0.1')" 403
is "… or for nobody knows whom" "$(metrics REMOTE_ADDR=127.0.0.1 \
	'HTTP_FORWARDED=for=127.0.0.1')" 403
is "a header makes nobody local" \
	"$(metrics HTTP_X_FORWARDED_FOR=127.0.0.1)" 403
is "another path" "$(metrics REMOTE_ADDR=127.0.0.1 \
	REQUEST_URI=/metrics/x)" 404
is "POST" "$(metrics REMOTE_ADDR=127.0.0.1 REQUEST_METHOD=POST) \
$(header Allow)" "405 GET, HEAD"
is "HEAD" "$(metrics REMOTE_ADDR=127.0.0.1 REQUEST_METHOD=HEAD) \
$(wc -c <"$T/body")" "200 0"

root_make operators "/CN=Op Test Operators" 2>/dev/null
{
	leaf_make viewer operators "/CN=Prometheus"
	leaf_make stranger operators "/CN=Somebody"
} 2>/dev/null
cp "$CONF" "$T/plain.conf"
cat >>"$CONF" <<-END
	inventory = { anchors = "$T/operators.pem"; operators = (
	  { role = "viewer"; issuer = "CN=Op Test Operators";
	    subject = "CN=Prometheus"; } ); };
END
as() { metrics SSL_CLIENT_VERIFY=SUCCESS "SSL_CLIENT_CERT=$(cat "$T/$1.pem")"; }
is "a viewer from elsewhere" "$(as viewer) $(value microca_build_info)" \
	"200 1"
is "another certificate of that CA" "$(as stranger) \
$(jq -r .error.code "$T/body")" "403 operator-unknown"
is "a registration authority" "$(as maker-ra)" 403
is "the audit has it" "$(sql "SELECT json_extract(record, '\$.operation')
	FROM audit ORDER BY seq DESC LIMIT 1")" metrics
is "from this machine as ever" "$(metrics REMOTE_ADDR=127.0.0.1)" 200
cp "$T/plain.conf" "$CONF"

# ---- counts
told
is "nothing happened, nothing is known" "$(value "$issued")" none
start simpleenroll
told
is "a program that runs has a zero" "$(value "$issued")" 0
csr a /CN=a && csr b /CN=b && csr c /CN=c
send_csr plain "$T/a.b64" >/dev/null
is "issued" "$(now "$issued")" 1
send_csr plain "$T/a.b64" >/dev/null
is "the same again is repeated" "$(now "$issued") $(value "$repeated")" "1 1"
cp "$SRCDIR/tests/vectors/csr-made/023-sig-flipped.b64" "$T/bad.b64"
openssl base64 -d -in "$T/bad.b64" -out "$T/bad.der"
is "a signature that is wrong" "$(send_csr plain "$T/bad.b64")" "0 400 pop"
is "refused, by its reason" "$(now "$refused")" 1
is "… and by status" "$(value \
	'microca_requests_total{program="simpleenroll",status="400"}')" 1
is "… and what was answered well" "$(value \
	'microca_requests_total{program="simpleenroll",status="200"}')" 2
is "each request has its time" "$(value \
	'microca_request_duration_seconds_count{program="simpleenroll"}')" 3
is "the last bucket has all" "$(value \
	'microca_request_duration_seconds_bucket{program="simpleenroll",le="+Inf"}')" 3
like "signatures have theirs" "$(value \
	'microca_sign_duration_seconds_count{program="simpleenroll"}')" '^[1-9]'
like "and transactions" "$(value \
	'microca_commit_duration_seconds_count{program="simpleenroll"}')" '^[1-9]'
ok "promtool takes all that" sound
stop KILL
is "killed: nothing is lost" "$(now "$issued") $(value "$refused")" "1 1"
start simpleenroll
send_csr plain "$T/b.b64" >/dev/null
post device simpleenroll maker-ra "$T/c.b64" >/dev/null
is "the next process and one beside it add up" "$(now "$issued")" 3
stop TERM

# ---- the tools
csr d /CN=d
admin issue --profile device "$T/d.der" >/dev/null
is "microca issue counts" "$(now 'microca_issued_total{program="microca",endpoint="local",profile="device"}')" 1
admin issue --profile device "$T/bad.der" >/dev/null 2>&1
is "… what it refuses, too" "$(now \
	'microca_refused_total{program="microca",reason="pop"}')" 1

# ---- what fails
key_hide
csr e /CN=e
is "no key" "$(post device simpleenroll maker-ra "$T/e.b64")" 503
like "… is an error of the key" \
	"$(now 'microca_token_errors_total{program="simpleenroll"')" '^[1-9]'
key_back
sed 's/disk_reserve = "1M"/disk_reserve = "1000G"/' "$CONF" >"$T/full.conf"
is "no room" "$(post device simpleenroll maker-ra "$T/e.b64" \
	MICROCA_CONF="$T/full.conf") $(reason)" "503 disk-full"
is "… is an error of the store" "$(now \
	'microca_store_errors_total{program="simpleenroll",reason="disk-full"}')" 1
is "… and a refusal" "$(value \
	'microca_refused_total{program="simpleenroll",reason="disk-full"}')" 1

# ---- how the CA stands
for work in crl ocsp "audit head" "backup $T"; do
	# shellcheck disable=SC2086
	admin $work >/dev/null || bail "microca $work"
done
told
near() { # near NAME SECONDS: the gauge is about that
	ok "$1" [ "$(value "$2" | awk -v want="$3" \
		'{ d = $1 - want; print(d < 120 && d > -120) }')" = 1 ]
}
end_of() { date -d "$(openssl x509 -in "$1" -noout -enddate |
	cut -d= -f2)" +%s; }
near "the issuing certificate's end" microca_issuer_not_after_timestamp_seconds \
	"$(end_of "$T/ca.pem")"
near "the responder's" microca_responder_not_after_timestamp_seconds \
	"$(end_of "$(find "$T/state/ocsp" -name '*.pem')")"
near "the list's" microca_crl_next_update_timestamp_seconds \
	"$(date -d "$(openssl crl -in "$(find "$T/public" -name '*.crl')" \
		-inform DER -noout -nextupdate | cut -d= -f2)" +%s)"
near "the head's time" microca_audit_head_timestamp_seconds "$(date +%s)"
near "the backup's" microca_backup_timestamp_seconds "$(date +%s)"
is "records" "$(value microca_audit_sequence)" \
	"$(sql "SELECT max(seq) FROM audit")"
is "… of which the head covers" "$(value microca_audit_head_sequence)" \
	"$(jq -r '.head | fromjson | .lanes[0].seq' "$T/state/heads/local")"
near "… and what came later" microca_audit_uncovered_timestamp_seconds \
	"$(date +%s)"
is "certificates" "$(value microca_certificates_issued)" "$(issued)"
is "nothing waits" "$(value microca_pending_requests)" 0
is "health" "$(value microca_health_state)" 0
is "the cloud is off: not a word" "$(value microca_upload_backlog)" none
mv "$T/public/chain.pem" "$T/chain.away"
is "what is wrong" "$(now \
	'microca_health_finding{word="chain-absent",about="cacerts"}') \
$(value microca_health_state)" "1 1"
mv "$T/chain.away" "$T/public/chain.pem"

# ---- when all else is broken
start metrics
scrape() {
	"$CLIENT" -w 8 -m plain "$T/metrics.sock" REQUEST_METHOD=GET \
		REQUEST_URI=/metrics REMOTE_ADDR=127.0.0.1 </dev/null |
		sed '1,/^\r*$/d' >"$T/body"
}
sqlite3 "$T/state/microca.db" "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
key_hide
dd if=/dev/urandom of="$T/state/microca.db" bs=4096 count=64 conv=notrunc \
	2>/dev/null
scrape
is "the database is rubbish" "$(value microca_store_usable)" 0
is "… the counts are told all the same" "$(value "$issued")" 3
like "… and the disk" "$(value microca_disk_free_bytes)" '^[1-9]'
ok "promtool takes it" sound
stop TERM
key_back

# ---- alert rules
cp "$SRCDIR/etc/prometheus/microca.rules.yml" \
	"$SRCDIR/tests/vectors/prometheus/rules.test.yml" "$T"
ok "the alert rules" promtool check rules "$T/microca.rules.yml"
ok "… say what they should, when they should" \
	promtool test rules "$T/rules.test.yml"
cp "$SRCDIR/etc/prometheus/scrape.yml" "$T" && mkdir "$T/etc" &&
	cp "$T/operators.pem" "$T/etc/microca-root.pem" &&
	cp "$T/viewer.pem" "$T/viewer.key" "$T/etc" &&
	sed -i "s|/etc/prometheus|$T/etc|" "$T/scrape.yml"
ok "the scrape configuration" promtool check config "$T/scrape.yml"
done_testing
