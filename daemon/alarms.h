/* SPDX-License-Identifier: MIT */
/*
 * What an operator should find in the log without having asked: connections refused or dropped for
 * want of room, by the counters that count them. Looked at once a second at most, and only when
 * something has happened; each is told at once, and again after a minute if it goes on.
 */
#ifndef XTCP_DAEMON_ALARMS_H
#define XTCP_DAEMON_ALARMS_H

#include <stdint.h>

#define ALARMS_MAX 8

struct daemon;

struct alarms {
	uint64_t next_us; /* the next look */
	uint64_t told[ALARMS_MAX];
	uint64_t quiet_until_us[ALARMS_MAX];
};

void alarms_look(struct daemon *d);

#endif
