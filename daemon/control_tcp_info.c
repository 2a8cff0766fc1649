/* SPDX-License-Identifier: MIT */
/* struct tcp_info as JSON: its fields by Linux's names, in Linux's units. */
#include <linux/tcp.h>
#include <string.h>

#include "daemon/control_impl.h"

#define FIELD(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct tcp_info, tcpi_##name),                                     \
		    sizeof(((struct tcp_info *)0)->tcpi_##name)                                    \
	}

static const struct info_field {
	const char *name;
	size_t offset, size;
} fields[] = {
    FIELD(ca_state),
    FIELD(retransmits),
    FIELD(probes),
    FIELD(backoff),
    FIELD(rto),
    FIELD(ato),
    FIELD(snd_mss),
    FIELD(rcv_mss),
    FIELD(unacked),
    FIELD(sacked),
    FIELD(lost),
    FIELD(retrans),
    FIELD(last_data_sent),
    FIELD(last_data_recv),
    FIELD(last_ack_recv),
    FIELD(pmtu),
    FIELD(rcv_ssthresh),
    FIELD(rtt),
    FIELD(rttvar),
    FIELD(snd_ssthresh),
    FIELD(snd_cwnd),
    FIELD(advmss),
    FIELD(reordering),
    FIELD(rcv_rtt),
    FIELD(rcv_space),
    FIELD(total_retrans),
    FIELD(pacing_rate),
    FIELD(bytes_acked),
    FIELD(bytes_received),
    FIELD(segs_out),
    FIELD(segs_in),
    FIELD(notsent_bytes),
    FIELD(min_rtt),
    FIELD(data_segs_in),
    FIELD(data_segs_out),
    FIELD(delivery_rate),
    FIELD(busy_time),
    FIELD(rwnd_limited),
    FIELD(sndbuf_limited),
    FIELD(delivered),
    FIELD(bytes_sent),
    FIELD(bytes_retrans),
    FIELD(dsack_dups),
    FIELD(reord_seen),
    FIELD(rcv_ooopack),
    FIELD(snd_wnd),
};

static uint64_t value_of(const struct tcp_info *info, const struct info_field *f)
{
	const char *at = (const char *)info + f->offset;
	uint64_t u64;
	uint32_t u32;

	switch (f->size) {
	case sizeof(u64):
		memcpy(&u64, at, sizeof(u64));
		return u64;
	case sizeof(u32):
		memcpy(&u32, at, sizeof(u32));
		return u32;
	default:
		return *(const uint8_t *)at;
	}
}

json_t *control_tcp_info(const struct tcp_info *info)
{
	json_t *object = json_object();

	control_set(object, "ts", json_boolean(info->tcpi_options & TCPI_OPT_TIMESTAMPS));
	control_set(object, "sack", json_boolean(info->tcpi_options & TCPI_OPT_SACK));
	control_set(object, "ecn", json_boolean(info->tcpi_options & TCPI_OPT_ECN));
	control_set(object, "ecnseen", json_boolean(info->tcpi_options & TCPI_OPT_ECN_SEEN));
	control_set(object, "wscale", json_boolean(info->tcpi_options & TCPI_OPT_WSCALE));
	control_set_u64(object, "snd_wscale", info->tcpi_snd_wscale);
	control_set_u64(object, "rcv_wscale", info->tcpi_rcv_wscale);
	control_set(object, "app_limited", json_boolean(info->tcpi_delivery_rate_app_limited));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		control_set_u64(object, fields[i].name, value_of(info, &fields[i]));
	return object;
}
