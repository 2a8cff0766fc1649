#!/bin/bash
# SPDX-License-Identifier: MIT
# program: OpenSSH
# package: openssh-server
# exercised: sshd that drops its privileges: sftp and scp of 3 MB each way, local, remote and dynamic port forwarding through it, a multiplexed connection; ssh as a client on the stack to sshd on the kernel's side
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

if [ ! -d /run/sshd ]; then
	mkdir -m 755 /run/sshd # where sshd's unprivileged part lives; its service makes it
	made+=(/run/sshd)
fi

lab up
make_www
ssh-keygen -q -t ed25519 -N '' -f "$tmp/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$tmp/user_key"
for address in "$stack" "$kernel"; do
	cat >"$tmp/sshd_$address" <<-CONF
		ListenAddress $address:2222
		HostKey $tmp/host_key
		AuthorizedKeysFile $tmp/user_key.pub
		PidFile $tmp/sshd_$address.pid
		PermitRootLogin prohibit-password
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		StrictModes no
		UsePAM no
		GatewayPorts clientspecified
		Subsystem sftp internal-sftp
	CONF
	printf '[%s]:2222 %s\n' "$address" "$(cat "$tmp/host_key.pub")" >>"$tmp/known_hosts"
done
cat >"$tmp/ssh_config" <<CONF
Port 2222
User root
IdentityFile $tmp/user_key
IdentitiesOnly yes
IdentityAgent none
BatchMode yes
ConnectTimeout 15
UserKnownHostsFile $tmp/known_hosts
StrictHostKeyChecking yes
ExitOnForwardFailure yes
CONF
start_run sshd "$(command -v sshd)" -D -e -f "$tmp/sshd_$stack"
start_peer kernel_sshd "$(command -v sshd)" -D -e -f "$tmp/sshd_$kernel"
start_upstream 8001 127.0.0.1
start_peer kernel_http "$python" -m http.server -b "$kernel" -d "$tmp/www" 8080
wait_stack_port 2222
wait_kernel_port 2222
wait_kernel_port 8080

peer sftp -F "$tmp/ssh_config" -b - "$stack" >"$tmp/sftp.log" <<BATCH
put $tmp/www/large $tmp/put
get $tmp/www/large $tmp/got
BATCH
same_file "sftp put" "$tmp/put" "$tmp/www/large"
same_file "sftp get" "$tmp/got" "$tmp/www/large"
rm "$tmp/put" "$tmp/got"
peer scp -q -F "$tmp/ssh_config" "$tmp/www/large" "$stack:$tmp/put"
peer scp -q -F "$tmp/ssh_config" "$stack:$tmp/www/large" "$tmp/got"
same_file "scp up" "$tmp/put" "$tmp/www/large"
same_file "scp down" "$tmp/got" "$tmp/www/large"

# -L: sshd on the stack connects to the stack's own server. -R: it listens on the stack for us.
start_peer forward ssh -F "$tmp/ssh_config" -N -L "$kernel:9001:127.0.0.1:8001" -D "$kernel:1080" \
	-R "$stack:9002:$kernel:8080" -M -S "$tmp/master" "$stack"
wait_kernel_port 9001
wait_kernel_port 1080
wait_stack_port 9002
serves_www "-L" "http://$kernel:9001"
serves_www "-D" "http://127.0.0.1:8001" --socks5-hostname "$kernel:1080"
run curl -sS --fail --max-time 20 -o "$tmp/got" "http://$stack:9002/large"
same_file "-R" "$tmp/got" "$tmp/www/large"
for i in 1 2 3 4; do
	equal "session $i of one connection" \
		"$(peer ssh -F "$tmp/ssh_config" -S "$tmp/master" "$stack" echo "$i" </dev/null)" "$i"
done
peer ssh -F "$tmp/ssh_config" -S "$tmp/master" -O exit "$stack" 2>/dev/null

equal "ssh on the stack, as the other side sees it" \
	"$(run ssh -F "$tmp/ssh_config" "$kernel" 'echo "${SSH_CONNECTION%% *}"' </dev/null)" "$stack"
# shellcheck disable=SC2094 # cmp reads as well
run ssh -F "$tmp/ssh_config" "$kernel" cat <"$tmp/www/large" | cmp - "$tmp/www/large"
