# shellcheck shell=bash disable=SC2034,SC2154
# Rows of what breaks under the programs: token, clock, disk, database.  The
# shims of tests/shim stand between them and simpleenroll; after send.sh.

FAULTS=$T/faults IO=$T/io CLOCK=$T/clock RANDOM_AWAY=$T/random CALLS=$T/calls

# Called before the programs are started: `quick` finds our spawn-fcgi.
shims() {
	local real=$DEMO/etc/microca.conf
	install -m 755 "$BUILDDIR/tests/shim/pkcs11-shim.so" \
		"$BUILDDIR/tests/shim/cut-shim.so" "$T"
	: >"$FAULTS"
	: >"$CALLS"
	chmod 666 "$CALLS"
	mkdir "$T/wrap"
	cat >"$T/wrap/spawn-fcgi" <<-END
	#!/bin/sh
	case " \$* " in
	*/simpleenroll.sock*) exec env LD_PRELOAD=$T/cut-shim.so IO_FAULT=$IO \\
		CLOCK_FAULT=$CLOCK RANDOM_FAULT=$RANDOM_AWAY $(command -v spawn-fcgi) "\$@" ;;
	esac
	exec $(command -v spawn-fcgi) "\$@"
	END
	chmod 755 "$T/wrap/spawn-fcgi"
	PATH=$T/wrap:$PATH
	module=$(sed -n 's/^.*module = "\(.*\)";.*/\1/p' "$real")
	sed -i -e "s|$module|$T/pkcs11-shim.so|" \
		-e "s|module_environment = (|&\"SHIM_MODULE=$module\", \
\"SHIM_CONTROL=$FAULTS\", \"SHIM_LOG=$CALLS\", |" "$real"
}
# Keys for comparison: two of one label, one that is another's.
keys_more() {
	local id who=() label
	[ "$(id -u)" != 0 ] || who=(runuser -u "$owner" --)
	while read -r label id; do
		SOFTHSM2_CONF=$DEMO/etc/softhsm2.conf "${who[@]}" pkcs11-tool --module "$module" \
			--token-label microca-demo --login --pin "$(cat "$DEMO/etc/pin")" \
			--keypairgen --key-type EC:prime256v1 --label "$label" --id "$id" ||
			return 1
	done <<<$'twin 21\ntwin 22\nother 23'
}

# fresh: $T/fresh.b64 is a request that nobody has had an answer to.
fresh_n=0
fresh() {
	fresh_n=$((fresh_n + 1))
	[ -f "$T/fresh.key" ] || openssl genpkey -algorithm EC \
		-pkeyopt ec_paramgen_curve:P-256 -out "$T/fresh.key" 2>/dev/null
	openssl req -new -key "$T/fresh.key" -subj "/CN=fresh$fresh_n" -outform DER |
		openssl base64 -out "$T/fresh.b64"
}
# By somebody whose certificate is good by any clock: who.sh.
fresh_once() {
	local BODY=$T/fresh.b64
	fcgi_once plain simpleenroll "${nobody[@]}" "REQUEST_URI=$est/simpleenroll" \
		SSL_CLIENT_VERIFY=SUCCESS "SSL_CLIENT_CERT=$(cat "$T/ever.pem")"
}

# What rows break things with.
set_file() { # set_file FILE TEXT: whole
	echo "$2" >"$1.new"
	chmod 644 "$1.new"
	mv "$1.new" "$1"
}
token() { echo "$*" >"$FAULTS"; } # a lock is held on the file itself
logins=
one_login() { logins=$(grep -c C_Login "$CALLS"); } # there may be one more
random_away() { : >"$RANDOM_AWAY"; }
disk() { set_file "$IO" "$*"; }
clock() {
	clocked=yes
	set_file "$CLOCK" "$1"
}
conf() { # conf SED-EXPRESSION
	sed "$1" "$DEMO/etc/microca.conf" >"$T/conf.broken"
	cat "$T/conf.broken" >"$DEMO/etc/microca.conf"
}
audit_full() {
	store "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.event = 'issue'
		BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
}
away() { mkdir "$DEMO/away" && mv "$DEMO"/var/microca.db* "$DEMO/away"; }
# All is well again.
heal() {
	: >"$FAULTS"
	rm -f "$IO" "$CLOCK" "$RANDOM_AWAY"
	if ! cmp -s "$T/conf.good" "$DEMO/etc/microca.conf"; then
		cat "$T/conf.good" >"$DEMO/etc/microca.conf"
	fi
	[ ! -d "$DEMO/away" ] || { mv "$DEMO"/away/* "$DEMO/var/"; rmdir "$DEMO/away"; }
	# A PIN that was wrong is tried again when its file is another.
	cp -p "$DEMO/etc/pin" "$DEMO/etc/pin.new" && mv "$DEMO/etc/pin.new" "$DEMO/etc/pin"
	store "DROP TRIGGER IF EXISTS full"
}

# broken: a command of those above.  Then a request that needs all of it, twice;
# it is mended, and the same request is served, without help.
strays=       # other requests are told so meanwhile
clocked=      # records are dated otherwise
issued_more=0 # requests that were served before it broke, and after
send_broken() {
	local end=$((SECONDS + 40)) before=$fresh_n
	cp "$DEMO/etc/microca.conf" "$T/conf.good"
	eval "$1"
	status=200
	while [ "$status" = 200 ] && [ "$SECONDS" -lt "$end" ]; do
		fresh
		fresh_once
	done
	issued_more=$((fresh_n - before))
	strays=yes
	good_of simpleenroll
	mend=(mended)
	twice fresh_once
	mend=()
}
mended() {
	local end=$((SECONDS + 40)) tries
	if [ -n "$logins" ]; then
		tries=$(($(grep -c C_Login "$CALLS") - logins))
		[ "$tries" = 1 ] || amiss "$tries logins"
		logins=
	fi
	heal
	until fresh_once && [ "$status" = 200 ]; do
		[ "$SECONDS" -lt "$end" ] || { amiss "it stays broken: $status"; break; }
		sleep 0.3
	done
}
