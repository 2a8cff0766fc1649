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
#include <string.h>

#include "stack/base/checksum.h"
#include "tests/bench/self.h"

#define COUNT 20000
#define STACK_V4 0x0a4d0002u
#define PEER_V4 0x0a4d0001u
#define SYN_FRAME_BYTES (14 + 20 + 20)

static const struct mac_addr peer_mac = {{2, 0, 0, 0, 0, 2}};

static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static void print(const char *what, size_t bytes, unsigned count)
{
	printf("{\"what\": \"%s\", \"unit\": \"bytes\", \"at\": {\"%u\": %.1f}}\n", what, count,
	       (double)bytes / count);
}

static void connections(void)
{
	struct self s;
	self_begin(&s);
	size_t before = heap_bytes();
	for (unsigned i = 0; i < COUNT; i++) {
		client_to(&s, SELF_LOOPBACK_V4, 0);
		settle(&s);
		accepted(&s);
	}
	print("memory of the stack per idle connection", heap_bytes() - before, 2 * COUNT);
	self_end(&s);
}

/* A server's: its port is one for all of them. */
static void timewaits(void)
{
	struct self s;
	self_begin(&s);
	size_t before = heap_bytes();
	for (unsigned i = 0; i < COUNT; i++) {
		struct tcp_sock *client = client_to(&s, SELF_LOOPBACK_V4, 0);
		settle(&s);
		tcp_close(accepted(&s), false);
		settle(&s);
		tcp_close(client, false);
		settle(&s);
	}
	if (s.st->tcp.timewait != COUNT)
		die("not every connection left a TIME_WAIT");
	print("memory of the stack per TIME_WAIT", heap_bytes() - before, COUNT);
	self_end(&s);
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
static void syn_from(struct self *s, uint16_t port)
{
	struct pkt *frame = pkt_alloc(stack_pkt_pool(s->st), SYN_FRAME_BYTES);
	if (!frame)
		die("pkt");
	uint8_t *p = frame->data, *ip = p + 14, *tcp = ip + 20;
	memset(p, 0, SYN_FRAME_BYTES);
	memcpy(p, &self_mac, 6);
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
	put16(tcp + 2, SELF_PORT);
	put32(tcp + 4, 1000);
	tcp[12] = 5 << 4;
	tcp[13] = 0x02;
	put16(tcp + 14, 65535);
	frame->len = SYN_FRAME_BYTES;
	frame->csum_valid = true;
	stack_input(s->st, frame);
	settle(s);
}

static void syns(void)
{
	struct self s;
	self_begin(&s);
	if (stack_addr_add(s.st, STACK_V4, 24) || neigh_add(s.st, PEER_V4, &peer_mac))
		die("no address");
	size_t before = heap_bytes();
	for (unsigned i = 0; i < COUNT; i++)
		syn_from(&s, (uint16_t)(20000 + i));
	if (s.st->tcp.request_socks != COUNT)
		die("not every SYN is in the SYN queue");
	print("memory of the stack per SYN in the SYN queue", heap_bytes() - before, COUNT);
	self_end(&s);
}

int main(void)
{
	connections();
	timewaits();
	syns();
	return 0;
}
