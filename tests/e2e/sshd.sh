#!/bin/bash
# SPDX-License-Identifier: MIT
# sshd, unmodified, on the private stack: a login with a key from the kernel's side runs a command,
# with and without a terminal, and copies data through. sshd forks, executes itself again, drops
# privileges and passes descriptors; the session's own programs run without the shim.
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" -eq 0 ] || skip "sshd needs root"
if [ ! -d /run/sshd ]; then
	mkdir -m 755 /run/sshd # where sshd's unprivileged part lives; its service makes it
	made+=(/run/sshd)
fi

lab up
ssh-keygen -q -t ed25519 -N '' -f "$tmp/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$tmp/user_key"
cat >"$tmp/sshd_config" <<CONF
ListenAddress $stack:2222
HostKey $tmp/host_key
AuthorizedKeysFile $tmp/user_key.pub
PidFile $tmp/sshd.pid
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
CONF
printf '[%s]:2222 %s\n' "$stack" "$(cat "$tmp/host_key.pub")" >"$tmp/known_hosts"
start_run sshd "$(command -v sshd)" -D -e -f "$tmp/sshd_config"
wait_stack_port 2222

login()
{
	peer ssh -F none -p 2222 -i "$tmp/user_key" -o IdentitiesOnly=yes -o IdentityAgent=none \
		-o BatchMode=yes -o ConnectTimeout=15 -o UserKnownHostsFile="$tmp/known_hosts" \
		-o StrictHostKeyChecking=yes "$@"
}
answer=$(login "root@$stack" 'echo "user $(id -un), from $SSH_CONNECTION"' </dev/null) ||
	fail "login: $(cat "$tmp/sshd.log")"
contains "the command's output" "$answer" "^user root, from $kernel [0-9]+ $stack 2222$"
contains "with a terminal" "$(login -tt "root@$stack" tty </dev/null 2>/dev/null)" "^/dev/pts/"
status=0
login "root@$stack" 'exit 42' </dev/null || status=$?
equal "the command's exit status" $status 42

"$helper" generate 20000000 >"$tmp/data"
# shellcheck disable=SC2094 # cmp reads as well
login "root@$stack" cat <"$tmp/data" | cmp - "$tmp/data"
