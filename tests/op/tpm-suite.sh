#!/bin/sh
# The tests of the operations once more, with the CA's key in a TPM.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/again-lib.sh
. "$SRCDIR/tests/op/again-lib.sh"
# shellcheck source=tests/op/tpm-lib.sh
. "$SRCDIR/tests/op/tpm-lib.sh"
tpm_need

TOKEN=tpm
export TOKEN
for test in cacerts csrattrs simpleenroll simplereenroll refusals health \
	serverkeygen secret approval rollover socket; do
	again "$test" "$SRCDIR/tests/op/$test.sh"
done
done_testing
