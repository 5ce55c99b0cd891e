#!/bin/sh
# The stand-in for Azure does what its README says: what it refuses, how it
# fails on demand, who gets a token, and that it holds 100,000 devices.
# shellcheck source=tests/azure/run.sh
. "$(dirname "$0")/run.sh"

azure_start
run check-hub.mjs
run check-tokens.mjs
run check-faults.mjs
sed 's/^/# /' "$T/azure/out"
done_testing
