/* SPDX-License-Identifier: MIT */
/* Lines of the log about what is counted: see alarms.h. */
#include "daemon/alarms.h"

#include <stdbool.h>

#include "daemon/daemon.h"
#include "daemon/log.h"
#include "stack/base/snmp.h"

#define LOOK_EVERY_US 1000000
#define TELL_EVERY_US 60000000

static const struct alarm {
	bool daemon; /* whose counter */
	int counter;
	const char *text;
} alarms[] = {
    {false, TcpExtTCPReqQFullDoCookies,
     "SYNs answered with cookies: a SYN flood, or a backlog or tcp_max_syn_backlog too small"},
    {false, TcpExtTCPReqQFullDrop, "SYNs dropped: the SYN queue is full, and tcp_syncookies is 0"},
    {false, TcpExtListenOverflows,
     "connections dropped for a full accept queue: a program takes them too slowly, or its backlog "
     "is too small (xtcpctl ss -l: Recv-Q and Send-Q)"},
    {false, TcpExtTCPTimeWaitOverflow,
     "connections ended without TIME-WAIT: tcp_max_tw_buckets is reached"},
    {false, TcpExtTCPAbortOnMemory,
     "connections reset for want of memory: tcp_mem or tcp_max_orphans is reached"},
    {true, XtcpdRpcRefused,
     "requests of programs refused: a user has all that one may have (xtcpctl limits)"},
    {true, XtcpdLinkNoBuffer, "frames lost: all memory for packets is in use (xtcpctl status)"},
};
_Static_assert(sizeof(alarms) / sizeof(alarms[0]) <= ALARMS_MAX, "alarms");

static uint64_t count_of(const struct daemon *d, const struct alarm *a)
{
	return a->daemon ? d->counter[a->counter] : stack_mib(d->stack)->counter[a->counter];
}

static void look(struct daemon *d, unsigned i)
{
	struct alarms *state = &d->alarms;
	uint64_t n = count_of(d, &alarms[i]), now = d->loop.now_us;

	if (n == state->told[i] || now < state->quiet_until_us[i])
		return;
	log_warning("%llu %s", (unsigned long long)(n - state->told[i]), alarms[i].text);
	state->told[i] = n;
	state->quiet_until_us[i] = now + TELL_EVERY_US;
}

void alarms_look(struct daemon *d)
{
	if (d->loop.now_us < d->alarms.next_us)
		return;
	d->alarms.next_us = d->loop.now_us + LOOK_EVERY_US;
	for (unsigned i = 0; i < sizeof(alarms) / sizeof(alarms[0]); i++)
		look(d, i);
}
