/* SPDX-License-Identifier: MIT */
/*
 * What the stack alone holds for a connection, a SYN in the SYN queue and a TIME_WAIT: the growth of
 * the heap by some ten thousands of each, what the allocator adds included. Prints one JSON object a
 * figure, bytes by count.
 *
 * Connections and TIME_WAITs are of a stack with itself over 127.0.0.0/8, so each connection is two
 * sockets. SYNs come in as frames, from ports that never answer.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/checksum.h"
#include "stack/stack_impl.h"

#define COUNT 20000
#define PORT 7000
#define LOOPBACK_V4 0x7f000001u
#define STACK_V4 0x0a4d0002u
#define PEER_V4 0x0a4d0001u
#define SYN_FRAME_BYTES (14 + 20 + 20)

static const struct mac_addr own_mac = {{2, 0, 0, 0, 0, 1}}, peer_mac = {{2, 0, 0, 0, 0, 2}};

struct bench {
	struct stack *st;
	struct tcp_sock *listener;
	uint64_t now_us;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench-memory: %s\n", what);
	exit(1);
}

static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static bool nowhere(void *ctx, const struct frame_out *f)
{
	(void)ctx, (void)f;
	return true;
}

static void settle(struct bench *b)
{
	struct tcp_sock *sk;
	unsigned events;
	b->now_us += 10;
	stack_advance(b->st, b->now_us);
	stack_flush(b->st);
	while ((sk = stack_next_event(b->st, &events)))
		;
}

static void begin(struct bench *b)
{
	static const struct stack_ops ops = {.transmit = nowhere};
	struct stack_config config = {.mac = own_mac,
				      .mtu_bytes = 1500,
				      .tx_csum_offload = true,
				      .pkt_limit_bytes = 64u << 20};
	struct sock_addr any = {ip_v4(0), PORT};
	int err = 0;
	b->now_us = 1000000000;
	b->st = stack_create(&config, &ops, b, b->now_us);
	if (!b->st || stack_addr_add(b->st, STACK_V4, 24) || neigh_add(b->st, PEER_V4, &peer_mac))
		die("no stack");
	b->st->sysctl.somaxconn = 2 * COUNT;
	b->st->sysctl.tcp_max_syn_backlog = 2 * COUNT;
	b->st->sysctl.tcp_syncookies = 0;
	b->listener = tcp_socket(b->st, NULL, 0, &err);
	if (!b->listener || tcp_bind(b->listener, &any) || tcp_listen(b->listener, 2 * COUNT))
		die("listen");
}

static void connect_one(struct bench *b, struct tcp_sock **client, struct tcp_sock **child)
{
	struct sock_addr to = {ip_v4(LOOPBACK_V4), PORT};
	int err;
	*client = tcp_socket(b->st, NULL, 0, &err);
	if (!*client || tcp_connect(*client, &to))
		die("connect");
	settle(b);
	*child = tcp_accept(b->listener);
	if (!*child)
		die("accept");
}

static void print(const char *what, size_t bytes, unsigned count)
{
	printf("{\"what\": \"%s\", \"unit\": \"bytes\", \"at\": {\"%u\": %.1f}}\n", what, count,
	       (double)bytes / count);
}

static void end(struct bench *b)
{
	tcp_close(b->listener, false);
	stack_destroy(b->st);
}

static void connections(void)
{
	struct tcp_sock *client, *child;
	struct bench b;
	begin(&b);
	size_t before = heap_bytes();
	for (unsigned i = 0; i < COUNT; i++)
		connect_one(&b, &client, &child);
	print("memory of the stack per idle connection", heap_bytes() - before, 2 * COUNT);
	end(&b);
}

/* A server's: its port is one for all of them. */
static void timewaits(void)
{
	struct tcp_sock *client, *child;
	struct bench b;
	begin(&b);
	size_t before = heap_bytes();
	for (unsigned i = 0; i < COUNT; i++) {
		connect_one(&b, &client, &child);
		tcp_close(child, false);
		settle(&b);
		tcp_close(client, false);
		settle(&b);
	}
	if (b.st->tcp.timewait != COUNT)
		die("not every connection left a TIME_WAIT");
	print("memory of the stack per TIME_WAIT", heap_bytes() - before, COUNT);
	end(&b);
}

static void put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

/* RFC 791 3.1, RFC 9293 3.1; the TCP checksum is left to the link, which says that it is right. */
static void syn_from(struct bench *b, uint16_t port)
{
	struct pkt *frame = pkt_alloc(stack_pkt_pool(b->st), SYN_FRAME_BYTES);
	if (!frame)
		die("pkt");
	uint8_t *p = frame->data, *ip = p + 14, *tcp = ip + 20;
	memset(p, 0, SYN_FRAME_BYTES);
	memcpy(p, &own_mac, 6);
	memcpy(p + 6, &peer_mac, 6);
	put16(p + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, 40);
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, PEER_V4);
	put32(ip + 16, STACK_V4);
	put16(ip + 10, csum_finish(csum_partial(ip, 20, 0)));
	put16(tcp, port);
	put16(tcp + 2, PORT);
	put32(tcp + 4, 1000);
	tcp[12] = 5 << 4;
	tcp[13] = 0x02;
	put16(tcp + 14, 65535);
	frame->len = SYN_FRAME_BYTES;
	frame->csum_valid = true;
	stack_input(b->st, frame);
	settle(b);
}

static void syns(void)
{
	struct bench b;
	begin(&b);
	size_t before = heap_bytes();
	for (unsigned i = 0; i < COUNT; i++)
		syn_from(&b, (uint16_t)(20000 + i));
	if (b.st->tcp.request_socks != COUNT)
		die("not every SYN is in the SYN queue");
	print("memory of the stack per SYN in the SYN queue", heap_bytes() - before, COUNT);
	end(&b);
}

int main(void)
{
	connections();
	timewaits();
	syns();
	return 0;
}
