#!/bin/bash
# Run by package.sh in a fresh Debian, with processes and network of its own.
# shellcheck source=tests/package/inside-lib.sh
. "$(dirname "$0")/inside-lib.sh"
db=/var/lib/microca/microca.db

printf '#!/bin/sh\nexit 0\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d # services are started, as on a machine
echo 127.0.0.1 localhost ca.example.net >/etc/hosts

# ---- installed: it harms nobody, and does nothing yet
must "apt install" apt install /test/microca*.deb
is "folders" "$(modes /etc/microca /var/lib/microca /var/lib/microca-public \
	/var/lib/microca-public/server /run/microca)" \
	"750 root:microca /etc/microca
700 microca:microca /var/lib/microca
755 microca:microca /var/lib/microca-public
2755 microca:microca-web /var/lib/microca-public/server
750 microca:microca-web /run/microca"
is "the web server is of microca-web, microca is not root" \
	"$(id -nG www-data) $(getent passwd microca | cut -d: -f6,7)" \
	"www-data microca-web /var/lib/microca:/usr/sbin/nologin"
ok "nothing runs before it is configured" nothing_runs
is "no configuration was made" "$(ls -A /etc/microca)" ""
ok "upgrading that is nothing" apt install --reinstall /test/microca_*.deb

# ---- three commands
three_commands
is "secrets and configuration" "$(modes /etc/microca/*)" \
	"640 root:microca /etc/microca/microca.conf
400 microca:microca /etc/microca/pin
640 root:microca /etc/microca/profiles.conf
640 root:microca /etc/microca/softhsm2.conf"
is "sockets" "$(modes /run/microca/simpleenroll.sock /run/microca/ocsp.sock)" \
	"660 microca:microca-web /run/microca/simpleenroll.sock
660 microca:microca-web /run/microca/ocsp.sock"
is "every program runs" "$(running)" "$(find $libexec -type f \
	! -name serverkeygen | sort)"
ok "status" /etc/init.d/microca-fcgi status
ok "health" healthy
ok "microca check" microca check
ok "a second CA is not made by mistake" sh -c '! microca-setup new other.example'
ok "start again changes nothing" microca-setup start

# ---- a device
cp /var/lib/microca/issuer.pem /root/root.pem
ok "a secret" secret pump-7
ok "a device enrols with a one-time secret" enroll pump-7
is "certificates that are recorded" "$(recorded pump-7)" 1

# ---- an upgrade, with the database of an older version
/etc/init.d/microca-fcgi stop
mkdir /root/now
cp -p $db* /root/now/ # with its log
for version in 1 3; do
	/etc/init.d/microca-fcgi stop
	rm -f $db $db-*
	install -m 0600 -o microca -g microca "/test/schema-$version.db" $db
	if [ "$version" = 1 ]; then
		ok "upgrade" apt install /test/later/microca_*.deb \
			/test/later/microca-inventory_*.deb
	else
		ok "reinstalled" apt install --reinstall /test/later/microca_*.deb
	fi
	is "schema $version: its certificates are there" \
		"$(microca list --format csv | tail -n +2 | grep -c .)" 3
	is "… the upgrade is recorded once" \
		"$(microca audit list --event upgrade | grep -c .)" 1
done
/etc/init.d/microca-fcgi stop
rm -f $db $db-*
cp -p /root/now/* /var/lib/microca/
ok "started" /etc/init.d/microca-fcgi start
ok "health after it" healthy

# ---- removed, and put back
apt remove microca microca-inventory >/root/remove.log 2>&1
ok "removed: nothing runs" nothing_runs
is "removed: everything is kept" "$(ls /etc/microca) $(test -s $db && echo db)" \
	"$(printf 'microca.conf\npin\nprofiles.conf\nsofthsm2.conf db')"
ok "installed again" apt install /test/microca_*.deb /test/microca-inventory_*.deb
ok "… it runs without another command" healthy
is "… with its certificates" "$(microca list --format csv | grep -c 'CN=pump-7')" 1

# ---- purged: who was not asked said no
apt purge microca microca-inventory >/root/purge.log 2>&1
ok "purge says what it keeps" grep -q '/var/lib/microca is kept' /root/purge.log
is "purged: everything is kept" "$(ls /etc/microca) $(test -s $db && echo db)" \
	"$(printf 'microca.conf\npin\nprofiles.conf\nsofthsm2.conf db')"
ok "installed again after that" apt install /test/microca_*.deb
ok "… started again" microca-setup start
echo 'microca microca/purge-data boolean true' | debconf-set-selections
apt purge microca >/root/purge.log 2>&1
is "purged with a yes: all is gone" \
	"$(ls -d /etc/microca /var/lib/microca /var/lib/microca-public 2>/dev/null)" ""
