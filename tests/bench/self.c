/* SPDX-License-Identifier: MIT */
#include "tests/bench/self.h"

#include <asm/socket.h>
#include <stdio.h>
#include <stdlib.h>

const struct mac_addr self_mac = {{2, 0, 0, 0, 0, 1}};

_Noreturn void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static bool nowhere(void *ctx, const struct frame_out *f)
{
	(void)ctx, (void)f;
	return true;
}

void self_begin(struct self *s)
{
	static const struct stack_ops ops = {.transmit = nowhere};
	struct stack_config config = {.mac = self_mac,
				      .mtu_bytes = 1500,
				      .tx_csum_offload = true,
				      .pkt_limit_bytes = 64u << 20};
	struct sock_addr any = {ip_v4(0), SELF_PORT};
	int err = 0, one = 1;
	s->now_us = 1000000000;
	s->st = stack_create(&config, &ops, s, s->now_us);
	if (!s->st)
		die("no stack");
	s->st->sysctl.somaxconn = SELF_BACKLOG;
	s->st->sysctl.tcp_max_syn_backlog = SELF_BACKLOG;
	s->st->sysctl.tcp_syncookies = 0;
	s->listener = tcp_socket(s->st, NULL, 0, &err);
	if (!s->listener || tcp_setsockopt(s->listener, 1, SO_KEEPALIVE, &one, sizeof(one)) ||
	    tcp_bind(s->listener, &any) || tcp_listen(s->listener, SELF_BACKLOG))
		die("listen");
}

void self_end(struct self *s)
{
	tcp_close(s->listener, false);
	stack_destroy(s->st);
}

void settle(struct self *s)
{
	struct tcp_sock *sk;
	unsigned events;
	s->now_us += 10;
	stack_advance(s->st, s->now_us);
	stack_flush(s->st);
	while ((sk = stack_next_event(s->st, &events)))
		;
}

struct tcp_sock *client_to(struct self *s, uint32_t address, uint16_t port)
{
	struct sock_addr to = {ip_v4(address), SELF_PORT}, from = {ip_v4(SELF_LOOPBACK_V4), port};
	int err;
	struct tcp_sock *sk = tcp_socket(s->st, NULL, 0, &err);
	if (!sk || (port && tcp_bind(sk, &from)) || tcp_connect(sk, &to))
		die("connect");
	return sk;
}

struct tcp_sock *accepted(struct self *s)
{
	struct tcp_sock *child = tcp_accept(s->listener);
	if (!child)
		die("accept");
	return child;
}
