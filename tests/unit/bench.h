/* SPDX-License-Identifier: MIT */
/* A daemon with nothing but a stack and, for some, a control socket: no link, no other process. */
#ifndef XTCP_TESTS_BENCH_H
#define XTCP_TESTS_BENCH_H

#include "daemon/daemon.h"

#define HOST_V4 0x0a4d0002u
#define PEER_V4 0x0a4d0001u

struct daemon *bench_new(void);
void bench_free(struct daemon *d);
/* On any address, that port. */
struct tcp_sock *bench_listen(struct daemon *d, uint16_t port, int backlog);
/* A frame that is too short for anything, not on any list. */
struct pkt *bench_runt(struct daemon *d);

#endif
