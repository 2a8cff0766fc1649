/* SPDX-License-Identifier: MIT */
/* xtcpctl: its own flags, then a command. The flags may also follow the command's name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "rpc/rpc.h"

#ifndef XTCP_VERSION
#define XTCP_VERSION "0.1"
#endif
#define ENV_CONTROL "XTCP_CONTROL"

const struct ctl_command ctl_commands[] = {
    {"ss",
     "ss [-altnpieosHOK46uwx] [FILTER]\n"
     "    -a all  -l listening  (default: connections)\n"
     "    -n numeric ports  -p processes  -i TCP's inner state  -o timers  -e uid and cookie\n"
     "    -s summary  -H no header  -O a socket a line  -K kill what FILTER names\n"
     "    -t -4 TCP over IPv4, which is what there is; of -u -w -x -6 there are none\n"
     "    FILTER: [state NAME]... [exclude NAME]... [CONDITION]...\n"
     "    CONDITION: sport = :PORT, dport >= :PORT, src ADDRESS[/N][:PORT], dst != ADDRESS,\n"
     "               joined by and, or, not, ( )",
     "TCP sockets", cmd_ss},
    {"nstat", "nstat [-asz] [PATTERN...]", "counters, and what was dropped and why; -z zeros, too",
     cmd_nstat},
    {"neigh", "neigh [-s] [show | add ADDRESS lladdr MAC | del ADDRESS | flush]",
     "the neighbour (ARP) table; -s when each entry was used", cmd_neigh},
    {"tcp_metrics", "tcp_metrics [show | flush [all | ADDRESS]]",
     "what is remembered of other hosts: Fast Open's cookies", cmd_metrics},
    {"route",
     "route [show | get ADDRESS | add ROUTE | replace ROUTE | del PREFIX [via ADDRESS]]\n    "
     "ROUTE: PREFIX | "
     "default "
     "[via ADDRESS] [src ADDRESS] [mtu N] [advmss N] [window N] [initcwnd N]\n           [metric "
     "N]",
     "routes", cmd_route},
    {"addr", "addr", "the stack's addresses", cmd_addr},
    {"link",
     "link [impair [in | out | both] off | WORD=VALUE...]\n    WORDs: loss=1% burst=0.1%/30% "
     "delay=40ms jitter=5ms reorder=2% duplicate=0.1% corrupt=0.01%\n    mark=1% rate=50mbit "
     "limit=1000 "
     "seed=7",
     "the link: offloads, frames and bytes; a bad network on it", cmd_link},
    {"sysctl", "sysctl [-an] [NAME | NAME=VALUE]...", "what can be tuned; -n values alone",
     cmd_sysctl},
    {"capture",
     "capture [-w FILE | -] [-c COUNT] [-s BYTES] [FILTER]\n    FILTER: host ADDRESS, port N, tcp, "
     "icmp, arp, drop, comment, joined by and",
     "frames in and out, with what the stack said about them", cmd_capture},
    {"trace", "trace [ADDRESS][:PORT]", "what happens to connections, in words", cmd_trace},
    {"status", "status", "the daemon, and how many sockets there are", cmd_status},
    {"limits", "limits", "what one user may have, and what each has", cmd_limits},
    {"ps", "ps", "by process: sockets on the stack, left to the kernel, and what was refused",
     cmd_ps},
    {"rules", "rules [show | check [FILE] | test ADDRESS:PORT [bind | connect] [PROGRAM]]",
     "whose a program's traffic is: the stack's or the kernel's", cmd_rules},
    {"doctor", "doctor", "is this host fit for it, and what to do if not", cmd_doctor},
    {"help", "help [COMMAND]", "this, or what xtcpd itself understands", cmd_help},
    {NULL, NULL, NULL, NULL},
};

static const struct ctl_command *find(const char *name)
{
	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static int wrong(const char *what, const char *arg)
{
	fprintf(stderr, "xtcpctl: %s: %s (xtcpctl help)\n", arg, what);
	return CTL_USAGE;
}

/* "--help" anywhere, or "-h" at once. */
static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || (i == 1 && !strcmp(argv[i], "-h")))
			return true;
	return false;
}

/* The value of "--name VALUE" or "--name=VALUE" at argv[*i]; *i moves over it. NULL: another
 * word. A missing value is "". */
static const char *flag_value(const char *name, int argc, char **argv, int *i)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len) != 0)
		return NULL;
	if (argv[*i][len] == '=')
		return argv[*i] + len + 1;
	if (argv[*i][len] != '\0')
		return NULL;
	return *i + 1 < argc && argv[*i + 1] ? argv[++*i] : "";
}

/* Takes our own flags out of argv, wherever they stand; the new argc, -1 with the message. */
static int take_flags(struct ctl *ctl, int argc, char **argv)
{
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		const char *path = flag_value("--socket", argc, argv, &i);
		if (!path)
			path = flag_value("--control", argc, argv, &i);
		if (path && !*path) {
			wrong("the path is missing", "--socket");
			return -1;
		}
		if (path)
			ctl->path = path;
		else if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j"))
			ctl->json = true;
		else
			argv[kept++] = argv[i];
	}
	argv[kept] = NULL;
	return kept;
}

int main(int argc, char **argv)
{
	struct ctl ctl = {.path = getenv(ENV_CONTROL)};

	if (!ctl.path || !*ctl.path)
		ctl.path = RPC_CONTROL_PATH;
	argc = take_flags(&ctl, argc - 1, argv + 1);
	argv++;
	if (argc < 0)
		return CTL_USAGE;
	if (argc == 0) {
		fputs("xtcpctl: a command is missing (xtcpctl help)\n", stderr);
		return CTL_USAGE;
	}
	if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))
		return cmd_help(&ctl, 0, NULL);
	if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "-V")) {
		puts("xtcpctl " XTCP_VERSION);
		return CTL_OK;
	}
	const struct ctl_command *command = find(argv[0]);
	if (!command)
		return wrong(argv[0][0] == '-' ? "no such option" : "no such command", argv[0]);
	int status = CTL_OK;
	if (wants_help(argc, argv))
		help_print(command);
	else
		status = command->run(&ctl, argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("xtcpctl: writing");
		return CTL_REFUSED;
	}
	return status;
}
