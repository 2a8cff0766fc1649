/* SPDX-License-Identifier: MIT */
/* Sockets that rules leave to the kernel: see fall.c. */
#ifndef XTCP_SHIM_FALL_H
#define XTCP_SHIM_FALL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "rpc/rules.h"

/* --- rules.c */
void rules_load(void);		   /* before main() */
bool rules_usable(void);	   /* false: ENETDOWN, and has been complained about */
bool rules_may_leave(void);	   /* some socket of this program can be the kernel's */
bool rules_leave_all(void);	   /* every one is */
bool rules_stack_is_default(void); /* most are ours */
/* The rule that leaves such a socket to the kernel; NULL: it is ours. */
const struct rule *rule_to_leave(enum rule_use use, const struct sockaddr_in *addr);
char *put_place(char *p, const char *end, uint32_t line); /* "FILE:LINE", without a NUL */

/* --- fall.c */
/*
 * bind() or connect() with this address on a socket of ours that is neither bound nor connected: is
 * it left to the kernel? False: no. True: it is now the kernel's and *rc 0, or *rc -1 with errno.
 */
bool f_falls(int fd, enum rule_use use, const struct sockaddr_in *addr, int *rc);

/* --- fall_places.c: every place in this process where an open file can be found */
#define PLACES_MAX 64

struct fall_places {
	int fd[PLACES_MAX]; /* descriptors of it */
	unsigned fds;
	struct {
		int epoll, fd;
		uint32_t events;
		uint64_t data;
	} watch[PLACES_MAX]; /* epoll sets that hold it */
	unsigned watches;
};
/* Of the open file behind fd. False with errno: there are more than can be kept. */
bool places_find(struct fall_places *places, int fd);
/* Puts `fresh` into all of them. False with errno: not everywhere. */
bool places_replace(const struct fall_places *places, int fresh);

#endif
