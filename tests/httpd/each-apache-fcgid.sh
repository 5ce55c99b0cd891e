#!/usr/bin/env bash
# Every operation, client and bad input behind apache-fcgid.
export SERVER=apache-fcgid
# shellcheck source=tests/httpd/suite.sh
. "$(dirname "$0")/suite.sh"
