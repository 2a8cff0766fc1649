/* SPDX-License-Identifier: MIT */
/* What a seed means: the link, the tuning and the programs. */
#include <string.h>

#include "tests/sim/sim.h"

static uint32_t one_of(struct sim *sim, const uint32_t *values, uint32_t count)
{
	return values[sim_pick(sim, count)];
}

#define ONE_OF(sim, ...)                                                                           \
	one_of(sim, (const uint32_t[]){__VA_ARGS__},                                               \
	       sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void draw_link(struct sim *sim)
{
	struct impair_config *l = &sim->link;
	l->seed = random_u64(&sim->random);
	l->delay_us = ONE_OF(sim, 0, 50, 1000, 10000, 40000, 150000);
	l->jitter_us = sim_pick(sim, 4) == 0 ? l->delay_us / 2 : 0;
	l->loss_ppm = ONE_OF(sim, 0, 0, 0, 1000, 10000, 30000, 100000);
	if (sim_pick(sim, 6) == 0) {
		l->burst_enter_ppm = 5000;
		l->burst_leave_ppm = 300000;
	}
	l->reorder_ppm = ONE_OF(sim, 0, 0, 20000, 100000);
	l->duplicate_ppm = ONE_OF(sim, 0, 0, 1000, 50000);
	l->corrupt_ppm = ONE_OF(sim, 0, 0, 1000, 10000);
	l->mark_ppm = ONE_OF(sim, 0, 0, 20000);
	l->rate_bps = (uint64_t)ONE_OF(sim, 0, 0, 200000, 2000000, 20000000, 100000000);
	l->limit_packets = ONE_OF(sim, 1000, 1000, 100, 20);
	if (sim_pick(sim, 8) == 0) {
		sim->cut.from_us = sim_pick(sim, 5000000);
		sim->cut.until_us = sim->cut.from_us + sim_pick(sim, 8000000);
	}
	if (sim_pick(sim, 8) == 0) {
		sim->jump.at_us = sim_pick(sim, 5000000);
		sim->jump.by_us = ONE_OF(sim, 20000, 3000000, 100000000);
	}
	if (sim_pick(sim, 4) == 0)
		sim->ghost_ppm = 50000;
	sim->harsh = l->loss_ppm >= 100000 || l->burst_enter_ppm || sim->cut.until_us;
}

static void draw_app(struct sim *sim, struct app *a, unsigned index, bool is_server)
{
	memset(a, 0, sizeof(*a));
	a->index = index;
	a->is_server = is_server;
	a->start_us = sim->now_us + sim_pick(sim, 2000000);
	uint32_t scale = ONE_OF(sim, 0, 10, 3000, 60000, 300000);
	a->send_total = scale ? sim_pick(sim, scale) : 0;
	a->read_chunk = ONE_OF(sim, 1 << 20, 1 << 20, 4096, 700);
	a->read_every_us = ONE_OF(sim, 0, 0, 0, 1000, 20000);
	a->nodelay = sim_pick(sim, 3) == 0;
	a->pacing = ONE_OF(sim, 0, 0, 0, 20000, 2000000);
	a->stall_at = sim_pick(sim, 6) ? UINT64_MAX : sim_pick(sim, 40000);
	a->stall_us = ONE_OF(sim, 300000, 3000000, 30000000);
	a->abort_at = a->close_early_at = UINT64_MAX;
	if (sim_pick(sim, 20) == 0)
		a->abort_at = sim_pick(sim, 20000);
	if (sim_pick(sim, 20) == 0)
		a->close_early_at = sim_pick(sim, 20000);
	if (a->abort_at != UINT64_MAX || a->close_early_at != UINT64_MAX)
		sim->aborts_possible = true;
}

static void draw_config(struct sim *sim, struct stack_config *c, unsigned index, uint32_t mtu)
{
	memset(c, 0, sizeof(*c));
	c->mac = (struct mac_addr){{2, 0, 0, 0, 0, (uint8_t)(index + 1)}};
	c->mtu_bytes = mtu;
	c->tso_max_bytes = ONE_OF(sim, 0, 16000, 65000);
	c->tx_csum_offload = sim_pick(sim, 2);
	c->pkt_limit_bytes = ONE_OF(sim, 16u << 20, 16u << 20, 16u << 20, 1u << 20);
	for (unsigned i = 0; i < sizeof(c->seed); i++)
		c->seed[i] = (uint8_t)random_u64(&sim->random);
}

void scenario_draw(struct sim *sim, struct stack_config config[2])
{
	draw_link(sim);
	uint32_t mtu = ONE_OF(sim, 1500, 1500, 576, 1280, 9000);
	for (unsigned i = 0; i < 2; i++)
		draw_config(sim, &config[i], i, mtu);
	if (sim_pick(sim, 6) == 0) {
		sim->hop.from_us = sim_pick(sim, 4000000);
		sim->hop.mtu = ONE_OF(sim, 1400, 1000, 576);
		sim->hop.black_hole = sim_pick(sim, 2);
	}
	sim->keys = ONE_OF(sim, SIM_KEYS_NONE, SIM_KEYS_NONE, SIM_KEYS_NONE, SIM_KEYS_NONE,
			   SIM_KEYS_MD5, SIM_KEYS_AO);
	sim->apps = 1 + sim_pick(sim, sim_pick(sim, 3) ? 2 : SIM_APPS_MAX);
	for (unsigned i = 0; i < sim->apps; i++) {
		draw_app(sim, &sim->client[i], i, false);
		draw_app(sim, &sim->server[i], i, true);
	}
}

void scenario_tune(struct sim *sim, struct host *h)
{
	struct sysctls *s = stack_sysctls(h->stack);
	s->tcp_sack = sim_pick(sim, 5) != 0;
	s->tcp_timestamps = sim_pick(sim, 5) != 0;
	s->tcp_window_scaling = sim_pick(sim, 5) != 0;
	s->tcp_syncookies = ONE_OF(sim, 1, 1, 1, 2);
	s->tcp_fastopen = ONE_OF(sim, 1, 3, 0x403, 0x603);
	s->tcp_mtu_probing = sim->hop.black_hole ? 1 + sim_pick(sim, 2) : ONE_OF(sim, 0, 0, 1, 2);
	if (h->index == 1)
		sim->cookies = s->tcp_syncookies == 2;
	if (sim_pick(sim, 3) == 0)
		s->tcp_rmem[1] = s->tcp_rmem[2] = ONE_OF(sim, 4096, 8192, 30000);
	if (sim_pick(sim, 3) == 0)
		s->tcp_wmem[1] = s->tcp_wmem[2] = ONE_OF(sim, 4096, 8192, 30000);
	static const char cc[3][6] = {"reno", "cubic", "bbr"};
	memcpy(s->tcp_congestion_control, cc[sim_pick(sim, 3)], sizeof(cc[0]));
	s->tcp_ecn = ONE_OF(sim, 0, 1, 1, 2);
}
