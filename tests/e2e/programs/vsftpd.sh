#!/bin/bash
# SPDX-License-Identifier: MIT
# program: vsftpd, standalone
# package: vsftpd
# exercised: a session's processes drop their rights and chroot: passive and active data connections, 3 MB each way, resumed and listed, from the kernel's side and by a client on the stack
# needs: `seccomp_sandbox=NO` (the filter would kill it at the shim's calls), `isolate_network=NO` (in another network namespace and a chroot nothing leads to xtcpd)
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc
. tests/e2e/programs/vsftpd.inc

lab up
vsftpd_configuration "listen=YES" "listen_address=$stack" "listen_port=21"
start_run vsftpd vsftpd "$tmp/vsftpd.conf"
server=$pid
wait_stack_port 21
exercise_ftp
kill -TERM "$server"
wait_end "$server" 10
