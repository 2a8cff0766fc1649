/* SPDX-License-Identifier: MIT */
/*
 * The stack's tunables under Linux's names: one row each, with its place in struct sysctls and
 * the range it takes. tcp_timewait_len_ms, tcp_max_sockets, tcp_initial_cwnd and the like, for
 * which Linux has no sysctl, stand beside the others under net.ipv4.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/parse.h"
#include "stack/tcp/tcp.h"

enum sysctl_kind {
	SYSCTL_U32,
	SYSCTL_S32, /* -max to max */
	SYSCTL_U16,
	SYSCTL_U16_PAIR,
	SYSCTL_U32_TRIPLE,
	SYSCTL_CONGESTION,
	SYSCTL_CONGESTION_LIST,
	SYSCTL_CONGESTION_NAMES, /* to be read */
	SYSCTL_PORT_RANGES,
	SYSCTL_FASTOPEN_KEY
};

struct sysctl_row {
	const char *name;
	size_t offset;
	enum sysctl_kind kind;
	uint32_t min, max;
};

#define AT(field) offsetof(struct sysctls, field)
#define IPV4(name, field, min, max)                                                                \
	{                                                                                          \
		"net.ipv4." name, AT(field), SYSCTL_U32, min, max                                  \
	}
#define NEIGH(name, field, min, max) IPV4("neigh.default." name, field, min, max)

#define BYTES_MAX (1u << 30)
#define SECONDS_MAX 32767
#define MILLISECONDS_MAX (1u << 30)

static const struct sysctl_row rows[] = {
    {"net.core.somaxconn", AT(somaxconn), SYSCTL_U32, 1, 65535},
    {"net.core.rmem_max", AT(rmem_max), SYSCTL_U32, 2304, BYTES_MAX},
    {"net.core.wmem_max", AT(wmem_max), SYSCTL_U32, 4608, BYTES_MAX},
    IPV4("tcp_max_syn_backlog", tcp_max_syn_backlog, 1, 1u << 20),
    IPV4("tcp_syncookies", tcp_syncookies, 0, 2),
    IPV4("tcp_abort_on_overflow", tcp_abort_on_overflow, 0, 1),
    IPV4("tcp_synack_retries", tcp_synack_retries, 0, 255),
    IPV4("tcp_syn_retries", tcp_syn_retries, 1, 127),
    IPV4("tcp_retries1", tcp_retries1, 1, 255),
    IPV4("tcp_retries2", tcp_retries2, 1, 255),
    IPV4("tcp_orphan_retries", tcp_orphan_retries, 0, 255),
    IPV4("tcp_max_orphans", tcp_max_orphans, 0, 1u << 22),
    IPV4("tcp_fin_timeout", tcp_fin_timeout_s, 1, SECONDS_MAX),
    IPV4("tcp_tw_reuse", tcp_tw_reuse, 0, 2),
    IPV4("tcp_max_tw_buckets", tcp_max_tw_buckets, 0, 1u << 22),
    IPV4("tcp_timewait_len_ms", tcp_timewait_len_ms, 1, MILLISECONDS_MAX),
    IPV4("tcp_keepalive_time", tcp_keepalive_time_s, 1, SECONDS_MAX),
    IPV4("tcp_keepalive_intvl", tcp_keepalive_intvl_s, 1, SECONDS_MAX),
    IPV4("tcp_keepalive_probes", tcp_keepalive_probes, 1, 127),
    IPV4("tcp_window_scaling", tcp_window_scaling, 0, 1),
    IPV4("tcp_timestamps", tcp_timestamps, 0, 2),
    IPV4("tcp_sack", tcp_sack, 0, 1),
    IPV4("tcp_frto", tcp_frto, 0, 2),
    IPV4("tcp_ecn", tcp_ecn, 0, 2),
    IPV4("tcp_ecn_fallback", tcp_ecn_fallback, 0, 1),
    {"net.ipv4.tcp_rmem", AT(tcp_rmem), SYSCTL_U32_TRIPLE, 2048, BYTES_MAX},
    {"net.ipv4.tcp_wmem", AT(tcp_wmem), SYSCTL_U32_TRIPLE, 2048, BYTES_MAX},
    {"net.ipv4.tcp_mem", AT(tcp_mem), SYSCTL_U32_TRIPLE, 32, 1u << 22},
    IPV4("tcp_challenge_ack_limit", tcp_challenge_ack_limit, 0, UINT32_MAX),
    IPV4("tcp_invalid_ratelimit", tcp_invalid_ratelimit_ms, 0, MILLISECONDS_MAX),
    IPV4("tcp_rfc1337", tcp_rfc1337, 0, 1),
    IPV4("tcp_rto_min_ms", tcp_rto_min_ms, 1, 120000),
    IPV4("tcp_rto_max_ms", tcp_rto_max_ms, 1000, 120000),
    IPV4("tcp_initial_cwnd", tcp_initial_cwnd, 1, 65535),
    IPV4("tcp_slow_start_after_idle", tcp_slow_start_after_idle, 0, 1),
    IPV4("tcp_pacing", tcp_pacing, 0, 1),
    IPV4("tcp_pacing_ss_ratio", tcp_pacing_ss_ratio, 0, 1000),
    IPV4("tcp_pacing_ca_ratio", tcp_pacing_ca_ratio, 0, 1000),
    IPV4("tcp_notsent_lowat", tcp_notsent_lowat, 1, UINT32_MAX),
    {"net.ipv4.tcp_adv_win_scale", AT(tcp_adv_win_scale), SYSCTL_S32, 0, 31},
    IPV4("tcp_moderate_rcvbuf", tcp_moderate_rcvbuf, 0, 1),
    IPV4("tcp_workaround_signed_windows", tcp_workaround_signed_windows, 0, 1),
    IPV4("tcp_dsack", tcp_dsack, 0, 1),
    IPV4("tcp_reordering", tcp_reordering, 1, 255),
    IPV4("tcp_max_reordering", tcp_max_reordering, 1, 65535),
    IPV4("tcp_recovery", tcp_recovery, 0, 7),
    IPV4("tcp_early_retrans", tcp_early_retrans, 0, 4),
    IPV4("tcp_min_rtt_wlen", tcp_min_rtt_wlen_s, 0, 86400),
    IPV4("tcp_thin_linear_timeouts", tcp_thin_linear_timeouts, 0, 1),
    IPV4("tcp_syn_linear_timeouts", tcp_syn_linear_timeouts, 0, 127),
    IPV4("tcp_tso_win_divisor", tcp_tso_win_divisor, 0, 255),
    IPV4("tcp_min_tso_segs", tcp_min_tso_segs, 1, 65535),
    IPV4("tcp_tso_rtt_log", tcp_tso_rtt_log, 0, 31),
    IPV4("tcp_stdurg", tcp_stdurg, 0, 1),
    IPV4("tcp_reflect_tos", tcp_reflect_tos, 0, 1),
    IPV4("ip_no_pmtu_disc", ip_no_pmtu_disc, 0, 3),
    IPV4("tcp_min_snd_mss", tcp_min_snd_mss, 48, 65535),
    IPV4("tcp_base_mss", tcp_base_mss, 48, 65535),
    IPV4("tcp_mtu_probing", tcp_mtu_probing, 0, 2),
    IPV4("tcp_mtu_probe_floor", tcp_mtu_probe_floor, 48, 65535),
    IPV4("tcp_probe_interval", tcp_probe_interval_s, 0, SECONDS_MAX),
    IPV4("tcp_probe_threshold", tcp_probe_threshold, 0, 65535),
    IPV4("tcp_max_sockets", tcp_max_sockets, 1, 1u << 24),
    IPV4("tcp_fastopen", tcp_fastopen, 0, INT32_MAX), /* as Linux: unknown bits mean nothing */
    IPV4("tcp_fastopen_blackhole_timeout_sec", tcp_fastopen_blackhole_timeout_s, 0, BYTES_MAX),
    {"net.ipv4.tcp_fastopen_key", AT(tcp_fastopen_key), SYSCTL_FASTOPEN_KEY, 0, 0},
    IPV4("tcp_cubic_hystart", tcp_cubic_hystart, 0, 2),
    {"net.ipv4.tcp_congestion_control", AT(tcp_congestion_control), SYSCTL_CONGESTION, 0, 0},
    {"net.ipv4.tcp_available_congestion_control", 0, SYSCTL_CONGESTION_NAMES, 0, 0},
    {"net.ipv4.tcp_allowed_congestion_control", AT(tcp_allowed_congestion_control),
     SYSCTL_CONGESTION_LIST, 0, 0},
    {"net.ipv4.ip_local_reserved_ports", AT(ip_local_reserved_ports), SYSCTL_PORT_RANGES, 0, 65535},
    {"net.ipv4.ip_local_port_range", AT(ip_local_port_range), SYSCTL_U16_PAIR, 1, 65535},
    {"net.ipv4.ip_unprivileged_port_start", AT(ip_unprivileged_port_start), SYSCTL_U16, 0, 65535},
    IPV4("ip_nonlocal_bind", ip_nonlocal_bind, 0, 1),
    IPV4("ip_default_ttl", ip_default_ttl, 1, 255),
    IPV4("ipfrag_high_thresh", ipfrag_high_thresh, 0, BYTES_MAX),
    IPV4("ipfrag_max_queues", ipfrag_max_queues, 0, 1u << 20),
    IPV4("ipfrag_max_fragments", ipfrag_max_fragments, 1, 8192),
    IPV4("ipfrag_time", ipfrag_time_s, 1, 255),
    IPV4("icmp_msgs_per_sec", icmp_ratelimit_per_s, 0, 1u << 20),
    IPV4("icmp_msgs_burst", icmp_msgs_burst, 0, 1u << 20),
    IPV4("icmp_echo_ignore_all", icmp_echo_ignore_all, 0, 1),
    IPV4("route.mtu_expires", ip_pmtu_expires_s, 1, SECONDS_MAX),
    IPV4("route.min_pmtu", ip_min_pmtu, 68, 65535),
    NEIGH("gc_thresh3", neigh_gc_thresh3, 1, 1u << 20),
    NEIGH("unres_qlen", neigh_unres_qlen, 1, 4096),
    NEIGH("retrans_time_ms", neigh_retrans_ms, 10, MILLISECONDS_MAX),
    NEIGH("base_reachable_time_ms", neigh_reachable_ms, 100, MILLISECONDS_MAX),
    NEIGH("delay_first_probe_time_ms", neigh_delay_first_probe_ms, 10, MILLISECONDS_MAX),
    NEIGH("mcast_solicit", neigh_mcast_solicit, 1, 255),
    NEIGH("ucast_solicit", neigh_ucast_solicit, 1, 255),
    NEIGH("gc_stale_time", neigh_gc_stale_s, 1, SECONDS_MAX),
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const char *sysctl_name(unsigned i)
{
	return i < ROWS ? rows[i].name : NULL;
}

static const struct sysctl_row *row_of(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].name, name) ||
		    !strcmp(rows[i].name + strlen("net.core."), name))
			return &rows[i];
	return NULL;
}

/* `n` numbers within the row's range, none smaller than the one before. */
static bool parse_numbers(const struct sysctl_row *row, const char *s, uint32_t *out, int n)
{
	char copy[64], *save = NULL;
	int i = 0;

	if (!copy_string(copy, sizeof(copy), s))
		return false;
	for (char *w = strtok_r(copy, " \t", &save); w; w = strtok_r(NULL, " \t", &save), i++)
		if (i == n || !parse_u32(w, i ? out[i - 1] : row->min, row->max, &out[i]))
			return false;
	return i == n;
}

static bool set_congestion(char *to, const char *value)
{
	const size_t room = sizeof(((struct sysctls *)0)->tcp_congestion_control);

	return tcp_congestion_control_listed(tcp_available_congestion_control(), value,
					     strlen(value)) &&
	       copy_string(to, room, value);
}

static bool set_congestion_list(char *to, const char *value)
{
	const size_t room = sizeof(((struct sysctls *)0)->tcp_allowed_congestion_control);
	size_t len;

	for (const char *w = value; *w; w += len, w += *w == ' ') {
		len = strcspn(w, " ");
		if (!tcp_congestion_control_listed(tcp_available_congestion_control(), w, len))
			return false;
	}
	return copy_string(to, room, value);
}

/* "LOW-HIGH" or "PORT" marked in `bits`. */
static bool mark_ports(uint32_t *bits, char *word, uint32_t max)
{
	char *dash = strchr(word, '-');
	uint32_t low, high;

	if (dash)
		*dash = '\0';
	if (!parse_u32(word, 0, max, &low) || !parse_u32(dash ? dash + 1 : word, low, max, &high))
		return false;
	for (uint32_t port = low; port <= high; port++)
		bits[port / 32] |= 1u << port % 32;
	return true;
}

/* What is marked, in as few ranges as it takes; false: those are too many. */
static bool gather_ranges(struct port_ranges *to, const uint32_t *bits, uint32_t max)
{
	bool within = false;

	for (uint32_t port = 0; port <= max; port++) {
		bool marked = bits[port / 32] >> port % 32 & 1;
		if (marked && !within && to->count == PORT_RANGES_MAX)
			return false;
		if (marked && !within)
			to->range[to->count++].low = (uint16_t)port;
		if (marked)
			to->range[to->count - 1].high = (uint16_t)port;
		within = marked;
	}
	return true;
}

/* "8080,9000-9100", in any order, or nothing. */
static bool set_port_ranges(const struct sysctl_row *row, struct port_ranges *to, const char *value)
{
	char copy[SYSCTL_VALUE_MAX], *save = NULL;
	uint32_t bits[65536 / 32] = {0};
	struct port_ranges ranges = {0};

	if (!copy_string(copy, sizeof(copy), value))
		return false;
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
		if (!mark_ports(bits, w, row->max))
			return false;
	if (!gather_ranges(&ranges, bits, row->max))
		return false;
	*to = ranges;
	return true;
}

static int print_port_ranges(const struct port_ranges *r, char *value, size_t value_len)
{
	size_t len = 0;

	value[0] = '\0';
	for (uint32_t i = 0; i < r->count && len < value_len; i++) {
		unsigned low = r->range[i].low, high = r->range[i].high;
		const char *comma = i ? "," : "";
		len += (size_t)(low == high
				    ? snprintf(value + len, value_len - len, "%s%u", comma, low)
				    : snprintf(value + len, value_len - len, "%s%u-%u", comma, low,
					       high));
	}
	return (int)len;
}

/* A sign and a number of at most max. */
static bool parse_signed(const struct sysctl_row *row, const char *s, int32_t *out)
{
	bool negative = *s == '-';
	uint32_t n;

	if (!parse_u32(s + (negative ? 1 : 0), 0, row->max, &n))
		return false;
	*out = negative ? -(int32_t)n : (int32_t)n;
	return true;
}

/* One to eight hexadecimal digits, and behind them `end`, which is passed. */
static bool parse_word(const char **s, char end, uint32_t *word)
{
	size_t n = strspn(*s, "0123456789abcdefABCDEF");

	if (n < 1 || n > 8 || (*s)[n] != end)
		return false;
	*word = (uint32_t)strtoul(*s, NULL, 16);
	*s += end ? n + 1 : n;
	return true;
}

/* Four words to a key; between two keys is a comma. */
static bool set_fastopen_key(struct fastopen_keys *to, const char *s)
{
	struct fastopen_keys keys = {.count = strchr(s, ',') ? 2 : 1};

	for (uint32_t i = 0; i < keys.count; i++)
		for (int k = 0; k < 4; k++) {
			char end = k < 3 ? '-' : i + 1 < keys.count ? ',' : '\0';
			if (!parse_word(&s, end, &keys.word[i][k]))
				return false;
		}
	*to = keys;
	return true;
}

static int print_fastopen_key(const struct fastopen_keys *keys, char *value, size_t value_len)
{
	const uint32_t(*w)[4] = keys->word;
	int len =
	    snprintf(value, value_len, "%08x-%08x-%08x-%08x", w[0][0], w[0][1], w[0][2], w[0][3]);

	if (keys->count < 2 || (size_t)len >= value_len)
		return len;
	return len + snprintf(value + len, value_len - (size_t)len, ",%08x-%08x-%08x-%08x", w[1][0],
			      w[1][1], w[1][2], w[1][3]);
}

bool sysctl_is_secret(const char *name)
{
	const struct sysctl_row *row = row_of(name);

	return row && row->kind == SYSCTL_FASTOPEN_KEY;
}

int sysctl_set(struct sysctls *s, const char *name, const char *value)
{
	const struct sysctl_row *row = row_of(name);
	uint32_t n[3];

	if (!row)
		return -ENOENT;
	char *at = (char *)s + row->offset;
	switch (row->kind) {
	case SYSCTL_U32:
		return parse_u32(value, row->min, row->max, (uint32_t *)at) ? 0 : -EINVAL;
	case SYSCTL_S32:
		return parse_signed(row, value, (int32_t *)at) ? 0 : -EINVAL;
	case SYSCTL_U16:
		if (!parse_numbers(row, value, n, 1))
			return -EINVAL;
		*(uint16_t *)at = (uint16_t)n[0];
		return 0;
	case SYSCTL_U16_PAIR:
		if (!parse_numbers(row, value, n, 2))
			return -EINVAL;
		((uint16_t *)at)[0] = (uint16_t)n[0];
		((uint16_t *)at)[1] = (uint16_t)n[1];
		return 0;
	case SYSCTL_U32_TRIPLE:
		if (!parse_numbers(row, value, n, 3))
			return -EINVAL;
		memcpy(at, n, sizeof(n));
		return 0;
	case SYSCTL_CONGESTION:
		return set_congestion(at, value) ? 0 : -EINVAL;
	case SYSCTL_CONGESTION_LIST:
		return set_congestion_list(at, value) ? 0 : -EINVAL;
	case SYSCTL_CONGESTION_NAMES:
		return -EACCES;
	case SYSCTL_PORT_RANGES:
		return set_port_ranges(row, (struct port_ranges *)at, value) ? 0 : -EINVAL;
	case SYSCTL_FASTOPEN_KEY:
		return set_fastopen_key((struct fastopen_keys *)at, value) ? 0 : -EINVAL;
	}
	return -EINVAL;
}

int sysctl_get(const struct sysctls *s, const char *name, char *value, size_t value_len)
{
	const struct sysctl_row *row = row_of(name);
	int len = 0;

	if (!row)
		return -ENOENT;
	const char *at = (const char *)s + row->offset;
	const uint32_t *u32 = (const uint32_t *)at;
	const uint16_t *u16 = (const uint16_t *)at;
	switch (row->kind) {
	case SYSCTL_U32:
		len = snprintf(value, value_len, "%u", u32[0]);
		break;
	case SYSCTL_S32:
		len = snprintf(value, value_len, "%d", *(const int32_t *)at);
		break;
	case SYSCTL_U16:
		len = snprintf(value, value_len, "%u", u16[0]);
		break;
	case SYSCTL_U16_PAIR:
		len = snprintf(value, value_len, "%u %u", u16[0], u16[1]);
		break;
	case SYSCTL_U32_TRIPLE:
		len = snprintf(value, value_len, "%u %u %u", u32[0], u32[1], u32[2]);
		break;
	case SYSCTL_PORT_RANGES:
		len = print_port_ranges((const struct port_ranges *)at, value, value_len);
		break;
	case SYSCTL_CONGESTION:
	case SYSCTL_CONGESTION_LIST:
		len = snprintf(value, value_len, "%s", at);
		break;
	case SYSCTL_CONGESTION_NAMES:
		len = snprintf(value, value_len, "%s", tcp_available_congestion_control());
		break;
	case SYSCTL_FASTOPEN_KEY:
		len = print_fastopen_key((const struct fastopen_keys *)at, value, value_len);
		break;
	}
	return (size_t)len < value_len ? 0 : -ENOSPC;
}

void sysctl_wants(const char *name, char *text, size_t size)
{
	const struct sysctl_row *row = row_of(name);

	switch (row ? row->kind : SYSCTL_CONGESTION_NAMES) {
	case SYSCTL_U32:
	case SYSCTL_U16:
		snprintf(text, size, "a number from %u to %u", row->min, row->max);
		break;
	case SYSCTL_S32:
		snprintf(text, size, "a number from -%u to %u", row->max, row->max);
		break;
	case SYSCTL_U16_PAIR:
	case SYSCTL_U32_TRIPLE:
		snprintf(text, size, "%s numbers from %u to %u, none smaller than the one before",
			 row->kind == SYSCTL_U16_PAIR ? "two" : "three", row->min, row->max);
		break;
	case SYSCTL_CONGESTION:
	case SYSCTL_CONGESTION_LIST:
		snprintf(text, size, "%s of: %s", row->kind == SYSCTL_CONGESTION ? "one" : "some",
			 tcp_available_congestion_control());
		break;
	case SYSCTL_PORT_RANGES:
		snprintf(text, size, "ports and ranges of them, as 8080,9000-9100");
		break;
	case SYSCTL_FASTOPEN_KEY:
		snprintf(text, size, "one or two keys of four hexadecimal words, as 1-2-3-4");
		break;
	case SYSCTL_CONGESTION_NAMES:
		snprintf(text, size, "nothing: it can only be read");
		break;
	}
}
