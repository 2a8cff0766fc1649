# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
#
# What the scenarios share. Sourced first; it gives each a scratch directory ($tmp), a laboratory
# when it asks for one (lab up), and clears up on the way out, whatever the way is. A scenario
# fails by a command that fails, or by `fail`.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
scenario=$(basename "$0" .sh)
export LAB=${LAB:-e2e-$$-$scenario}
export BUILD=${BUILD:-$PWD/build}
python=/usr/bin/python3 # not whatever a version manager put first in PATH
export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
helper=$BUILD/e2e-helper
stack=10.77.0.2  # the private stack
kernel=10.77.0.1 # the kernel's side of the TAP
tmp=$(mktemp -d /tmp/xtcp-e2e.XXXXXX)
chmod 755 "$tmp" # servers drop their privileges
started=()
made=() # directories outside $tmp that a scenario had to make: removed at the end
log_shown=

lab()
{
	scripts/lab "$@"
}
run()
{
	scripts/lab run "$@"
}
peer()
{
	scripts/lab peer "$@"
}
ctl()
{
	scripts/lab ctl "$@"
}

say()
{
	echo "$scenario: $*"
}
fail()
{
	echo "$scenario: FAILED: $*" >&2
	exit 1
}
skip() # REASON: something optional is not on this machine
{
	echo "$*"
	exit 77
}

equal() # WHAT GOT WANTED
{
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}
contains() # WHAT TEXT PATTERN (grep -E)
{
	grep -qE -- "$3" <<<"$2" || fail "$1: no '$3' in '$2'"
}
less() # WHAT NUMBER LIMIT
{
	[ "$2" -lt "$3" ] || fail "$1: $2 is not less than $3"
}

# Starts a command in the background; its output goes to $tmp/NAME.log and its pid to $pid.
start() # NAME COMMAND...
{
	local name=$1
	shift
	"$@" >"$tmp/$name.log" 2>&1 </dev/null &
	pid=$!
	started+=("$pid")
}
start_run() # NAME COMMAND...: over the private stack; $pid is the command's own
{
	local name=$1
	shift
	start "$name" scripts/lab run "$@"
}
start_peer() # NAME COMMAND...
{
	local name=$1
	shift
	start "$name" scripts/lab peer "$@"
}

# Nothing tells when another program listens: looks again until it does, for a bounded time.
until_true() # SECONDS WHAT COMMAND...
{
	local end=$((SECONDS + $1 + 1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "waited in vain: $what"
		sleep 0.05
	done
}
stack_listens() # PORT
{
	ctl ss -ltn | grep -qE "[:.]$1 "
}
kernel_listens() # PORT
{
	peer ss -Hltn "sport = :$1" | grep -q .
}
wait_stack_port()
{
	until_true 10 "a listener on the stack's port $1" stack_listens "$1"
}
wait_kernel_port()
{
	until_true 10 "a listener on the kernel's port $1" kernel_listens "$1"
}
wait_end() # PID SECONDS: for a process of ours, by the event
{
	timeout "$2" tail --pid="$1" -s 0.05 -f /dev/null || fail "process $1 has not ended"
}

# A laboratory whose xtcpd runs under AddressSanitizer and UBSan; what they have to say is in its
# log by the end, at which lab_sane ends xtcpd. More flags for it: xtcpd_flags.
xtcpd_flags=()
lab_up_sanitized()
{
	# no leak check at the end: it wants to trace a process that has given up its rights
	XTCPD=$BUILD/xtcpd-asan ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
		lab up "${xtcpd_flags[@]}"
}
lab_sane()
{
	local daemon
	read -r daemon <"$(lab dir)/xtcpd.pid"
	kill -TERM "$daemon" 2>/dev/null || fail "xtcpd is gone: $(cat "$(lab dir)/xtcpd.log")"
	wait_end "$daemon" 10
	if grep -qE 'AddressSanitizer|runtime error' "$(lab dir)/xtcpd.log"; then
		fail "$(cat "$(lab dir)/xtcpd.log")"
	fi
}

nstat() # NAME: a counter of the stack, 0 if it is not shown
{
	ctl nstat -az | awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }'
}

clear_up()
{
	local status=$? p
	trap - EXIT ERR
	set +e
	for p in "${started[@]}"; do
		kill -TERM "$p" 2>/dev/null
	done
	if [ "$status" -ne 0 ] && [ "$status" -ne 77 ] && [ -z "$log_shown" ]; then
		log_shown=1
		tail -n 40 "$tmp"/*.log "$(lab dir)/xtcpd.log" >&2 2>/dev/null
	fi
	for p in "${started[@]}"; do
		timeout 3 tail --pid="$p" -s 0.02 -f /dev/null || kill -KILL "$p" 2>/dev/null
	done
	if [ -e "/run/netns/xtcp-$LAB" ]; then
		lab down
	fi
	if [ -e "/run/netns/xtcp-$LAB" ] || [ -e "$(lab dir)" ]; then
		echo "$scenario: the laboratory is still there" >&2
		status=1
	fi
	for p in "${made[@]}"; do
		rmdir "$p" 2>/dev/null
	done
	rm -rf "$tmp"
	exit "$status"
}
trap clear_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
