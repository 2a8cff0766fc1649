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
#include <time.h>

#include "tests/bench/self.h"

#define MAX_CONNECTIONS 100000
#define PER_ADDRESS 20000
#define HOT 10
#define HOT_PORT 20000 /* below those the stack chooses */
#define TRIES 15

static const unsigned counts[] = {10, 100, 1000, 10000, 100000};
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

struct bench {
	struct self self;
	struct tcp_sock *child[MAX_CONNECTIONS];
	unsigned connections;
	struct timer timer[HOT];
};

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* not what others do meanwhile */
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void establish(struct bench *b, unsigned count)
{
	for (; b->connections < count; b->connections++) {
		client_to(&b->self, SELF_LOOPBACK_V4 + 1 + b->connections / PER_ADDRESS, 0);
		settle(&b->self);
		b->child[b->connections] = accepted(&b->self);
	}
}

static void lookups(struct bench *b, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		const struct sock_common *c = &b->child[i % HOT]->c;
		if (ehash_lookup(b->self.st, c->laddr, c->lport, c->raddr, c->rport) != c)
			die("lookup");
	}
}

static void timers(struct bench *b, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		timer_set(&b->self.st->wheel, &b->timer[i % HOT],
			  b->self.now_us + 200000 + i % 1000);
		timer_cancel(&b->self.st->wheel, &b->timer[(i + 5) % HOT]);
	}
}

static void ticks(struct bench *b, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		b->self.now_us += TIMER_TICK_US;
		stack_advance(b->self.st, b->self.now_us);
	}
}

static void accept_one(struct self *s, uint32_t address, uint16_t port)
{
	struct tcp_sock *client = client_to(s, address, port);
	settle(s);
	struct tcp_sock *child = accepted(s);
	tcp_abort(client);
	settle(s);
	tcp_close(child, false);
}

static void accepts(struct bench *b, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		accept_one(&b->self, SELF_LOOPBACK_V4 + 100, (uint16_t)(HOT_PORT + i % HOT));
}

/* Each from a place in the tables that nothing has touched for long: the processor's caches count. */
static void accepts_of_strangers(struct bench *b, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		accept_one(&b->self, SELF_LOOPBACK_V4 + 101 + i % 100, 0);
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

int main(void)
{
	static struct bench b;
	self_begin(&b.self);
	for (unsigned i = 0; i < HOT; i++)
		timer_init(&b.self.st->wheel, &b.timer[i], timer_ignored);
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
