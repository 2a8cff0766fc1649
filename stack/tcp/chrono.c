/* SPDX-License-Identifier: MIT */
/*
 * What a connection with something to send spends its time on, for TCP_INFO: busy, waiting for the
 * peer's window, waiting because the send buffer is too small. One clock runs, and charges the
 * most telling of what holds (a larger enum chrono is more telling), as in Linux.
 */
#include "stack/tcp/tcp_send.h"

static void charge_to(struct tcp_sock *sk, enum chrono what)
{
	uint64_t now = sk->stack->now_us;
	if (sk->chrono != CHRONO_IDLE)
		sk->chrono_us[sk->chrono - 1] += now - sk->chrono_start_us;
	sk->chrono = (uint8_t)what;
	sk->chrono_start_us = now;
}

void chrono_start(struct tcp_sock *sk, enum chrono what)
{
	if (what > sk->chrono)
		charge_to(sk, what);
}

void chrono_stop(struct tcp_sock *sk, enum chrono what)
{
	if (sk->chrono == CHRONO_IDLE)
		return;
	if (list_empty(&sk->rtx_queue) && !tcp_has_unsent(sk))
		charge_to(sk, CHRONO_IDLE);
	else if (what == sk->chrono && what != CHRONO_BUSY)
		charge_to(sk, CHRONO_BUSY);
}

void chrono_end(struct tcp_sock *sk)
{
	charge_to(sk, CHRONO_IDLE);
}

/* Microseconds of what; of CHRONO_BUSY, those of the others too. */
uint64_t chrono_read_us(const struct tcp_sock *sk, enum chrono what)
{
	uint64_t total = 0;
	for (unsigned i = CHRONO_BUSY; i <= CHRONO_SNDBUF_LIMITED; i++) {
		if (what != CHRONO_BUSY && what != i)
			continue;
		total += sk->chrono_us[i - 1];
		if (sk->chrono == i)
			total += sk->stack->now_us - sk->chrono_start_us;
	}
	return total;
}
