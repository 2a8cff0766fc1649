/* SPDX-License-Identifier: MIT */
/*
 * A network in virtual time: two hosts, each a stack of its own, and one impaired link each way.
 *
 * Theory of operation: everything follows from one seed: the link, the tuning of both stacks, the
 * programs on them and what these do (scenario.c). The loop (sim.c) jumps from event to event,
 * and now and then the clock itself jumps; what the links deliver goes through a router (path.c);
 * after each step the invariants are checked (invariants.c). A failing seed replays exactly;
 * with tracing on, every segment is printed in words and written as pcapng (trace.c).
 */
#ifndef XTCP_TESTS_SIM_H
#define XTCP_TESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "stack/base/random.h"
#include "stack/link/impair.h"
#include "stack/stack.h"
#include "stack/tcp/tcp.h"

#define SIM_APPS_MAX 8
#define SIM_FIRST_PORT 1000
#define SIM_SERVER_V4 0x0a4d0002u
#define SIM_CLIENT_V4 0x0a4d0001u
#define SEC_US 1000000ull

struct sim;

enum sim_keys { SIM_KEYS_NONE, SIM_KEYS_MD5, SIM_KEYS_AO };

/* One end of one connection: what its program does. */
struct app {
	bool is_server;
	unsigned index; /* connection number; the server's port is SIM_FIRST_PORT + index */
	struct tcp_sock *sk;
	uint64_t start_us;	     /* client: when to connect */
	uint64_t send_total, sent;   /* bytes */
	uint64_t received, abort_at; /* abort_at: reset after so many received; UINT64_MAX: never */
	uint32_t read_chunk;	     /* bytes taken per read, */
	uint64_t read_every_us;	     /* at most so often (0: at once) */
	uint64_t next_read_us;
	uint32_t pacing;	 /* SO_MAX_PACING_RATE; 0: none */
	uint64_t close_early_at; /* close() after so many received, unread or not; UINT64_MAX */
	bool nodelay, fin_sent, eof, done, connected, aborted, closed_early;
	uint64_t stall_at, stall_us; /* stops reading for so long after so many received */
	/* what the invariants saw last */
	uint32_t snd_nxt_seen, edge_seen, cwnd_seen;
	uint8_t ca_state_seen;
	bool seen;
	int err;
};

struct host {
	struct sim *sim;
	unsigned index; /* 0: client, 1: server */
	struct stack *stack;
	struct impair out; /* what it sends */
};

struct link_cut {
	uint64_t from_us, until_us;
};

/* A hop whose MTU becomes smaller; mtu 0: there is none. */
struct narrow_hop {
	uint64_t from_us;
	uint32_t mtu;
	bool black_hole; /* drops without a word */
};

/* The clock leaps, as when a machine was suspended; by_us 0: it does not. */
struct clock_jump {
	uint64_t at_us, by_us;
};

struct sim {
	uint64_t seed, now_us;
	struct random random;
	struct host host[2];
	struct impair_config link;
	struct link_cut cut;
	struct narrow_hop hop;
	struct clock_jump jump;
	uint64_t jump_us; /* by how much the clock has leapt */
	uint32_t ghost_ppm;
	unsigned apps;
	struct app client[SIM_APPS_MAX], server[SIM_APPS_MAX];
	struct tcp_sock *listener[SIM_APPS_MAX];
	uint64_t steps, last_progress_us, segments, ghosts;
	bool aborts_possible; /* somebody resets: errors are legitimate */
	enum sim_keys keys;   /* how segments are signed */
	bool cookies;	      /* the server answers every SYN with a cookie */
	bool harsh;	      /* the path may be too bad to connect at all */
	char failure[256];    /* empty: none so far */
	FILE *trace, *pcap;
};

/* scenario.c */
void scenario_draw(struct sim *sim, struct stack_config config[2]);
void scenario_tune(struct sim *sim, struct host *h);

/* app.c: the programs */
uint8_t app_byte(const struct sim *sim, unsigned index, bool from_server, uint64_t offset);
void app_start_listening(struct sim *sim);
void app_run(struct sim *sim);
void app_event(struct sim *sim, struct host *h, struct tcp_sock *sk, unsigned events);
uint64_t app_next_us(const struct sim *sim);
bool app_all_done(const struct sim *sim);

/* The programs that wait for a peer that has given up; true when there were any. Without
 * keepalive nothing tells them. */
bool app_end_half_open(struct sim *sim);

/* keys.c: what signs a socket's segments; another key, perhaps; what must hold */
void keys_set(struct sim *sim, struct tcp_sock *sk, uint32_t peer);
void keys_turn(struct sim *sim, struct tcp_sock *sk);
void keys_check(struct sim *sim, const struct tcp_sock *sk);

/* path.c: brings a frame to `to`, unless the path drops it */
void path_carry(struct sim *sim, struct host *to, const uint8_t *frame, size_t len);

/* invariants.c */
void invariants_check(struct sim *sim);
void invariants_at_end(struct sim *sim);
void sim_fail(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* trace.c */
void trace_frame(struct sim *sim, unsigned from, const uint8_t *frame, size_t len);
void trace_counters(struct sim *sim, const struct host *h);
void pcap_begin(FILE *f);
void pcap_frame(FILE *f, uint64_t now_us, const uint8_t *frame, size_t len);

/* sim.c: true when the seed ran clean; the reason is in sim->failure otherwise */
bool sim_run(struct sim *sim, uint64_t seed, FILE *trace, FILE *pcap);

static inline uint32_t sim_pick(struct sim *sim, uint32_t bound)
{
	return random_below(&sim->random, bound);
}

#endif
