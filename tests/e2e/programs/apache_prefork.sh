#!/bin/bash
# SPDX-License-Identifier: MIT
# program: Apache, prefork MPM
# package: apache2-bin
# exercised: eight to sixteen processes that accept in turn, as user nobody: HTTP, TLS, mod_proxy to an upstream on the same stack, ab with kept connections and without, a graceful restart under load
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc
. tests/e2e/programs/apache.inc

lab up
start_apache prefork "
	StartServers 8
	MinSpareServers 8
	MaxSpareServers 16
	MaxRequestWorkers 64"
exercise_apache
restart_apache
