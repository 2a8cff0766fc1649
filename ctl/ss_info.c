/* SPDX-License-Identifier: MIT */
/* TCP's inner state in ss's words and order (tcp_stats_print() of iproute2's ss.c). */
#include <stdio.h>
#include <stdlib.h>

#include "ctl/ss.h"

#define SSTHRESH_INFINITE 0xffff
#define REORDERING_DEFAULT 3

static void put_flag(FILE *f, const json_t *info, const char *name)
{
	if (get_bool(info, name))
		fprintf(f, " %s", name);
}

/* " name:N" where there is something to say */
static void put(FILE *f, const json_t *info, const char *key, const char *name)
{
	long long n = get_int(info, key);

	if (n)
		fprintf(f, " %s:%lld", name, n);
}

static void put_ms(FILE *f, const json_t *info, const char *key, const char *name)
{
	long long us = get_int(info, key);

	if (us)
		fprintf(f, " %s:%g", name, (double)us / 1000);
}

static void put_bps(FILE *f, const char *name, double bits)
{
	if (bits > 0)
		fprintf(f, " %s %.0fbps", name, bits);
}

static void put_rtt(FILE *f, const json_t *info)
{
	put_ms(f, info, "rto", "rto");
	put(f, info, "backoff", "backoff");
	if (get_int(info, "rtt"))
		fprintf(f, " rtt:%g/%g", (double)get_int(info, "rtt") / 1000,
			(double)get_int(info, "rttvar") / 1000);
	put_ms(f, info, "ato", "ato");
}

static void put_sizes(FILE *f, const json_t *info)
{
	long long ssthresh = get_int(info, "snd_ssthresh");

	put(f, info, "snd_mss", "mss");
	put(f, info, "pmtu", "pmtu");
	put(f, info, "rcv_mss", "rcvmss");
	put(f, info, "advmss", "advmss");
	put(f, info, "snd_cwnd", "cwnd");
	if (ssthresh && ssthresh < SSTHRESH_INFINITE)
		fprintf(f, " ssthresh:%lld", ssthresh);
}

static void put_totals(FILE *f, const json_t *info)
{
	put(f, info, "bytes_sent", "bytes_sent");
	put(f, info, "bytes_retrans", "bytes_retrans");
	put(f, info, "bytes_acked", "bytes_acked");
	put(f, info, "bytes_received", "bytes_received");
	put(f, info, "segs_out", "segs_out");
	put(f, info, "segs_in", "segs_in");
	put(f, info, "data_segs_out", "data_segs_out");
	put(f, info, "data_segs_in", "data_segs_in");
}

static void put_rates(FILE *f, const json_t *info)
{
	double rtt = (double)get_int(info, "rtt");

	if (rtt > 0)
		put_bps(f, "send",
			(double)get_int(info, "snd_cwnd") * (double)get_int(info, "snd_mss") *
			    8000000 / rtt);
	put(f, info, "last_data_sent", "lastsnd");
	put(f, info, "last_data_recv", "lastrcv");
	put(f, info, "last_ack_recv", "lastack");
	if (get_int(info, "pacing_rate") > 0) /* -1: not paced */
		put_bps(f, "pacing_rate", 8 * (double)get_int(info, "pacing_rate"));
	put_bps(f, "delivery_rate", 8 * (double)get_int(info, "delivery_rate"));
	put(f, info, "delivered", "delivered");
	put_flag(f, info, "app_limited");
}

/* Gains come as 256ths. */
static void put_bbr(FILE *f, const json_t *bbr)
{
	if (!bbr)
		return;
	fprintf(f, " bbr:(bw:%.0fbps,mrtt:%g,pacing_gain:%g,cwnd_gain:%g)",
		8 * (double)get_int(bbr, "bw"), (double)get_int(bbr, "min_rtt_us") / 1000,
		(double)get_int(bbr, "pacing_gain") / 256, (double)get_int(bbr, "cwnd_gain") / 256);
}

static void put_limited(FILE *f, const json_t *info, const char *key)
{
	long long us = get_int(info, key), busy = get_int(info, "busy_time");

	if (us)
		fprintf(f, " %s:%lldms(%.1f%%)", key, us / 1000, 100.0 * (double)us / (double)busy);
}

static void put_busy(FILE *f, const json_t *info)
{
	if (!get_int(info, "busy_time"))
		return;
	fprintf(f, " busy:%lldms", get_int(info, "busy_time") / 1000);
	put_limited(f, info, "rwnd_limited");
	put_limited(f, info, "sndbuf_limited");
}

static void put_recovery(FILE *f, const json_t *info)
{
	put(f, info, "unacked", "unacked");
	if (get_int(info, "retrans") || get_int(info, "total_retrans"))
		fprintf(f, " retrans:%lld/%lld", get_int(info, "retrans"),
			get_int(info, "total_retrans"));
	put(f, info, "lost", "lost");
	put(f, info, "sacked", "sacked");
	put(f, info, "dsack_dups", "dsack_dups");
	if (get_int(info, "reordering") != REORDERING_DEFAULT)
		put(f, info, "reordering", "reordering");
	put(f, info, "reord_seen", "reord_seen");
}

static void put_receive(FILE *f, const json_t *info)
{
	put_ms(f, info, "rcv_rtt", "rcv_rtt");
	put(f, info, "rcv_space", "rcv_space");
	put(f, info, "rcv_ssthresh", "rcv_ssthresh");
	put(f, info, "notsent_bytes", "notsent");
	put_ms(f, info, "min_rtt", "minrtt");
	put(f, info, "rcv_ooopack", "rcv_ooopack");
	put(f, info, "snd_wnd", "snd_wnd");
}

char *ss_info_text(const json_t *socket)
{
	const json_t *info = json_object_get(socket, "info");
	char *text = NULL;
	size_t len = 0;

	FILE *f = info ? open_memstream(&text, &len) : NULL;
	if (!f)
		return NULL;
	put_flag(f, info, "ts");
	put_flag(f, info, "sack");
	put_flag(f, info, "ecn");
	put_flag(f, info, "ecnseen");
	fprintf(f, " %s", get_string(socket, "congestion", ""));
	if (get_bool(info, "wscale"))
		fprintf(f, " wscale:%lld,%lld", get_int(info, "snd_wscale"),
			get_int(info, "rcv_wscale"));
	put_rtt(f, info);
	put_sizes(f, info);
	put_totals(f, info);
	put_bbr(f, json_object_get(socket, "bbr"));
	put_rates(f, info);
	put_busy(f, info);
	put_recovery(f, info);
	put_receive(f, info);
	fclose(f);
	return text;
}
