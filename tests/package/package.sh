#!/bin/bash
# The Debian packages: built, clean, and a CA of three commands in a fresh Debian,
# upgraded, removed and purged.  Root is needed for that; the rest goes without.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/../lint/lib.sh"
set -u
umask 022
BUILDDIR=${BUILDDIR:-$SRCDIR/build-tests}
cache=$BUILDDIR/chroot # what is downloaded is kept: once for a build folder
debs=$BUILDDIR/packages
T=$(mktemp -d /tmp/microca-package.XXXXXX)
trap 'rm -rf "$T"' EXIT
trap 'exit 1' INT TERM
need dpkg-buildpackage
need lintian
need debootstrap

for f in packaging/build packaging/sbom packaging/microca-setup \
	packaging/cross packaging/reproducible \
	packaging/footprint tests/package/inside.sh \
	tests/package/inside-systemd.sh; do
	ok "$f" shellcheck -x "$f"
done
ok "microca-setup(8)" mandoc -Tlint -Wwarning packaging/microca-setup.8

rm -rf "$debs"
# Debug symbols take long to compress, and nobody looks at them here.
ok "packaging/build" env DEB_BUILD_OPTIONS=noautodbgsym packaging/build "$debs"
# Not even a warning.
ok lintian lintian --allow-root --fail-on error,warning "$debs"/*.changes
listed() { # no program is in two packages, none is forgotten
	for deb in "$debs"/*_*.deb; do
		case $deb in *dbgsym*) continue ;; esac
		dpkg-deb -c "$deb" | sed -n 's|.* ./usr/libexec/microca/\(.\)|\1|p'
	done | sort | tee "$T/listed" | uniq -d | grep . && return 1
	for source in cgi-bin/*.c; do basename "$source" .c; done |
		sort | diff "$T/listed" -
}
ok "every program is in one package" listed
ok "SBOM: SPDX 2.3, of what the packages need" packaging/sbom --check "$debs"

if [ "$(id -u)" -ne 0 ]; then
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - a fresh Debian # SKIP only root can make one"
	done_testing
fi

base() {
	[ ! -e "$cache/base/.made" ] || return 0
	rm -rf "$cache/base"
	mkdir -p "$cache/base" "$cache/archives"
	debootstrap --variant=minbase bookworm "$cache/base" \
		"${MICROCA_MIRROR:-http://deb.debian.org/debian}" && {
		printf "%s\n" 'APT::Sandbox::User "root";' 'Acquire::Languages "none";' \
			>"$cache/base/etc/apt/apt.conf.d/90test"
		echo force-unsafe-io >"$cache/base/etc/dpkg/dpkg.cfg.d/test"
		touch "$cache/base/.made"
	}
}
ok "debootstrap" base

mkdir "$T/later"
cp "$debs"/microca_*.deb "$debs"/microca-inventory_*.deb \
	"$debs"/microca-client_*.deb "$T/"

# The same packages, as if of a later version.
later() {
	for deb in "$T"/microca_*.deb "$T"/microca-inventory_*.deb; do
		dpkg-deb -R "$deb" "$T/tree" &&
			sed -i 's/^Version: .*/Version: 9.0/; s/(= 0.*)/(= 9.0)/' \
				"$T/tree/DEBIAN/control" &&
			dpkg-deb --root-owner-group -Znone -b "$T/tree" "$T/later" >/dev/null &&
			rm -rf "$T/tree" || return 1
	done
}
ok "packages of a later version" later
for version in 1 3; do
	sqlite3 "$T/schema-$version.db" \
		<"tests/vectors/store/schema-$version.sql"
done
# The commands as the README has them.
sed -n "/apt install/,/^\`\`\`/p" README.md | grep -E "^microca" >"$T/commands"
ok "the README has three commands" test "$(wc -l <"$T/commands")" = 3

# layer NAME PACKAGE...: a fresh Debian in $T/NAME/root, with these packages and what
# others need downloaded.  Downloading needs the network; what is run then has none
# but its own.
layer() {
	local root=$T/$1/root
	mkdir -p "$T/$1/up" "$T/$1/work" "$root"
	shift
	mount -t overlay overlay \
		-o "lowerdir=$cache/base,upperdir=${root%root}up,workdir=${root%root}work" \
		"$root" && mkdir "$root/test" &&
		cp -r "$T"/*.deb "$T/later" "$T/commands" "$T"/*.db \
			tests/package/inside* "$root/test/" &&
		mount --bind "$cache/archives" "$root/var/cache/apt/archives" &&
		chroot "$root" apt-get -q update &&
		{ [ $# -eq 0 ] || chroot "$root" sh -c \
			"apt-get -q -y --no-install-recommends install $*"; } &&
		chroot "$root" sh -c \
			"apt-get -q -y --download-only install /test/*.deb"
}
made() {
	layer "$@" >"$T/$1.log" 2>&1 && return
	tail -n 20 "$T/$1.log" | sed 's/^/# /'
	echo "not ok - what is needed can be downloaded"
	return 1
}
plain() {
	made plain || return
	unshare --net --pid --fork --mount-proc="$T/plain/root/proc" --kill-child \
		sh -c "ip link set lo up && exec chroot $T/plain/root /test/inside.sh"
}
# systemd as the first process of its container; the script is a unit there.
with_systemd() {
	local root=$T/systemd/root test
	boot() {
		timeout -k 10 600 systemd-nspawn -q -D "$root" --boot --register=no \
			--keep-unit --private-network --console=pipe --hostname=ca \
			--machine="microca-$$" >>"$T/console" 2>&1 </dev/null
	}
	made systemd systemd-sysv dbus || return
	echo 127.0.0.1 localhost ca.example.net >"$root/etc/hosts"
	cat >"$root/etc/systemd/system/test.service" <<-END
	[Unit]
	After=multi-user.target
	[Service]
	Type=oneshot
	ExecStart=/test/inside-systemd.sh
	StandardOutput=append:/test/out
	StandardError=append:/test/err
	TimeoutStartSec=infinity
	END
	mkdir -p "$root/etc/systemd/system/graphical.target.wants"
	ln -s ../test.service "$root/etc/systemd/system/graphical.target.wants/"
	ln -sf /dev/null "$root/etc/systemd/system/apt-daily.timer"
	boot
	[ ! -e "$root/root/restarted" ] || boot
	[ -e "$root/test/out" ] || {
		test=$(tail -n 1 "$T/console" | tr -cd '[:print:]')
		echo "ok - systemd # SKIP it does not boot here: $test"
		return
	}
	grep -v '^finished$' "$root/test/out"
	cat "$root/test/err" >&2
	grep -q '^finished$' "$root/test/out"
}
export -f layer made plain with_systemd
export T cache
for debian in plain with_systemd; do
	unshare --mount bash -c "$debian" >"$T/out" 2>"$T/err" </dev/null
	rc=$?
	while IFS= read -r line; do
		case $line in
		'ok - '* | 'not ok - '*)
			tap_n=$((tap_n + 1))
			case $line in not*) tap_bad=$((tap_bad + 1)) ;; esac
			echo "${line%%ok - *}ok $tap_n - $debian: ${line#*ok - }"
			;;
		*) echo "$line" ;;
		esac
	done <"$T/out"
	ok "$debian: nothing ended early" test "$rc" = 0
	[ "$rc" = 0 ] || sed 's/^/# /' "$T/err" | tail -n 20
done
done_testing
