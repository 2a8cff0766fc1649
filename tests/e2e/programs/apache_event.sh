#!/bin/bash
# SPDX-License-Identifier: MIT
# program: Apache, event MPM
# package: apache2-bin
# exercised: two processes of 25 threads as user nobody: HTTP, TLS, mod_proxy to an upstream on the same stack, ab with kept connections and without, a graceful restart under load
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc
. tests/e2e/programs/apache.inc

lab up
start_apache event "
	StartServers 2
	ThreadsPerChild 25"
exercise_apache
restart_apache
