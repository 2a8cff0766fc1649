/* SPDX-License-Identifier: MIT */
/*
 * A stack that talks to itself over 127.0.0.0/8, without I/O, for what is measured of the stack alone:
 * each connection is two sockets, and time passes only when settle() says so.
 */
#ifndef XTCP_TESTS_BENCH_SELF_H
#define XTCP_TESTS_BENCH_SELF_H

#include "stack/stack_impl.h"

#define SELF_PORT 7000 /* where the listener is, on every address */
#define SELF_LOOPBACK_V4 0x7f000001u
#define SELF_BACKLOG 65535

struct self {
	struct stack *st;
	struct tcp_sock *listener;
	uint64_t now_us;
};

extern const struct mac_addr self_mac;

_Noreturn void die(const char *what);

void self_begin(struct self *s); /* frames to others go nowhere */
void self_end(struct self *s);
void settle(struct self *s); /* ten microseconds, and all that they bring */

/* A connection being opened, from a port of the stack's choice if `port` is 0. */
struct tcp_sock *client_to(struct self *s, uint32_t address, uint16_t port);
struct tcp_sock *accepted(struct self *s);

#endif
