#!/bin/bash
# SPDX-License-Identifier: MIT
# One gibibyte each way: from a program on the private stack to one on the kernel's, and back. The
# data is made and digested on the fly; its digest is known.
. "$(dirname "$0")/lib.sh"

bytes=1073741824
digest=8bc211d3f3d77a7615bd60165f930154429cb31adc1a1483d3612eeab4b5495b

lab up
# The stack listens and takes; the kernel's side sends.
start sink bash -c "scripts/lab run nc -N -l $stack 9001 </dev/null | sha256sum"
sink=$pid
wait_stack_port 9001
"$helper" generate $bytes | peer nc -N "$stack" 9001
wait "$sink" || fail "the sink on the stack"
equal "kernel to stack" "$(awk '{ print $1 }' "$tmp/sink.log")" $digest

# The stack listens and sends; the kernel's side takes.
start source bash -c "$helper generate $bytes | scripts/lab run nc -N -l $stack 9002"
wait_stack_port 9002
got=$(peer nc -d "$stack" 9002 | sha256sum)
equal "stack to kernel" "${got%% *}" $digest
