#!/bin/bash
# SPDX-License-Identifier: MIT
# program: Exim
# package: exim4-daemon-light
# exercised: takes 20 messages of 300 kB by SMTP, half of them with STARTTLS, pipelined, refuses a relay; delivers to local files, and as a client from the stack to a second Exim on the kernel's side
# needs: `keep_environment = LD_PRELOAD : XTCP_SOCKET`; deliveries by root's queue runner, as Exim's own re-execution of itself is set-user-ID
cd "$(dirname "$0")/../../.." && . tests/e2e/programs/common.inc

lab up
make_certificate
exim_configuration() # NAME DOMAIN ADDRESS
{
	mkdir -p "$tmp/$1/mail"
	chmod 777 "$tmp/$1/mail"
	chown -R Debian-exim "$tmp/$1"
	cat >"$tmp/$1.conf" <<-CONF
		keep_environment = LD_PRELOAD : XTCP_SOCKET
		spool_directory = $tmp/$1
		log_file_path = $tmp/$1/%slog
		pid_file_path = $tmp/$1/exim.pid
		primary_hostname = $2
		domainlist ours = $2
		acl_smtp_rcpt = check
		acl_smtp_data = accept
		tls_certificate = $tmp/cert.pem
		tls_privatekey = $tmp/key.pem
		tls_advertise_hosts = *
		queue_only
		disable_ipv6
		daemon_smtp_ports = 2525
		local_interfaces = $3
		rfc1413_query_timeout = 0s
		host_lookup =
		begin acl
		check:
		  accept domains = +ours : far.example
		  deny message = relay not permitted
		begin routers
		far:
		  driver = manualroute
		  domains = ! +ours
		  transport = smtp
		  route_list = * "$kernel"
		local:
		  driver = accept
		  transport = file
		begin transports
		smtp:
		  driver = smtp
		  port = 2525
		  hosts_require_tls = *
		file:
		  driver = appendfile
		  file = $tmp/$1/mail/box
		  user = nobody
		  create_file = anywhere
	CONF
}
exim_configuration near near.example "$stack"
exim_configuration far far.example "$kernel"
sed -i '/^far:/,/route_list/d' "$tmp/far.conf"
start_run exim exim4 -C "$tmp/near.conf" -bdf
server=$pid
start_peer far exim4 -C "$tmp/far.conf" -bdf
wait_stack_port 2525
wait_kernel_port 2525
cat >"$tmp/send.py" <<'PY'
import random, smtplib, ssl, sys
address, cafile = sys.argv[1:]
context = ssl.create_default_context(cafile=cafile)
for n in range(20):
    with smtplib.SMTP(address, 2525, local_hostname="client.example", timeout=20) as client:
        if n % 2:
            client.starttls(context=context)
        domain = "near.example" if n % 4 < 2 else "far.example"
        body = "".join("%016x\n" % random.Random(n * 100000 + i).getrandbits(64) for i in range(17000))
        client.sendmail("a@client.example", [f"user{n}@{domain}"], f"Subject: message {n}\n\n{body}")
with smtplib.SMTP(address, 2525, local_hostname="client.example", timeout=20) as client:
    client.helo()
    client.mail("a@client.example")
    code, _ = client.rcpt("b@elsewhere.example")
    print(code)
PY
equal "a relay is refused" "$(peer "$python" "$tmp/send.py" "$stack" "$tmp/cert.pem")" 550
contains "who delivered it here" "$(cat "$tmp/near/mainlog")" "<= a@client.example H=\\(client.example\\) \\[$kernel\\].*P=esmtps"
run exim4 -C "$tmp/near.conf" -qff
equal "still queued here" "$(exim4 -C "$tmp/near.conf" -bpc)" 0
equal "queued there" "$(exim4 -C "$tmp/far.conf" -bpc)" 10
contains "who delivered it there" "$(cat "$tmp/far/mainlog")" "<= a@client.example H=\\(near.example\\) \\[$stack\\].*P=esmtps"
peer exim4 -C "$tmp/far.conf" -qff
# Both boxes together hold each message once, as it was sent.
equal "messages" "$("$python" - "$tmp/near/mail/box" "$tmp/far/mail/box" <<'PY'
import mailbox, random, sys
got = {}
for path in sys.argv[1:]:
    for message in mailbox.mbox(path):
        got[int(message["Subject"].split()[1])] = message.get_payload().rstrip("\n")
wanted = {n: "\n".join("%016x" % random.Random(n * 100000 + i).getrandbits(64) for i in range(17000))
          for n in range(20)}
print("as sent" if got == wanted else sorted(got))
PY
)" "as sent"
kill -TERM "$server"
wait_end "$server" 10
