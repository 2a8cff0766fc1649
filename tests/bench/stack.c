/* SPDX-License-Identifier: MIT */
/*
 * What grows with the number of connections in the stack alone, without I/O: a lookup, a timer and
 * a tick, a connection's set-up and end. Prints one JSON object a figure, nanoseconds by count.
 *
 * Theory of operation: one stack talks to itself over 127.0.0.0/8, so each connection is two
 * sockets. What is measured touches ten connections in turn, whatever the number of others, so that
 * the figure is the algorithm's and not the processor cache's, but for one, which says so. The clock
 * is the thread's own, and each figure is the least of several tries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "stack/stack_impl.h"

#define MAX_CONNECTIONS 100000
#define PER_ADDRESS 20000
#define PORT 7000
#define HOT 10
#define HOT_PORT 20000 /* below those the stack chooses */
#define TRIES 15
#define LOOPBACK_V4 0x7f000001u

static const unsigned counts[] = {10, 100, 1000, 10000, 100000};
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

struct bench {
	struct stack *st;
	struct tcp_sock *listener, *client[MAX_CONNECTIONS], *child[MAX_CONNECTIONS];
	unsigned connections;
	uint64_t now_us;
	struct timer timer[HOT];
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench-stack: %s\n", what);
	exit(1);
}

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* not what others do meanwhile */
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
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

/* From a port of the stack's choice if `port` is 0. */
static struct tcp_sock *client_to(struct bench *b, uint32_t address, uint16_t port)
{
	struct sock_addr to = {ip_v4(address), PORT}, from = {ip_v4(LOOPBACK_V4), port};
	int err;
	struct tcp_sock *sk = tcp_socket(b->st, NULL, 0, &err);
	if (!sk || (port && tcp_bind(sk, &from)) || tcp_connect(sk, &to))
		die("connect");
	return sk;
}

static void establish(struct bench *b, unsigned count)
{
	for (; b->connections < count; b->connections++) {
		b->client[b->connections] =
		    client_to(b, LOOPBACK_V4 + 1 + b->connections / PER_ADDRESS, 0);
		settle(b);
		b->child[b->connections] = tcp_accept(b->listener);
		if (!b->child[b->connections])
			die("accept");
	}
}

static void lookups(struct bench *b, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		const struct sock_common *c = &b->child[i % HOT]->c;
		if (ehash_lookup(b->st, &c->laddr, c->lport, &c->raddr, c->rport) != c)
			die("lookup");
	}
}

static void timers(struct bench *b, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		timer_set(&b->st->wheel, &b->timer[i % HOT], b->now_us + 200000 + i % 1000);
		timer_cancel(&b->st->wheel, &b->timer[(i + 5) % HOT]);
	}
}

static void ticks(struct bench *b, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		b->now_us += TIMER_TICK_US;
		stack_advance(b->st, b->now_us);
	}
}

static void accept_one(struct bench *b, uint32_t address, uint16_t port)
{
	struct tcp_sock *client = client_to(b, address, port);
	settle(b);
	struct tcp_sock *child = tcp_accept(b->listener);
	if (!child)
		die("accept");
	tcp_abort(client);
	settle(b);
	tcp_close(child, false);
}

static void accepts(struct bench *b, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		accept_one(b, LOOPBACK_V4 + 100, (uint16_t)(HOT_PORT + i % HOT));
}

/* Each from a place in the tables that nothing has touched for long: the processor's caches count. */
static void accepts_of_strangers(struct bench *b, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		accept_one(b, LOOPBACK_V4 + 101 + i % 100, 0);
}

struct figure {
	const char *what;
	void (*run)(struct bench *b, unsigned times);
	unsigned times;
	double ns[COUNTS];
} figures[] = {
    {"lookup of an established connection", lookups, 200000, {0}},
    {"arming a timer and cancelling one", timers, 200000, {0}},
    {"a millisecond's tick", ticks, 2000, {0}},
    {"connect, accept and reset", accepts, 2000, {0}},
    {"connect, accept and reset, from ever new ports", accepts_of_strangers, 2000, {0}},
};
#define FIGURES (sizeof(figures) / sizeof(figures[0]))

static double least_ns(struct bench *b, const struct figure *f)
{
	double least = 0;
	for (unsigned i = 0; i < TRIES; i++) {
		double began = now_ns();
		f->run(b, f->times);
		double ns = (now_ns() - began) / f->times;
		if (i == 0 || ns < least)
			least = ns;
	}
	return least;
}

static void timer_ignored(struct timer *t, void *ctx)
{
	(void)t, (void)ctx;
}

static void begin(struct bench *b)
{
	static const struct stack_ops ops = {.transmit = nowhere};
	struct stack_config config = {.mac = {{2, 0, 0, 0, 0, 1}},
				      .mtu_bytes = 1500,
				      .tx_csum_offload = true,
				      .pkt_limit_bytes = 64u << 20};
	struct sock_addr any = {ip_v4(0), PORT};
	int err = 0, one = 1;
	b->now_us = 1000000000;
	b->st = stack_create(&config, &ops, b, b->now_us);
	b->listener = b->st ? tcp_socket(b->st, NULL, 0, &err) : NULL;
	if (!b->listener ||
	    tcp_setsockopt(b->listener, 1, 9 /* SO_KEEPALIVE */, &one, sizeof(one)) ||
	    tcp_bind(b->listener, &any) || tcp_listen(b->listener, 4096))
		die("listen");
	for (unsigned i = 0; i < HOT; i++)
		timer_init(&b->timer[i], timer_ignored);
}

int main(void)
{
	static struct bench b;
	begin(&b);
	for (unsigned c = 0; c < COUNTS; c++) {
		establish(&b, counts[c]);
		for (unsigned f = 0; f < FIGURES; f++)
			figures[f].ns[c] = least_ns(&b, &figures[f]);
	}
	for (unsigned f = 0; f < FIGURES; f++) {
		printf("{\"what\": \"%s\", \"unit\": \"ns\", \"at\": {", figures[f].what);
		for (unsigned c = 0; c < COUNTS; c++)
			printf("%s\"%u\": %.1f", c ? ", " : "", counts[c], figures[f].ns[c]);
		puts("}}");
	}
	return 0;
}
