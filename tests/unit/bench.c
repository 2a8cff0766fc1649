/* SPDX-License-Identifier: MIT */
#include "tests/unit/bench.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/control.h"
#include "stack/link/neigh.h"

static bool transmit(void *ctx, const struct frame_out *f)
{
	(void)ctx;
	(void)f;
	return true;
}

static struct stack *stack_new(void *ctx)
{
	static const struct stack_ops ops = {.transmit = transmit};
	static const struct mac_addr peer = {{2, 0, 0, 0, 0, 1}};
	struct stack_config config = {
	    .mac = {{2, 0, 0, 0, 0, 2}},
	    .mtu_bytes = 1500,
	    .pkt_limit_bytes = 16 << 20,
	};
	struct stack *st = stack_create(&config, &ops, ctx, 1000000);

	ck_assert_ptr_nonnull(st);
	ck_assert_int_eq(stack_addr_add(st, HOST_V4, 24), 0);
	ck_assert_int_eq(neigh_add(st, PEER_V4, &peer), 0);
	return st;
}

struct daemon *bench_new(void)
{
	struct daemon *d = calloc(1, sizeof(*d));

	ck_assert_ptr_nonnull(d);
	config_defaults(&d->config);
	d->stack = stack_new(d);
	d->identity = (struct identity){.uid = getuid(), .gid = getgid()};
	d->socket_gid = getgid();
	strcpy(d->link.name, "xtcp0");
	list_init(&d->sockets.work);
	capture_init(d);
	ck_assert_int_eq(loop_init(&d->loop), 0);
	impairment_init(d);
	return d;
}

void bench_free(struct daemon *d)
{
	if (d->control)
		control_stop(d);
	loop_destroy(&d->loop);
	stack_destroy(d->stack);
	free(d);
}

struct pkt *bench_runt(struct daemon *d)
{
	struct pkt *p = pkt_alloc(stack_pkt_pool(d->stack), 5);

	ck_assert_ptr_nonnull(p);
	memset(p->buf, 0, 5);
	p->len = 5;
	return p;
}

struct tcp_sock *bench_listen(struct daemon *d, uint16_t port, int backlog)
{
	struct sock_addr any = {.addr = ip_v4(0), .port = port};
	int err;
	struct tcp_sock *sk = tcp_socket(d->stack, NULL, 1000, &err);

	ck_assert_ptr_nonnull(sk);
	ck_assert_int_eq(tcp_bind(sk, &any), 0);
	ck_assert_int_eq(tcp_listen(sk, backlog), 0);
	return sk;
}
