#!/usr/bin/env bash
# revoke_replaced behind the real web server: est-client tries its new pair at
# /cacerts, and that is what has the old certificate revoked.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"

C=$BUILDDIR/bin/est-client
U=https://localhost:$PORT
demo_start
cd "$T" || exit 1

sed -i 's/name = "device";/& revoke_replaced = "in-use"; revoke_delay = "0";/' \
	"$DEMO/etc/profiles.conf"
# Started anew, so that all programs have it.
quick stop >>"$T/quickstart.log" 2>&1
demo_start
anchors=(--anchors "$DEMO/root.pem")
serial() { openssl x509 -in "$1" -noout -serial | cut -d= -f2; }
status() { admin show --json "$1" | jq -r '[.status, .reason // empty] |
	join(" ")'; }

ok "the configuration is right" admin check --config
ok "enrolled" "$C" enroll --url "$U" "${anchors[@]}" --folder dev \
	--subject CN=est-1 --auth-cert "$DEMO/manufacturer.pem" \
	--auth-key "$DEMO/manufacturer.key"
first=$(serial dev/current/cert.pem)
cat >untried.conf <<-END
	state = "$T";
	servers = ( { name = "plant"; url = "$U"; anchors = "$DEMO/root.pem"; } );
	certificates = ( { name = "dev"; subject = "CN=est-1"; probe = false; } );
END
ok "renewed without a try" "$C" reenroll -c untried.conf dev
second=$(serial dev/current/cert.pem)
admin crl >/dev/null
is "the old one stays: nobody has seen the new one" \
	"$(status "$first") $(status "$second")" "good good"
ok "renewed, and tried" "$C" reenroll --url "$U" "${anchors[@]}" --folder dev
third=$(serial dev/current/cert.pem)
admin crl >/dev/null
is "each old one is revoked" "$(status "$first"), $(status "$second")" \
	"revoked superseded, revoked superseded"
is "the new one is good" "$(status "$third")" good
ok "and renews" "$C" reenroll --url "$U" "${anchors[@]}" --folder dev
done_testing
