/* SPDX-License-Identifier: MIT */
/*
 * A stack's life: its layers are made from the bottom up and taken down from the top, the time and
 * the frames go in here, and the batch ends in stack_flush().
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/stack_impl.h"
#include "stack/trace.h"

#define MTU_MIN_BYTES 576
#define MTU_MAX_BYTES 65535
/* The largest IPv4 packet less its headers with all of TCP's options. */
#define TSO_MAX_BYTES (65535 - IPV4_HDR_BYTES - 60)
/* How often stack_flush() delivers to ourselves what delivering to ourselves has caused. */
#define LOOPBACK_ROUNDS 16

static const struct sysctls defaults = {
    .somaxconn = 4096,
    .rmem_max = 212992,
    .wmem_max = 212992,
    .tcp_max_syn_backlog = 4096,
    .tcp_syncookies = 1,
    .tcp_synack_retries = 5,
    .tcp_syn_retries = 6,
    .tcp_retries1 = 3,
    .tcp_retries2 = 15,
    .tcp_max_orphans = 65536,
    .tcp_fin_timeout_s = 60,
    .tcp_tw_reuse = 1,
    .tcp_max_tw_buckets = 262144,
    .tcp_timewait_len_ms = 60000,
    .tcp_keepalive_time_s = 7200,
    .tcp_keepalive_intvl_s = 75,
    .tcp_keepalive_probes = 9,
    .tcp_window_scaling = 1,
    .tcp_timestamps = 1,
    .tcp_sack = 1,
    .tcp_frto = 2,
    .tcp_ecn = 2,
    .tcp_ecn_fallback = 1,
    .tcp_rmem = {4096, 131072, 6291456},
    .tcp_wmem = {4096, 16384, 4194304},
    .tcp_challenge_ack_limit = 1000,
    .tcp_invalid_ratelimit_ms = 500,
    .tcp_rto_min_ms = 200,
    .tcp_rto_max_ms = 120000,
    .tcp_initial_cwnd = 10,
    .tcp_slow_start_after_idle = 1,
    .tcp_pacing_ss_ratio = 200,
    .tcp_pacing_ca_ratio = 120,
    .tcp_notsent_lowat = UINT32_MAX,
    .tcp_fastopen = 1,
    .tcp_adv_win_scale = 1,
    .tcp_moderate_rcvbuf = 1,
    .tcp_dsack = 1,
    .tcp_reordering = 3,
    .tcp_max_reordering = 300,
    .tcp_recovery = 1,
    .tcp_early_retrans = 3,
    .tcp_min_rtt_wlen_s = 300,
    .tcp_tso_win_divisor = 3,
    .tcp_min_tso_segs = 2,
    .tcp_tso_rtt_log = 9,
    .tcp_min_snd_mss = 48,
    .tcp_base_mss = 1024,
    .tcp_mtu_probe_floor = 48,
    .tcp_probe_interval_s = 600,
    .tcp_probe_threshold = 8,
    .tcp_max_sockets = 1048576,
    .tcp_cubic_hystart = 2,
    .tcp_congestion_control = "cubic",
    .tcp_allowed_congestion_control = "reno cubic bbr",
    .ip_local_port_range = {32768, 60999},
    .ip_unprivileged_port_start = 1024,
    .ip_default_ttl = 64,
    .ipfrag_high_thresh = 4u << 20,
    .ipfrag_max_queues = 1024,
    .ipfrag_max_fragments = 64,
    .ipfrag_time_s = 30,
    .icmp_ratelimit_per_s = 1000,
    .icmp_msgs_burst = 50,
    .ip_pmtu_expires_s = 600,
    .ip_min_pmtu = 552,
    .neigh_gc_thresh3 = 1024,
    .neigh_unres_qlen = 64,
    .neigh_retrans_ms = 1000,
    .neigh_reachable_ms = 30000,
    .neigh_delay_first_probe_ms = 5000,
    .neigh_mcast_solicit = 3,
    .neigh_ucast_solicit = 3,
    .neigh_gc_stale_s = 60,
};

static bool config_ok(const struct stack_config *c)
{
	return c->mtu_bytes >= MTU_MIN_BYTES && c->mtu_bytes <= MTU_MAX_BYTES &&
	       !mac_is_multicast(&c->mac) && !mac_is_zero(&c->mac) && c->pkt_limit_bytes > 0;
}

static uint32_t pages_of(size_t bytes)
{
	return (uint32_t)((bytes + STACK_PAGE_BYTES - 1) / STACK_PAGE_BYTES);
}

/* Pressure is half of all, and over when a quarter of that is free again. */
static void memory_init(struct stack *st, size_t limit_bytes)
{
	uint32_t *mem = st->sysctl.tcp_mem;
	mem[2] = pages_of(limit_bytes);
	mem[1] = mem[2] / 2;
	mem[0] = mem[1] - mem[1] / 4;
	pkt_pool_init(&st->pkts, limit_bytes);
}

struct stack *stack_create(const struct stack_config *config, const struct stack_ops *ops,
			   void *ctx, uint64_t now_us)
{
	struct stack *st = config_ok(config) && ops->transmit ? calloc(1, sizeof(*st)) : NULL;
	if (!st)
		return NULL;
	st->config = *config;
	if (st->config.tso_max_bytes > TSO_MAX_BYTES)
		st->config.tso_max_bytes = TSO_MAX_BYTES;
	if (!st->config.tx_csum_offload) /* a link that cuts must checksum what it cuts */
		st->config.tso_max_bytes = 0;
	st->ops = *ops;
	st->ctx = ctx;
	st->now_us = now_us;
	st->sysctl = defaults;
	random_seed(&st->random, config->seed);
	timer_wheel_init(&st->wheel, now_us);
	memory_init(st, config->pkt_limit_bytes);
	neigh_table_init(st);
	ip_layer_init(st);
	if (tcp_layer_init(st) == 0)
		return st;
	stack_destroy(st);
	return NULL;
}

void stack_destroy(struct stack *st)
{
	if (!st)
		return;
	tcp_layer_destroy(st);
	ip_layer_destroy(st);
	neigh_table_destroy(st);
	pkt_pool_destroy(&st->pkts);
	free(st);
}

void stack_input(struct stack *st, struct pkt *frame)
{
	st->mib.rx_frames++;
	st->mib.rx_bytes += frame->len;
	ethernet_input(st, frame);
}

void stack_advance(struct stack *st, uint64_t now_us)
{
	if (now_us > st->now_us)
		st->now_us = now_us;
	if (st->sysctl.tcp_mem[2] != pages_of(st->pkts.limit_bytes))
		st->pkts.limit_bytes = (size_t)st->sysctl.tcp_mem[2] * STACK_PAGE_BYTES;
	timer_wheel_advance(&st->wheel, st->now_us, st);
}

/* Two ends within this stack can go on answering each other: what is left after some rounds waits
 * for the next batch, which stack_next_timer_us() asks for at once. */
void stack_flush(struct stack *st)
{
	tcp_flush(st);
	for (int i = 0; i < LOOPBACK_ROUNDS && !list_empty(&st->ip.loopback); i++) {
		ip_loopback_run(st);
		tcp_flush(st);
	}
}

void stack_trim(struct stack *st)
{
	pkt_pool_trim(&st->pkts);
	tcp_layer_trim(st);
}

uint64_t stack_next_timer_us(const struct stack *st)
{
	return list_empty(&st->ip.loopback) ? timer_next_us(&st->wheel) : st->now_us;
}

/* --- addresses ------------------------------------------------------------------------------ */

/* RFC 1122 3.2.1.3: what can be a host's own address. */
static bool can_be_host(const struct ifaddr *a)
{
	uint32_t host_bits = ~ipv4_mask(a->prefix_len);
	if (a->v4 >> 24 == 0 || ipv4_is_loopback(a->v4) || a->v4 >> 28 >= 14)
		return false;
	if (a->prefix_len >= 31)
		return true;
	return (a->v4 & host_bits) != 0 && (a->v4 & host_bits) != host_bits;
}

int stack_addr_add(struct stack *st, uint32_t v4, unsigned prefix_len)
{
	struct ifaddr a = {.v4 = v4, .prefix_len = (uint8_t)prefix_len};
	if (prefix_len == 0 || prefix_len > 32 || !can_be_host(&a))
		return -EINVAL;
	if (ip_is_own_v4(st, v4))
		return -EEXIST;
	if (st->ip.addr_count >= IP_ADDRS_MAX)
		return -ENOSPC;
	st->ip.addr[st->ip.addr_count++] = a;
	int err = ip_route_connect(st, &a);
	if (err) {
		st->ip.addr_count--;
		return err;
	}
	arp_announce(st, v4);
	return 0;
}

bool stack_addr_get(const struct stack *st, unsigned i, uint32_t *v4, unsigned *prefix_len)
{
	if (i >= st->ip.addr_count)
		return false;
	*v4 = st->ip.addr[i].v4;
	*prefix_len = st->ip.addr[i].prefix_len;
	return true;
}

bool stack_is_local_v4(const struct stack *st, uint32_t v4)
{
	return ip_is_own_v4(st, v4);
}

/* --- who watches ---------------------------------------------------------------------------- */

void stack_set_trace(struct stack *st, stack_trace_fn *fn)
{
	st->ops.trace = fn;
}

void stack_trace_drop(struct stack *st, const struct pkt *p, const struct frame_out *out,
		      enum drop_reason why)
{
	struct stack_trace t = {.kind = TRACE_DROP, .drop = {.why = why, .pkt = p, .out = out}};
	st->ops.trace(st->ctx, &t);
}

/* --- what a stack has ----------------------------------------------------------------------- */

struct sysctls *stack_sysctls(struct stack *st)
{
	return &st->sysctl;
}

struct pkt_pool *stack_pkt_pool(struct stack *st)
{
	return &st->pkts;
}

uint64_t stack_now_us(const struct stack *st)
{
	return st->now_us;
}

const struct stack_config *stack_config(const struct stack *st)
{
	return &st->config;
}

const struct snmp_mib *stack_mib(const struct stack *st)
{
	return &st->mib;
}
