#!/bin/bash
# SPDX-License-Identifier: MIT
# After all the others: of this run no namespace, process, directory or TAP is left.
. "$(dirname "$0")/lib.sh"

run=${LAB%-*} # e2e-PID
equal "namespaces" "$(find /run/netns -maxdepth 1 -name "xtcp-$run-*" 2>/dev/null)" ""
equal "directories" "$(find /run -maxdepth 1 -name "xtcp-$run-*")" ""
# Processes: by the name of a laboratory in their environment or arguments; not this very run.
mine=" $$ $PPID "
for process in /proc/[0-9]*; do
	pid=${process#/proc/}
	if [[ $mine == *" $pid "* ]] || [ "$(cat "$process/comm" 2>/dev/null)" = check-e2e ]; then
		continue
	fi
	if tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -qxE "LAB=$run-[a-z_0-9]+" &&
		! tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -qxF "LAB=$LAB"; then
		fail "process $pid is left: $(tr '\0' ' ' <"$process/cmdline")"
	fi
done
equal "TAP devices in this namespace" "$(ip -o link 2>/dev/null | grep -oE 'xtcp[0-9]+' || true)" ""
