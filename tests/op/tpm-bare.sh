#!/bin/sh
# A TPM without a resource manager, as docs/tpm.md advises against: two
# programs work; what killed ones leave behind fills it; the log says why.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
# shellcheck source=tests/op/tpm-lib.sh
. "$SRCDIR/tests/op/tpm-lib.sh"
tpm_need
TPM_MODE=bare
TOKEN=tpm
ca_make tpm

fresh() { csr "$1" "/CN=$1" && send_csr plain "$T/$1.b64"; }
works() { [ "$(fresh again)" = "0 200 " ]; }
start simplereenroll
start simpleenroll
is "a certificate" "$(fresh one)" "0 200 "
is "another" "$(fresh two)" "0 200 "
for _ in 1 2 3; do
	stop KILL 2>/dev/null
	start simpleenroll
done
like "three killed programs fill the TPM" "$(fresh three)" '^0 503 token-'
like "the log names the resource manager" "$(cat "$T/simpleenroll.log")" \
	'without a resource manager.*three objects'
ok "what was left behind is flushed" tpm2_flushcontext -t
ok "and it works again by itself" wait_for 45 works
done_testing
