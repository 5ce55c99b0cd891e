# shellcheck shell=bash
# The same behind each web server: each-NAME.sh is this with SERVER set.
# The server is started from httpd-examples/, with nothing but paths, ports,
# address and users replaced; then, for what the sample has not turned on, from
# what `microca httpd` prints for an extended configuration.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"

owner=$(id -un)
example() {
	local i expr=()
	for i in 0 1 2; do
		expr+=(-e "s/\\b$((8443 + i))\\b/$((PORT + i))/")
	done
	sed -e "s|/run/microca|$DEMO/run|g" \
		-e "s|/var/lib/microca-public|$DEMO/public|g" \
		-e "s|/var/log/[a-z0-9]*|$DEMO/log|g" \
		-e "s|/var/www/microca|$(sed -n 's/.*wrappers = "\(.*\)".*/\1/p' \
			"$DEMO/etc/microca.conf")|" \
		-e "s/0\.0\.0\.0/127.0.0.1/g" \
		-e "s/\b8080\b/$((PORT + 6))/" "${expr[@]}" \
		-e "s/SuexecUserGroup .*/SuexecUserGroup $owner $owner/" \
		"$SRCDIR/httpd-examples/$SERVER.conf"
}

demo_start
owner=$(stat -c %U "$DEMO/var")
example >"$T/example.conf"
ok "$SERVER starts from httpd-examples/$SERVER.conf" \
	quick --web-conf "$T/example.conf"

# shellcheck source=tests/httpd/suite-operations.sh
. "$SRCDIR/tests/httpd/suite-operations.sh"
# shellcheck source=tests/httpd/suite-clients.sh
. "$SRCDIR/tests/httpd/suite-clients.sh"
# shellcheck source=tests/httpd/suite-inputs.sh
. "$SRCDIR/tests/httpd/suite-inputs.sh"
# shellcheck source=tests/httpd/suite-bodies.sh
. "$SRCDIR/tests/httpd/suite-bodies.sh"
# shellcheck source=tests/httpd/suite-more.sh
. "$SRCDIR/tests/httpd/suite-more.sh"

ok "no program was found wanting" sh -c "! grep -rEa \
	'Sanitizer|runtime error|LeakSan' '$DEMO/log'"
done_testing
