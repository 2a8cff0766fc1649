/* SPDX-License-Identifier: MIT */
/* The work of a turn: bytes both ways, connections to their programs, hang-ups. */
#ifndef XTCP_DAEMON_PUMP_H
#define XTCP_DAEMON_PUMP_H

#include <stdbool.h>

struct daemon;

/* Handles what the stack has to tell. False: nothing. */
bool pump_events(struct daemon *d);
/* Every socket with work, once. False: there was none. */
bool pump_work(struct daemon *d);

#endif
