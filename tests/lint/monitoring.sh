#!/bin/sh
# docs/monitoring.md has each word of health and each alert, man/metrics.8 each
# metric; and neither they nor the alert rules have any that is not there.
# shellcheck disable=SC2016 # backquotes of Markdown
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
page=docs/monitoring.md
manual=man/metrics.8
rules=etc/prometheus/microca.rules.yml

# The first column of the tables of words.
documented=$(sed '1,/^## Words/d' "$page" |
	sed -n 's/^| \(`[^|]*\) |.*/\1/p' | grep -o '`[a-z-]*`' | tr -d '`' |
	sort -u)

# What findings_add() is given itself, and what comes with a failure of key,
# store, issuers, lists and responders; less what no running program meets.
word='"[a-z-]+"'
said=$({
	grep -rhozE "findings_add\([^,\"]*,[^,\"]*,[^,\"]*$word( : $word)?" \
		lib/web
	grep -hozE '"crl-[a-z]+"' lib/ca/crls_state.c
	grep -hozE '"responder-[a-z]+"' lib/ca/responder_state.c
	grep -hozE '"(clock|issuer-[a-z]+)"' lib/ca/authority.c lib/ca/issuers.c
	grep -rhozE '"(token|db)-[a-z]+"' lib/key lib/store
} | tr '\0' '\n' | grep -oE "$word" | tr -d '"' |
	grep -vxE 'db-(url|schema|inuse|again|copy|exists)|responder-key' | sort -u)

has() { printf '%s\n' "$1" | grep -qx -e "$2"; }
ok "there are words" [ "$(echo "$said" | wc -l)" -gt 40 ]
for word in $said; do
	ok "health says $word: documented" has "$documented" "$word"
done
for word in $documented; do
	ok "$page has $word: somebody says it" \
		grep -rqF -e "\"$word\"" lib
done

names() { # names FILE...: of metrics
	grep -hoE 'microca_[a-z_]+[a-z]' "$@" | sort -u
}
# Without what a histogram's parts are called.
whole() { sed -E 's/_(bucket|sum|count)$//' | sort -u; }
ours=$(names lib/web/gauges.c lib/web/meters.c | grep -v '^microca_upload_')
ok "there are metrics" [ "$(echo "$ours" | wc -l)" -gt 25 ]
for name in $ours; do
	ok "$name: in the manual" grep -qw -e "$name" "$manual"
done
for name in $(names "$manual" "$page" "$rules" | whole); do
	ok "$name: told by a program" grep -qF -e "\"$name\"" \
		lib/web/gauges.c lib/web/meters.c lib/cloud/tally.c
done
alerts=$(sed -n 's/^ *- alert: //p' "$rules")
ok "there are alerts" [ "$(echo "$alerts" | wc -l)" -gt 15 ]
for name in $alerts; do
	ok "$name: documented" grep -qE "^\| .*\`$name\`" "$page"
done
done_testing
