#!/bin/sh
# docs/tpm.md: every command of it is run, in the order of the page, with swtpm
# and tpm2-abrmd in place of the hardware.
#
# What is put in place of what, and nothing else:
#	/dev/tpmrm0                  swtpm's socket
#	device:/dev/tpmrm0           tabrmd:bus_type=session
#	/etc/microca, /var/lib/…     folders below $T
#	/root, /etc/systemd          folders below $T
#	the examples                 those of the source
#	runuser -u microca --        nothing: the tests have one user
#	install -o -g, chown         without the owner
#	apt-get install              every package named is installed
#	usermod -aG tss microca      the group is there
#	systemctl enable --now UNIT  the unit is there
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/tpm-lib.sh
. "$SRCDIR/tests/op/tpm-lib.sh"
tpm_need

PAGE=$SRCDIR/docs/tpm.md
mkdir -p "$T/etc" "$T/var" "$T/root" "$T/tpm/state" "$T/words"
{ tpm_module_find && tpm_start && manager_start; } >"$T/setup.log" 2>&1 || bail "no TPM"

# Blocks 01, 02, … of one language, as files $T/LANGUAGE.NN
blocks() {
	awk -v into="$T/$1." -v lang="$1" '
		$0 == "```" lang { n++; file = sprintf("%s%02d", into, n); next }
		/^```/ { file = ""; next }
		file != "" { print >file }' "$PAGE"
}
here() { # the page's names into ours
	sed -e "s|device:/dev/tpmrm0|tabrmd:bus_type=session|g" \
		-e "s|/dev/tpmrm0|$TPM/s|g" \
		-e "s|/etc/microca|$T/etc|g" \
		-e "s|/var/lib/microca|$T/var/microca|g" \
		-e "s|/root/|$T/root/|g" \
		-e "s|/etc/systemd|$T/systemd|g" \
		-e "s|/usr/share/doc/microca/examples|$SRCDIR/etc|g" \
		-e "s|/usr/lib/x86_64-linux-gnu/libtpm2_pkcs11.so.1|$MODULE|g"
}
blocks sh
blocks conf

# ---- what only root could do ------------------------------------------------

stand_in() { # stand_in COMMAND <what it does
	{
		echo '#!/bin/sh'
		cat
	} >"$T/words/$1"
	chmod 755 "$T/words/$1"
}
stand_in apt-get <<'END'
[ "$1" = install ] || exit 1
shift
for package; do
	dpkg-query -W -f '${Status}\n' "$package" |
		grep -q 'ok installed' || exit 1
done
END
stand_in usermod <<'END'
[ "$*" = "-aG tss microca" ] && getent group tss
END
stand_in systemctl <<'END'
[ "$1" = daemon-reload ] && exit
[ "$1 $2" = "enable --now" ] || exit 1
test -f "/lib/systemd/system/$3" || test -f "/usr/lib/systemd/system/$3"
END
stand_in runuser <<'END'
[ "$1 $2 $3" = "-u microca --" ] || exit 1
shift 3
exec "$@"
END
stand_in chown <<'END'
[ "$1" = microca:microca ] && test -e "$2"
END
stand_in install <<'END'
[ "$1 $2 $3" = "-D -m 644" ] && exec /usr/bin/install "$@"
[ "$1 $2 $3 $4 $5 $6" = "-d -o microca -g microca -m" ] || exit 1
shift 5
exec /usr/bin/install -d "$@"
END
stand_in microca <<END
exec "$BUILDDIR/bin/microca" -c "$T/etc/microca.conf" "\$@"
END

# The sample configuration with the page's own ca group in it.
ok "the page has one configuration" test -f "$T/conf.01" -a ! -e "$T/conf.02"
here <"$T/conf.01" >"$T/ca.conf"
{
	sed -n '1,/^ca = {/p' "$SRCDIR/etc/microca.conf" | sed '$d'
	cat "$T/ca.conf"
	sed '1,/^ca = {/d' "$SRCDIR/etc/microca.conf" | sed '1,/^};/d'
} | here >"$T/etc/microca.conf"
printf 'run = "%s/run";\nweb_server_users = ("%s");\n' "$T" "$(id -u)" \
	>>"$T/etc/microca.conf"
cp "$SRCDIR/etc/profiles.conf" "$T/etc/profiles.conf"

# ---- the page ---------------------------------------------------------------
# One shell for all, as an operator has; it says where it is.
{
	echo "set -eu"
	for block in "$T"/sh.[0-9][0-9]; do
		# The disk is new when a backup is put back.
		! grep -q 'tar -x' "$block" || echo "rm -r '$T/var/microca/tpm2'"
		here <"$block"
		echo "echo end ${block##*.} >>'$T/steps'"
	done
} >"$T/page.sh"
env -u TPM2_PKCS11_STORE -u TPM2_PKCS11_TCTI -u TPM2TOOLS_TCTI \
	PATH="$T/words:$PATH" sh "$T/page.sh" >"$T/page.log" 2>&1 </dev/null
rc=$?
for block in "$T"/sh.[0-9][0-9]; do
	number=${block##*.}
	first=$(sed -n 1p "$block" | cut -c 1-50)
	ok "block $number runs: $first" grep -qx "end $number" "$T/steps"
done
is "the page runs to its end" "$rc" 0
[ "$rc" = 0 ] || tail -n 30 "$T/page.log" | sed 's/^/# /'
is "every block was run" "$(grep -c '^end ' "$T/steps")" \
	"$(grep -c '^```sh$' "$PAGE")"
is "and nothing is a block of another kind" \
	"$(sed -n 's/^```\([a-z]\)/\1/p' "$PAGE" | sort -u | tr '\n' ' ')" \
	"conf sh "
is "each unit that signs has the device" \
	"$(grep -l '^DeviceAllow=/dev/tpmrm0 rw' "$T"/systemd/system/*.d/token.conf |
		wc -l)" 6
like "the TPM's key signs" "$(cat "$T/page.log")" \
	'^ok: the token signs, the signature verifies'
is "only the web server has no certificate, before and after" \
	"$(grep '^FAIL' "$T/page.log" | sed 's/:.*server.s certificate.*//')" \
	"FAIL
FAIL"
ok "the first certificate verifies" openssl verify -CAfile \
	"$T/root/root.pem" -untrusted "$T/root/issuer.pem" "$T/root/device.pem"
is "the PIN's file is its owner's alone" "$(stat -c %a "$T/etc/pin")" 400
done_testing
