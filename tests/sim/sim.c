/* SPDX-License-Identifier: MIT */
/* The loop in virtual time. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 4000000
#define START_US (1000 * SEC_US)

static void to_link(void *ctx, const uint8_t *frame, size_t len)
{
	struct host *h = ctx;
	struct sim *sim = h->sim;
	sim->segments++;
	if (sim->trace)
		trace_frame(sim, h->index, frame, len);
	if (sim->pcap)
		pcap_frame(sim->pcap, sim->now_us, frame, len);
	h->out.config.cut = sim->now_us >= sim->cut.from_us && sim->now_us < sim->cut.until_us;
	impair_push(&h->out, frame, len, sim->now_us);
}

static bool transmit(void *ctx, const struct frame_out *f)
{
	struct host *h = ctx;
	if (!frame_segment(f, to_link, h))
		sim_fail(h->sim, "a frame that cannot be segmented");
	return true;
}

static bool create_hosts(struct sim *sim)
{
	static const struct stack_ops ops = {.transmit = transmit};
	struct stack_config config[2];
	scenario_draw(sim, config);
	for (unsigned i = 0; i < 2; i++) {
		struct host *h = &sim->host[i];
		h->sim = sim;
		h->index = i;
		struct impair_config link = sim->link;
		link.seed += i;
		impair_init(&h->out, &link);
		h->stack = stack_create(&config[i], &ops, h, sim->now_us);
		if (!h->stack)
			return false;
		scenario_tune(sim, h);
		if (stack_addr_add(h->stack, i ? SIM_SERVER_V4 : SIM_CLIENT_V4, 24))
			return false;
	}
	return true;
}

static void deliver(struct sim *sim, struct host *from, struct host *to)
{
	struct impair_frame *q;
	while ((q = impair_pop(&from->out, sim->now_us))) {
		path_carry(sim, to, q->data, q->len);
		free(q);
	}
}

static void report_events(struct sim *sim, struct host *h)
{
	struct tcp_sock *sk;
	unsigned events;
	while ((sk = stack_next_event(h->stack, &events)))
		app_event(sim, h, sk, events);
}

static uint64_t next_time(const struct sim *sim)
{
	uint64_t next = app_next_us(sim);
	for (int i = 0; i < 2; i++) {
		uint64_t timer = stack_next_timer_us(sim->host[i].stack);
		uint64_t frame = impair_next_us(&sim->host[i].out);
		next = timer < next ? timer : next;
		next = frame < next ? frame : next;
	}
	return next;
}

static void step(struct sim *sim)
{
	for (int i = 0; i < 2; i++) {
		stack_advance(sim->host[i].stack, sim->now_us);
		deliver(sim, &sim->host[!i], &sim->host[i]);
	}
	for (int i = 0; i < 2; i++)
		report_events(sim, &sim->host[i]);
	app_run(sim);
	for (int i = 0; i < 2; i++)
		stack_flush(sim->host[i].stack);
	for (int i = 0; i < 2; i++)
		report_events(sim, &sim->host[i]);
	app_run(sim);
	for (int i = 0; i < 2; i++)
		stack_flush(sim->host[i].stack);
	invariants_check(sim);
	sim->steps++;
	if (sim->steps > MAX_STEPS)
		sim_fail(sim, "still busy after %u steps", MAX_STEPS);
}

static void run_until_done(struct sim *sim)
{
	while (!app_all_done(sim) && !sim->failure[0]) {
		uint64_t next = next_time(sim);
		if (next == UINT64_MAX && app_end_half_open(sim)) {
			step(sim);
			continue;
		}
		if (next == UINT64_MAX) {
			sim_fail(sim, "nothing will ever happen again, and not all is done");
			return;
		}
		if (next > sim->now_us)
			sim->now_us = next;
		if (sim->jump.by_us && sim->now_us >= sim->jump.at_us) {
			sim->now_us += sim->jump.by_us;
			sim->jump_us = sim->jump.by_us;
			sim->jump.by_us = 0;
		}
		step(sim);
	}
}

/* Closes the listeners and lets every timer run out. */
static void drain(struct sim *sim)
{
	for (unsigned i = 0; i < sim->apps; i++) {
		struct app *late = &sim->server[i];
		if (sim->listener[i])
			tcp_close(sim->listener[i], false);
		if (late->sk && !late->done)
			tcp_abort(late->sk);
		late->sk = NULL;
		late->done = true;
	}
	uint64_t end_us = sim->now_us + 3600 * SEC_US;
	while (!sim->failure[0]) {
		struct tcp_counts a = tcp_count(sim->host[0].stack);
		struct tcp_counts b = tcp_count(sim->host[1].stack);
		uint64_t next = next_time(sim);
		bool idle = !a.sockets && !b.sockets && !a.timewait && !b.timewait &&
			    !a.request_socks && !b.request_socks &&
			    impair_next_us(&sim->host[0].out) == UINT64_MAX &&
			    impair_next_us(&sim->host[1].out) == UINT64_MAX;
		if (idle || next >= end_us)
			break;
		if (next > sim->now_us)
			sim->now_us = next;
		step(sim);
	}
}

bool sim_run(struct sim *sim, uint64_t seed, FILE *trace, FILE *pcap)
{
	uint8_t bytes[32] = {'s', 'i', 'm'};
	memset(sim, 0, sizeof(*sim));
	memcpy(bytes + 8, &seed, sizeof(seed));
	sim->seed = seed;
	sim->trace = trace;
	sim->pcap = pcap;
	sim->now_us = sim->last_progress_us = START_US;
	random_seed(&sim->random, bytes);
	if (!create_hosts(sim)) {
		sim_fail(sim, "the hosts could not be made");
		return false;
	}
	if (sim->cut.until_us) {
		sim->cut.from_us += START_US;
		sim->cut.until_us += START_US;
	}
	sim->hop.from_us += START_US;
	sim->jump.at_us += START_US;
	app_start_listening(sim);
	run_until_done(sim);
	drain(sim);
	/* A datagram that will never be whole is held until its timer; none is sent here. */
	if (!sim->failure[0])
		invariants_at_end(sim);
	for (int i = 0; i < 2; i++) {
		if (sim->trace)
			trace_counters(sim, &sim->host[i]);
		impair_destroy(&sim->host[i].out);
		stack_destroy(sim->host[i].stack);
	}
	return sim->failure[0] == '\0';
}
