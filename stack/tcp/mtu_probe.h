/* SPDX-License-Identifier: MIT */
/*
 * Path MTU discovery by probing (RFC 4821), for the files that send and that hear of losses.
 */
#ifndef XTCP_TCP_MTU_PROBE_H
#define XTCP_TCP_MTU_PROBE_H

#include "stack/stack_impl.h"

enum mtu_probe_result {
	MTU_PROBE_NONE, /* go on as ever */
	MTU_PROBE_WAIT, /* a probe is due, and waits for what is in flight: send nothing new */
	MTU_PROBE_SENT,
};

/* On entering ESTABLISHED. The segment size stays until tcp_sync_mss() is called. */
void mtu_probe_init(struct tcp_sock *sk);
/* By tcp_sync_mss(): how large packets may be now. */
uint32_t mtu_probe_limit(struct tcp_sock *sk, uint32_t pmtu_bytes);
enum mtu_probe_result mtu_probe_send(struct tcp_sock *sk);
/* While something is searched for: snd_una has moved. */
void mtu_probe_acked(struct tcp_sock *sk);
/* Something is lost. True: just the probe, and it has been seen to; there is no congestion. */
bool mtu_probe_lost(struct tcp_sock *sk);
void mtu_probe_forget(struct tcp_sock *sk);    /* what is in flight says nothing any more */
void mtu_probe_end(struct tcp_sock *sk);       /* the connection is over */
void mtu_probe_timed_out(struct tcp_sock *sk); /* tcp_retries1 times */

#endif
