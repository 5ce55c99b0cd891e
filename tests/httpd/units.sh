#!/usr/bin/env bash
# The systemd units at work, without systemd: the users and folders are those of
# sysusers.d and tmpfiles.d, the sockets those of the socket unit, and each
# program runs as its service unit says (user, paths that are read-only,
# hidden or noexec, devices, network, capabilities, system calls, no code in
# memory).  Behind them lighttpd as www-data, and a real enrolment.
#
# Not imitated: memory limits, /proc, kernel tunables, namespaces, devices.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"

skip_all() {
	[ "${CI:-}" != true ] || [ "$(id -u)" != 0 ] || {
		echo "Bail out! $1"
		exit 1
	}
	echo "1..0 # SKIP $1"
	exit 0
}
[ "$(id -u)" = 0 ] || skip_all "mounts and users need root"
for program in bwrap systemd-sysusers systemd-tmpfiles systemd-analyze; do
	command -v "$program" >/dev/null || skip_all "$program is missing"
done
bwrap --ro-bind / / true 2>/dev/null || skip_all "no mount namespaces here"
[ -x "$BUILDDIR/tests/tools/unit" ] || skip_all "built without libseccomp"
# LeakSanitizer traces, which no unit lets a program do.
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"

# ---- a machine in a folder -----------------------------------------------------
BOX=$T/box
mkdir -p "$BOX"/{etc,run,root,var/lib,var/log/lighttpd,libexec,sbin}
cp /etc/passwd /etc/group "$BOX/etc/"
systemd-sysusers --root="$BOX" "$SRCDIR/etc/sysusers.d/microca.conf" \
	>"$T/sysusers.log" 2>&1
systemd-tmpfiles --root="$BOX" --create "$SRCDIR/etc/tmpfiles.d/microca.conf" \
	>"$T/tmpfiles.log" 2>&1
id_of() { # id_of passwd|group NAME
	awk -F: -v name="$2" '$1 == name { print $3 }' "$BOX/etc/$1"
}
uid=$(id_of passwd microca)
gid=$(id_of group microca)
web=$(id_of passwd www-data)
web_gid=$(id_of group microca-web)
mode() { stat -c '%a %u %g' "$BOX/$1"; }
is "sysusers.d: www-data is in microca-web" \
	"$(awk -F: '$1 == "microca-web" { print $4 }' "$BOX/etc/group")" www-data
is "tmpfiles.d: /etc/microca" "$(mode etc/microca)" "750 0 $gid"
is "tmpfiles.d: /run/microca" "$(mode run/microca)" "750 $uid $web_gid"
is "tmpfiles.d: /var/lib/microca" "$(mode var/lib/microca)" "700 $uid $gid"
is "tmpfiles.d: /var/lib/microca-public" "$(mode var/lib/microca-public)" \
	"755 $uid $gid"
is "tmpfiles.d: the server's folder hands its group on" \
	"$(mode var/lib/microca-public/server)" "2755 $uid $web_gid"

# A demo CA, moved to where the units look for it.
demo_start
quick stop >/dev/null 2>&1
cp -a "$DEMO/var/." "$BOX/var/lib/microca/"
cp -a "$DEMO/public/." "$BOX/var/lib/microca-public/"
cp -a "$DEMO/tokens" "$BOX/var/lib/microca/tokens"
cp "$DEMO/etc/"* "$BOX/etc/microca/"
rm -f "$BOX/etc/microca/lighttpd.conf"
cp "$DEMO/"*.pem "$DEMO/"*.key "$BOX/root/"
real=$(readlink -f "$DEMO")
grep -lrF "$real" "$BOX/etc/microca" "$BOX/var/lib/microca" | xargs -r sed -i \
	-e "s|$real/var|/var/lib/microca|g" -e "s|$real/public|/var/lib/microca-public|g" \
	-e "s|$real/run|/run/microca|g" -e "s|$real/tokens|/var/lib/microca/tokens|g" \
	-e "s|$real/etc|/etc/microca|g" -e "s|$real/log|/var/log/lighttpd|g"
cp "$DEMO/manufacturer-ca.pem" "$DEMO/operator-ca.pem" "$BOX/etc/microca/"
sed -i -e "s|$real/|/etc/microca/|g" "$BOX/etc/microca/"*.conf
chown -R "$uid:$gid" "$BOX/var/lib/microca" "$BOX/var/lib/microca-public"
chgrp -R "$web_gid" "$BOX/var/lib/microca-public/server"
chown "root:$gid" "$BOX/etc/microca/"*
chmod 640 "$BOX/etc/microca/"*.conf "$BOX/etc/microca/"*.pem
chown "$uid:$gid" "$BOX/etc/microca/pin"
chmod 400 "$BOX/etc/microca/pin"
cp "$BUILDDIR"/cgi-bin/[a-z]* "$BOX/libexec/" 2>/dev/null
rm -f "$BOX/libexec/"*.o
cp "$BUILDDIR/tests/tools/unit" "$BOX/libexec/"
cp "$BUILDDIR/bin/microca" "$BUILDDIR/bin/microca-upload" /usr/sbin/lighttpd \
	"$SRCDIR/etc/microca-reload" "$BOX/sbin/"
mkdir -p "$BOX/var/backups/microca"
chown "$uid:$gid" "$BOX/var/backups/microca"

base=(bwrap --die-with-parent --clearenv --setenv PATH /usr/sbin:/usr/bin
	--setenv ASAN_OPTIONS "$ASAN_OPTIONS"
	--setenv MICROCA_CONF /etc/microca/microca.conf
	--setenv MICROCA_CONNECTOR_CONF /etc/microca/connector.conf
)
# bwrap's own folders are root's alone.
for folder in /usr /usr/libexec /etc /run /var /var/lib /var/log /var/tmp /var/backups; do
	base+=(--perms 0755 --dir "$folder")
done
base+=(--ro-bind /usr/bin /usr/bin --ro-bind /usr/lib /usr/lib
	--ro-bind /usr/share /usr/share --ro-bind "$BOX/sbin" /usr/sbin
	--ro-bind "$BOX/libexec" /usr/libexec/microca
	--symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/sbin /sbin
	--proc /proc)
[ ! -d /usr/lib64 ] || base+=(--ro-bind /usr/lib64 /usr/lib64 --symlink usr/lib64 /lib64)
for file in passwd group; do
	base+=(--ro-bind "$BOX/etc/$file" "/etc/$file")
done
for file in nsswitch.conf ld.so.cache ssl alternatives localtime lighttpd mime.types; do
	[ ! -e "/etc/$file" ] || base+=(--ro-bind "$(readlink -f "/etc/$file")" "/etc/$file")
done
folders=(/etc/microca /run/microca /var/lib/microca /var/lib/microca-public
	/var/lib/microca-connector /var/backups/microca /var/log/lighttpd)
install -d -m 700 -o "$uid" -g "$gid" "$BOX/var/lib/microca-connector"
cat >"$BOX/etc/microca/connector.conf" <<END
state = "/var/lib/microca-connector"; web_server_users = ("www-data");
hubs = ( { name = "main"; azure = { hub = "contoso.azure-devices.net";
  auth = "managed"; managed = "imds"; }; } );
edges = ( { id = "plant-7"; issuer = "manufacturer-ca.pem"; devices = (".*"); } );
END

# inside COMMAND...: as root of that machine, no unit around it.
inside() {
	local folder binds=()
	for folder in "${folders[@]}"; do binds+=(--bind "$BOX$folder" "$folder"); done
	"${base[@]}" --dev /dev --tmpfs /tmp "${binds[@]}" --bind "$BOX/root" /root \
		-- "$@"
}

# ---- what a unit says ------------------------------------------------------------
# value UNIT KEY: of the unit and its drop-ins; an empty one begins anew.
value() {
	local unit=$1 files=()
	case $unit in
	*@*) files=("$SRCDIR/etc/systemd/${unit%%@*}@.${unit##*.}") ;;
	*) files=("$SRCDIR/etc/systemd/$unit") ;;
	esac
	for file in "$SRCDIR/etc/systemd/$unit.d/"*; do
		[ ! -e "$file" ] || files+=("$file")
	done
	cat "${files[@]}" | awk -v key="$2" 'index($0, key "=") == 1 {
		v = substr($0, length(key) + 2)
		all = v == "" ? "" : all (all == "" ? "" : " ") v
	} END { print all }' | sed "s/%i/$(sed 's/.*@//; s/\..*//' <<<"$unit")/g"
}
calls_of() { # calls_of @GROUP...: their system calls
	local name
	systemd-analyze syscall-filter --no-pager "$@" |
		sed '/^@/d; s/#.*//' | tr -s ' \n' '\n' | grep . | while read -r name; do
		case $name in @*) calls_of "$name" ;; *) echo "$name" ;; esac
	done
}
# filter UNIT: the system calls that it leaves.
filter() {
	local word
	for word in $(value "$1" SystemCallFilter | sed 's/~.*//'); do
		case $word in @*) calls_of "$word" ;; *) echo "$word" ;; esac
	done | sort -u >"$T/allowed"
	for word in $(value "$1" SystemCallFilter | sed -n 's/.*~//p'); do
		calls_of "$word"
	done | sort -u >"$T/denied"
	{
		comm -23 "$T/allowed" "$T/denied"
		calls_of @default
	} | sort -u
}
exists() { [ -e "$BOX$1" ] || [ -e "$1" ]; }

# service UNIT COMMAND...: in `run`, how systemd would start it there.
service() {
	local unit=$1 path folder write hidden options=() mounts=() noexec=()
	shift
	write=" $(value "$unit" ReadWritePaths) "
	hidden=$(value "$unit" InaccessiblePaths)
	for folder in "${folders[@]}"; do
		case ${write//[- ]/ } in
		*" ${folder//-/ } "*) mounts+=(--bind "$BOX$folder" "$folder") ;;
		*) mounts+=(--ro-bind "$BOX$folder" "$folder") ;;
		esac
		noexec+=(-n "$folder")
	done
	for path in $hidden; do
		path=${path#-}
		if [ -d "$BOX$path" ]; then
			mounts+=(--perms 0000 --tmpfs "$path" --remount-ro "$path")
		elif [ -e "$BOX$path" ]; then
			mounts+=(--ro-bind "$T/hidden" "$path")
		fi
	done
	[ "$(value "$unit" PrivateDevices)" = yes ] && mounts+=(--dev /dev)
	[ "$(value "$unit" PrivateTmp)" = yes ] && mounts+=(--tmpfs /tmp) noexec+=(-n /tmp)
	[ "$(value "$unit" PrivateNetwork)" = yes ] && mounts+=(--unshare-net)
	# The name that the socket was made by, which a program looks at.
	for folder in "$T" "$BOX" "$BOX/run"; do
		mounts+=(--perms 0755 --dir "$folder")
	done
	mounts+=(--bind "$BOX/run/microca" "$BOX/run/microca")
	for path in $(value "$unit" Environment); do
		mounts+=(--setenv "${path%%=*}" "${path#*=}")
	done
	# NoExecPaths=/: all but those of ExecPaths.
	path=" $(value "$unit" ExecPaths) "
	for folder in /usr/bin /usr/sbin; do
		case $path in *" $folder "*) ;; *) noexec+=(-n "$folder") ;; esac
	done
	for folder in $path; do # a single file is a mount of its own
		case $folder in /usr/sbin/*) ;; *) continue ;; esac
		mounts+=(--ro-bind "$BOX/sbin/${folder##*/}" "$folder")
	done
	[ "$(value "$unit" NoExecPaths)" = / ] || noexec=()
	[ -f "$T/filter-$unit" ] || filter "$unit" >"$T/filter-$unit"
	for path in $(value "$unit" RestrictAddressFamilies); do
		case $path in
		AF_UNIX) options+=(-a 1) ;;
		AF_INET) options+=(-a 2) ;;
		AF_INET6) options+=(-a 10) ;;
		AF_NETLINK) options+=(-a 16) ;;
		esac
	done
	[ "$(value "$unit" MemoryDenyWriteExecute)" = yes ] && options+=(-m)
	run=("${base[@]}" "${mounts[@]}" --ro-bind "$T/filter-$unit" /filter
		--remount-ro / --cap-add ALL -- /usr/libexec/microca/unit
		"${noexec[@]}" -u "$uid" -g "$gid" "${options[@]}" -f /filter "$@")
}
: >"$T/hidden"
chmod 000 "$T/hidden"

pids=()
box_stop() {
	kill "${pids[@]}" 2>/dev/null
	wait "${pids[@]}" 2>/dev/null
	demo_stop
}
trap box_stop EXIT

# program_start NAME [UNIT]: its socket and, with it as descriptor 0, its service.
program_start() {
	local unit=${2:-microca@$1}
	local socket=$unit.socket log=$T/$1.log path
	service "$unit.service" "$(value "$unit.service" ExecStart)"
	path=$BOX$(value "$socket" ListenStream)
	spawn-fcgi -n -s "$path" -M "$(value "$socket" SocketMode)" \
		-b "$(value "$socket" Backlog)" \
		-U "$(id_of passwd "$(value "$socket" SocketUser)")" \
		-G "$(id_of group "$(value "$socket" SocketGroup)")" -- \
		"$(command -v bwrap)" "${run[@]:1}" >"$log" 2>&1 &
	pids+=($!)
}
ready() { grep -qE ' ready|not started' "$T/$1.log"; }
wait_until() { # wait_until SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# ---- the jobs of the timers ------------------------------------------------------
for job in crl ocsp renew audit backup; do
	unit=microca-$job.service
	read -ra command <<<"$(value "$unit" ExecStart)"
	service "$unit" "${command[@]}"
	ok "$unit does its work" "${run[@]}"
done
ok "… there is a list" ls "$BOX/var/lib/microca-public/crl/"*.crl
ok "… a responder" ls "$BOX/var/lib/microca/ocsp/"*.pem
ok "… a backup" ls "$BOX/var/backups/microca/"*.tar

# ---- the programs -----------------------------------------------------------------
programs=(cacerts csrattrs simpleenroll simplereenroll serverkeygen health crl ocsp
	inventory metrics)
for name in "${programs[@]}"; do program_start "$name"; done
program_start connector microca-connector
wait_until 60 ready connector
ok "microca-connector.service starts" grep ' ready' "$T/connector.log"
for name in "${programs[@]}"; do
	wait_until 60 ready "$name"
	ok "microca@$name.service starts" grep ' ready' "$T/$name.log"
done
is "sockets have the mode and owner of the unit" "$(mode run/microca/simpleenroll.sock)" \
	"660 $uid $web_gid"

# lighttpd, as Debian starts it: root first, then www-data.
inside microca httpd lighttpd >"$BOX/etc/microca/lighttpd.conf" 2>"$T/httpd.log"
chown root:root "$BOX/etc/microca/lighttpd.conf"
chown "$web" "$BOX/var/log/lighttpd"
inside lighttpd -D -f /etc/microca/lighttpd.conf >"$T/lighttpd.log" 2>&1 &
pids+=($!)
answers() { [ "$(est 0 cacerts)" = 200 ]; }
ok "lighttpd reaches them" wait_until 30 answers

csr pump /CN=pump-1
mapfile -t maker < <(as manufacturer)
is "a device is enrolled" "$(post 0 simpleenroll "$T/pump.b64" "${maker[@]}")" 200
certs | openssl x509 -out "$T/pump.pem"
ok "… its certificate verifies" openssl verify -CAfile "$DEMO/root.pem" \
	-untrusted "$DEMO/intermediate.pem" "$T/pump.pem"
mapfile -t pump < <(as "$T/pump")
csr pump2 /CN=pump-1
is "… and renewed" "$(post 0 simplereenroll "$T/pump2.b64" "${pump[@]}")" 200
is "csrattrs" "$(est 0 csrattrs)" 200
keyid=$(basename "$(ls "$BOX/var/lib/microca-public/crl/")" .crl)
is "a revocation list" "$(plain "/crl/$keyid.crl")" 200
like "certificate status" "$(openssl ocsp -issuer "$DEMO/intermediate.pem" \
	-cert "$T/pump.pem" -url "http://localhost:$((PORT + 6))/ocsp" \
	-CAfile "$DEMO/root.pem" 2>&1)" ': good'
like "health" "$(plain /health >/dev/null && cat "$T/body")" '^ok'
mapfile -t operator < <(as operator)
is "inventory" "$(curl -sS --max-time 20 --cacert "$DEMO/root.pem" \
	"${operator[@]}" -o /dev/null -w '%{http_code}' \
	"https://localhost:$((PORT + 7))/inventory/")" 200
is "metrics" "$(curl -sS --max-time 20 --cacert "$DEMO/root.pem" \
	"${operator[@]}" -o /dev/null -w '%{http_code}' \
	"https://localhost:$((PORT + 7))/metrics")" 200
is "nothing was refused that a program asked the kernel for" \
	"$(cat "$T"/*.log | grep -cE 'is none that this program makes|EPERM|not permitted')" 0

# ---- what a program that was broken into could do ---------------------------------
probe=/usr/libexec/microca/unit
could() { # could NAME|UNIT TRY...
	case $1 in
	*.service) service "$1" "$probe" -p "${@:2}" ;;
	*) service "microca@$1.service" "$probe" -p "${@:2}" ;;
	esac
	"${run[@]}" 2>&1
}
everything=(r:/etc/microca/pin r:/var/lib/microca/tokens
	r:/var/lib/microca/microca.db r:/var/lib/microca/microca.db-wal
	w:/var/lib/microca w:/var/lib/microca-public
	w:/etc w:/etc/microca/microca.conf w:/usr/libexec/microca w:/run/microca
	x:/bin/true i)
is "no token, no store: nothing but the run folder" \
	"$(could cacerts "${everything[@]}")" "---------w--"
is "no token: the store" "$(could inventory "${everything[@]}")" "--rrw----w--"
is "signs: PIN, token and store" "$(could simpleenroll "${everything[@]}")" \
	"rrrrw----w--"
is "the connector, beside a CA: the network, and nothing of the CA's" \
	"$(could microca-connector.service "${everything[@]}")" "---------w-i"
is "the same tries without a unit: this test can fail" \
	"$(inside "$probe" -p "${everything[@]}")" "rrrrwwww-wxi"
is "a program of its own in the run folder does not run" \
	"$(cp /bin/true "$BOX/run/microca/own" && could simpleenroll x:/run/microca/own)" "-"
rm -f "$BOX/run/microca/own"

# pcscd, p11-kit server: a socket in a folder that is read-only there.
token=$BOX/var/lib/microca-public/token.sock
perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Local => shift, Listen => 5)
	or die; chmod 0666, $s->hostpath; sleep 60' "$token" &
pids+=($!)
wait_until 20 test -S "$token"
is "a token behind a Unix socket is reached" \
	"$(could simpleenroll c:/var/lib/microca-public/token.sock w:/var/lib/microca-public)" "c-"

# ---- users, whatever the units ----------------------------------------------------
who() { # who UID GROUPS TRY...
	inside setpriv --reuid "$1" --regid "$1" --groups "$2" -- "$probe" -p "${@:3}"
}
tries=(r:/etc/microca/pin r:/etc/microca/microca.conf r:/var/lib/microca
	r:/var/lib/microca/microca.db w:/var/lib/microca-public w:/run/microca
	c:/run/microca/simpleenroll.sock c:/run/microca/inventory.sock)
is "the web server: sockets, and nothing of the CA's" \
	"$(who "$web" "$web_gid" "${tries[@]}")" "------cc"
is "… its key and certificates" "$(who "$web" "$web_gid" \
	r:/var/lib/microca-public/server.key r:/var/lib/microca-public/server.pem)" "rr"
is "anybody else: not even sockets" "$(who 65534 65534 "${tries[@]}")" "--------"
is "… nor the web server's key" \
	"$(who 65534 65534 r:/var/lib/microca-public/server.key)" "-"
is "the programs' user: its files, no configuration to write" \
	"$(who "$uid" "$gid" "${tries[@]}" w:/etc/microca w:/etc/microca/microca.conf)" \
	"rrrrwwcc--"
is "the group that may connect is not believed: the user is looked at" \
	"$(inside setpriv --reuid 65534 --regid 65534 --groups "$web_gid" -- \
		"$probe" -p c:/run/microca/simpleenroll.sock >/dev/null
	wait_until 20 grep -q 'connection of user 65534 is dropped' \
		"$T/simpleenroll.log" && echo dropped)" dropped
done_testing
