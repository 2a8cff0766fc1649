/* SPDX-License-Identifier: MIT */
/*
 * The command line. The file is read first, whichever flag names it, then the flags in their
 * order, so that a flag always wins.
 */
#include "daemon/options.h"

#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef XTCP_VERSION
#define XTCP_VERSION "0.1"
#endif

static const char usage[] =
    "Usage: xtcpd [OPTION]...\n"
    "A TCP/IP stack of its own for programs that run with libxtcp.so preloaded.\n"
    "\n"
    "  -c, --config FILE          instead of " CONFIG_PATH "\n"
    "      --address A/N          the stack's address (10.77.0.2/24); repeat for more\n"
    "      --gateway A            its default route\n"
    "      --route 'A/N via A'    another route: via, src, mtu, advmss, window, initcwnd, metric\n"
    "      --link tap|dgram:L,R   a TAP, or frames over Unix datagrams: paths, ours and theirs\n"
    "      --tap NAME             the TAP device (xtcp0)\n"
    "      --mtu BYTES            of the link (1500)\n"
    "      --mac MAC              the stack's (random)\n"
    "      --kernel-address A/N   of the TAP's kernel side (10.77.0.1/24), or no\n"
    "      --offload yes|no       segmentation and checksum offload (yes)\n"
    "      --impair 'loss=1% ...' a bad network, both ways: loss= burst=ENTER%/LEAVE% delay= "
    "jitter=\n"
    "                             reorder= duplicate= corrupt= mark= rate= limit= seed=, or no\n"
    "      --impair-in '...'      the same for what comes in alone\n"
    "      --impair-out '...'     the same for what goes out alone\n"
    "      --socket PATH          for programs (/run/xtcp/xtcpd.sock)\n"
    "      --socket-mode MODE     who may use the stack (0666)\n"
    "      --group GROUP          of both sockets\n"
    "      --control PATH         for xtcpctl (/run/xtcp/control.sock)\n"
    "      --control-mode MODE    (0660)\n"
    "      --max-per-user N       sockets of one user (65536)\n"
    "      --max-listeners-per-user N  of them listeners (8192)\n"
    "      --max-memory-per-user BYTES  of their buffers (128M)\n"
    "      --direct yes|no        connections within the stack bypass it (yes)\n"
    "      --user USER            to become once the TAP is open (xtcp, where it exists)\n"
    "      --busy-poll US         microseconds to look for work before sleeping (60; 0: none)\n"
    "      --sysctl NAME=VALUE    as net.ipv4.tcp_sack=0; repeat for more\n"
    "      --log-level LEVEL      err, warning, notice, info, debug\n"
    "      --check                check the configuration and end\n"
    "  -h, --help\n"
    "  -V, --version\n";

enum { FLAG_SYSCTL = 256, FLAG_CHECK, FLAG_KEY };

/* Flags from FLAG_KEY on, in the order of `longs`. */
static const struct {
	const char *section, *key;
} flag_key[] = {
    {"Network", "Address"},
    {"Network", "Gateway"},
    {"Network", "Route"},
    {"Link", "Name"},
    {"Link", "MTUBytes"},
    {"Link", "MACAddress"},
    {"Link", "KernelAddress"},
    {"Link", "SegmentationOffload"},
    {"Sockets", "Path"},
    {"Sockets", "Mode"},
    {"Sockets", "Group"},
    {"Sockets", "Control"},
    {"Sockets", "ControlMode"},
    {"Sockets", "MaxPerUser"},
    {"Daemon", "User"},
    {"Daemon", "LogLevel"},
    {"Link", "Backend"},
    {"Link", "Impair"},
    {"Link", "ImpairIn"},
    {"Link", "ImpairOut"},
    {"Sockets", "Direct"},
    {"Sockets", "MaxListenersPerUser"},
    {"Sockets", "MaxMemoryPerUser"},
    {"Daemon", "BusyPollMicroSec"},
};

static const struct option longs[] = {
    {"address", required_argument, NULL, FLAG_KEY},
    {"gateway", required_argument, NULL, FLAG_KEY + 1},
    {"route", required_argument, NULL, FLAG_KEY + 2},
    {"tap", required_argument, NULL, FLAG_KEY + 3},
    {"mtu", required_argument, NULL, FLAG_KEY + 4},
    {"mac", required_argument, NULL, FLAG_KEY + 5},
    {"kernel-address", required_argument, NULL, FLAG_KEY + 6},
    {"offload", required_argument, NULL, FLAG_KEY + 7},
    {"socket", required_argument, NULL, FLAG_KEY + 8},
    {"socket-mode", required_argument, NULL, FLAG_KEY + 9},
    {"group", required_argument, NULL, FLAG_KEY + 10},
    {"control", required_argument, NULL, FLAG_KEY + 11},
    {"control-mode", required_argument, NULL, FLAG_KEY + 12},
    {"max-per-user", required_argument, NULL, FLAG_KEY + 13},
    {"user", required_argument, NULL, FLAG_KEY + 14},
    {"log-level", required_argument, NULL, FLAG_KEY + 15},
    {"link", required_argument, NULL, FLAG_KEY + 16},
    {"impair", required_argument, NULL, FLAG_KEY + 17},
    {"impair-in", required_argument, NULL, FLAG_KEY + 18},
    {"impair-out", required_argument, NULL, FLAG_KEY + 19},
    {"direct", required_argument, NULL, FLAG_KEY + 20},
    {"max-listeners-per-user", required_argument, NULL, FLAG_KEY + 21},
    {"max-memory-per-user", required_argument, NULL, FLAG_KEY + 22},
    {"busy-poll", required_argument, NULL, FLAG_KEY + 23},
    {"sysctl", required_argument, NULL, FLAG_SYSCTL},
    {"check", no_argument, NULL, FLAG_CHECK},
    {"config", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};
static const char shorts[] = "c:hV";

static enum options_outcome wrong(const char *format, const char *a, const char *b)
{
	fputs("xtcpd: ", stderr);
	fprintf(stderr, format, a, b); // NOLINT
	fputs("\n", stderr);
	return OPTIONS_WRONG;
}

static const char *set_sysctl(struct config *c, const char *assignment)
{
	char name[128];
	const char *equals = assignment ? strchr(assignment, '=') : NULL;

	if (!equals || (size_t)(equals - assignment) >= sizeof(name))
		return "not NAME=VALUE";
	memcpy(name, assignment, (size_t)(equals - assignment));
	name[equals - assignment] = '\0';
	return config_set(c, "Sysctl", name, equals + 1);
}

/* What needs no configuration, and which file to read. */
static enum options_outcome scan(int argc, char **argv, const char **path, bool *check)
{
	int flag;

	optind = 0; /* getopt_long() starts anew */
	while ((flag = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		switch (flag) {
		case 'c':
			*path = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return OPTIONS_DONE;
		case 'V':
			puts("xtcpd " XTCP_VERSION);
			return OPTIONS_DONE;
		case FLAG_CHECK:
			*check = true;
			break;
		case '?':
			return wrong("see xtcpd --help%s%s", "", "");
		default:
			break;
		}
	}
	if (optind < argc)
		return wrong("%s: unexpected argument; see xtcpd --help%s", argv[optind], "");
	return OPTIONS_RUN;
}

static enum options_outcome apply(int argc, char **argv, struct config *c)
{
	int flag, at = 0;

	c->address_replace = true;
	optind = 0; /* getopt_long() starts anew */
	while ((flag = getopt_long(argc, argv, shorts, longs, &at)) != -1) {
		const char *why = NULL;

		if (flag == FLAG_SYSCTL)
			why = set_sysctl(c, optarg);
		else if (flag >= FLAG_KEY)
			why = config_set(c, flag_key[flag - FLAG_KEY].section,
					 flag_key[flag - FLAG_KEY].key, optarg);
		if (why) {
			fprintf(stderr, "xtcpd: --%s %s: %s\n", longs[at].name, optarg, why);
			return OPTIONS_WRONG;
		}
	}
	return OPTIONS_RUN;
}

enum options_outcome options_parse(int argc, char **argv, struct config *c)
{
	const char *path = NULL;
	char err[512];
	bool check = false;

	enum options_outcome outcome = scan(argc, argv, &path, &check);
	if (outcome != OPTIONS_RUN)
		return outcome;
	config_defaults(c);
	if (path || access(CONFIG_PATH, F_OK) == 0)
		if (config_read(c, path ? path : CONFIG_PATH, err, sizeof(err)) < 0)
			return wrong("%s%s", err, "");
	outcome = apply(argc, argv, c);
	if (outcome != OPTIONS_RUN)
		return outcome;
	const char *why = config_check(c);
	if (why)
		return wrong("%s%s", why, "");
	if (c->user[0] && !getpwnam(c->user))
		return wrong("there is no user %s ([Daemon] User=, or --user)%s", c->user, "");
	if (c->group[0] && !getgrnam(c->group))
		return wrong("there is no group %s ([Sockets] Group=, or --group)%s", c->group, "");
	return check ? OPTIONS_DONE : OPTIONS_RUN;
}
