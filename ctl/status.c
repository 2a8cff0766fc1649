/* SPDX-License-Identifier: MIT */
/* `status`: the daemon, and its sockets in numbers. */
#include <stdio.h>

#include "ctl/command.h"

static void print_status(const json_t *doc)
{
	const json_t *n = json_object_get(doc, "sockets"), *m = json_object_get(doc, "memory");
	long long s = get_int(doc, "uptime_ms") / 1000;

	printf("xtcpd pid %lld, uid %lld, up %lld:%02lld:%02lld, programs at %s\n",
	       get_int(doc, "pid"), get_int(doc, "uid"), s / 3600, s / 60 % 60, s % 60,
	       get_string(doc, "path", "?"));
	printf("sockets %lld: estab %lld, listening %lld, syn-recv %lld, timewait %lld, "
	       "orphaned %lld; held by programs %lld\n",
	       get_int(n, "total"), get_int(n, "established"), get_int(n, "listeners"),
	       get_int(n, "syn_recv"), get_int(n, "timewait"), get_int(n, "orphaned"),
	       get_int(n, "of_programs"));
	printf("memory: receive queues %lld, send queues %lld, packets %lld of %lld bytes\n",
	       get_int(m, "receive_bytes"), get_int(m, "send_bytes"), get_int(m, "packet_bytes"),
	       get_int(m, "packet_limit_bytes"));
}

int cmd_status(const struct ctl *ctl, int argc, char **argv)
{
	if (help_no_arguments(argc, argv))
		return CTL_USAGE;
	return ctl_show(ctl, "status", print_status);
}
