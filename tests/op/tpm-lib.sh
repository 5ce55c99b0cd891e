# shellcheck shell=sh
# A TPM for tests: swtpm, and tpm2-abrmd before it; after lib.sh, which ends
# what is in $started.
#
#	tpm_need                  skip the whole file (in CI: fail) without them
#	tpm_make [managed|bare]   a TPM, a token "op-test", PIN 987654
#	tpm_stop, tpm_start       the TPM goes away; the same one comes back
#	manager_stop, manager_start
#
# tpm_make sets $MODULE and $MODULE_ENV (for microca.conf) and exports what the
# TPM's own tools want.

TPM=$T/tpm
TPM_TOKEN_PIN=987654
TPM_SO_PIN=12345678
tpm_pid=
bus_pid=
manager_pid=

# tpm2-pkcs11 1.9.0 leaks the EC point at each C_SignInit, 66 octets: our own
# leaks are SoftHSM's tests' to find.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS

tpm_module_find() {
	for MODULE in /usr/lib/*/libtpm2_pkcs11.so.1; do
		[ -f "$MODULE" ] && return 0
	done
	return 1
}

tpm_missing() {
	for tpm_tool in swtpm tpm2_getcap pkcs11-tool dbus-daemon; do
		command -v "$tpm_tool" >/dev/null || echo "$tpm_tool"
	done
	[ -x /usr/sbin/tpm2-abrmd ] || echo tpm2-abrmd
	tpm_module_find || echo libtpm2-pkcs11-1
}

tpm_need() {
	tpm_lacks=$(tpm_missing | tr '\n' ' ')
	[ -n "$tpm_lacks" ] || return 0
	[ "${CI:-}" = true ] && bail "no $tpm_lacks"
	echo "1..0 # SKIP no $tpm_lacks"
	exit 0
}

# ---- the parts --------------------------------------------------------------

tpm_up() { tpm2_getcap -T "swtpm:path=$TPM/s" properties-fixed; }
tpm_start() {
	swtpm socket --tpm2 --tpmstate "dir=$TPM/state" \
		--server "type=unixio,path=$TPM/s" \
		--ctrl "type=unixio,path=$TPM/s.ctrl" \
		--flags not-need-init,startup-clear >>"$TPM/swtpm.log" 2>&1 &
	tpm_pid=$!
	started="$started $tpm_pid"
	wait_for 10 tpm_up
}
# As when the machine is switched off in order.
tpm_stop() {
	tpm2_shutdown -T "swtpm:path=$TPM/s" -c
	kill "$tpm_pid" && wait "$tpm_pid"
	rm -f "$TPM/s" "$TPM/s.ctrl"
}

bus_start() {
	dbus-daemon --session --nofork --nopidfile \
		--address="unix:path=$TPM/bus" >"$TPM/bus.log" 2>&1 &
	bus_pid=$!
	started="$started $bus_pid"
	DBUS_SESSION_BUS_ADDRESS=unix:path=$TPM/bus
	export DBUS_SESSION_BUS_ADDRESS
	wait_for 10 test -S "$TPM/bus"
}

manager_up() { tpm2_getcap -T tabrmd:bus_type=session properties-fixed; }
manager_start() {
	[ -n "$bus_pid" ] || bus_start || return
	/usr/sbin/tpm2-abrmd --session --tcti="swtpm:path=$TPM/s" \
		>>"$TPM/manager.log" 2>&1 &
	manager_pid=$!
	started="$started $manager_pid"
	wait_for 10 manager_up
}
# manager_stop [SIGNAL]
manager_stop() {
	kill "-${1:-TERM}" "$manager_pid"
	wait "$manager_pid"
}

# ---- a token ----------------------------------------------------------------

# Dirty stops count as wrong PINs: the tests make many.
tpm_patience() {
	tpm2_dictionarylockout --setup-parameters --max-tries=1000 \
		--recovery-time=1 --lockout-recovery-time=1
}

# C_InitToken leaves an object in the TPM: without a manager it stays there.
token_init() {
	pkcs11-tool --module "$MODULE" --init-token --slot-index 0 \
		--label op-test --so-pin "$TPM_SO_PIN" &&
		tpm2_flushcontext -t &&
		pkcs11-tool --module "$MODULE" --token-label op-test --login \
			--login-type so --so-pin "$TPM_SO_PIN" --init-pin \
			--new-pin "$TPM_TOKEN_PIN"
}

tpm_make() {
	tpm_module_find || return
	mkdir -p "$TPM/state" "$TPM/store"
	chmod 700 "$TPM/store"
	TPM2_PKCS11_TCTI=tabrmd:bus_type=session
	[ "${1:-managed}" = managed ] || TPM2_PKCS11_TCTI=swtpm:path=$TPM/s
	TPM2TOOLS_TCTI=$TPM2_PKCS11_TCTI
	TPM2_PKCS11_STORE=$TPM/store
	export TPM2_PKCS11_TCTI TPM2TOOLS_TCTI TPM2_PKCS11_STORE
	MODULE_ENV="\"TPM2_PKCS11_STORE=$TPM/store\",
		\"TPM2_PKCS11_TCTI=$TPM2_PKCS11_TCTI\",
		\"TPM2_PKCS11_LOG_LEVEL=0\", \"TSS2_LOG=all+NONE\""
	tpm_start || return
	if [ "${1:-managed}" = managed ]; then
		manager_start || return
		MODULE_ENV="$MODULE_ENV,
		\"DBUS_SESSION_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS\""
	fi
	(umask 077 && echo "$TPM_TOKEN_PIN" >"$T/pin")
	tpm_patience && token_init
}
