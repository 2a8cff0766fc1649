/* SPDX-License-Identifier: MIT */
/*
 * doctor: the host around the daemon. What the kernel has is looked at in our own network
 * namespace, which should be the one the TAP is in.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "ctl/doctor.h"

#define DESCRIPTORS_FEW 4096

/* --- limits: a connection takes a descriptor in its program, and one in xtcpd */

static void check_own_limit(struct doctor *doc)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_max < DESCRIPTORS_FEW)
		doctor_say(doc, DOCTOR_FAIL, "limits",
			   "raise it (LimitNOFILE=, /etc/security/limits.conf)",
			   "programs started here can have %llu descriptors and no more",
			   (unsigned long long)limit.rlim_max);
	else
		doctor_say(doc, DOCTOR_OK, "limits", "",
			   "programs started here can have %llu descriptors, or %llu if they ask",
			   (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
}

/* Of /proc/PID/limits: -1 if it cannot be read. */
static long long open_files_of(long long pid)
{
	char path[64], line[256];
	long long soft = -1;

	snprintf(path, sizeof(path), "/proc/%lld/limits", pid);
	FILE *f = fopen(path, "re");
	while (f && soft < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Max open files", 14))
			soft = strtoll(line + 14, NULL, 10);
	if (f)
		fclose(f);
	return soft;
}

void doctor_check_limits(struct doctor *doc)
{
	long long soft = doc->status ? open_files_of(get_int(doc->status, "pid")) : -1;

	check_own_limit(doc);
	if (soft >= 0 && soft < DESCRIPTORS_FEW)
		doctor_say(doc, DOCTOR_FAIL, "limits", "raise it (LimitNOFILE= of xtcpd.service)",
			   "xtcpd can have %lld descriptors, for all connections of all programs",
			   soft);
	else if (soft >= 0)
		doctor_say(doc, DOCTOR_OK, "limits", "", "xtcpd can have %lld descriptors", soft);
}

/* --- the TAP */

static int read_carrier(const char *name)
{
	char path[64];
	int carrier = -1;

	snprintf(path, sizeof(path), "/sys/class/net/%.15s/carrier", name);
	FILE *f = fopen(path, "re");
	if (f && fscanf(f, "%d", &carrier) != 1) // NOLINT
		carrier = -1;
	if (f)
		fclose(f);
	return carrier;
}

/* The flags (IFF_UP) of an interface and whether it has an IPv4 address. False: not here. */
static bool look_up_interface(const char *name, unsigned *flags, bool *has_address)
{
	struct ifaddrs *all, *a;
	bool found = false;

	*has_address = false;
	if (getifaddrs(&all) < 0)
		return false;
	for (a = all; a; a = a->ifa_next) {
		if (strcmp(a->ifa_name, name) != 0)
			continue;
		found = true;
		*flags = a->ifa_flags;
		*has_address |= a->ifa_addr && a->ifa_addr->sa_family == AF_INET;
	}
	freeifaddrs(all);
	return found;
}

void doctor_check_tap(struct doctor *doc)
{
	const char *name = get_string(doc->link, "name", "?");
	unsigned flags = 0;
	bool has_address;

	if (!doc->link)
		return;
	if (!look_up_interface(name, &flags, &has_address))
		doctor_say(doc, DOCTOR_NOTE, "tap", "run this in the namespace xtcpd is in",
			   "%s is not in this network namespace", name);
	else if (!(flags & IFF_UP))
		doctor_say(doc, DOCTOR_FAIL, "tap", "set it up (ip link set dev ... up)",
			   "%s is down", name);
	else if (read_carrier(name) == 0)
		doctor_say(doc, DOCTOR_FAIL, "tap", "restart xtcpd", "%s has no carrier", name);
	else if (!has_address)
		doctor_say(doc, DOCTOR_NOTE, "tap",
			   "right for a bridge's port; else give it one (KernelAddress=)",
			   "%s is up and has no address", name);
	else
		doctor_say(doc, DOCTOR_OK, "tap", "", "%s is up", name);
}

/* --- whose address, whose port? */

static bool is_stacks(const struct doctor *doc, const char *address)
{
	size_t i;
	json_t *row;

	json_array_foreach(json_object_get(doc->link, "inet"), i, row)
	{
		if (!strcmp(get_string(row, "address", ""), address))
			return true;
	}
	return false;
}

void doctor_check_addresses(struct doctor *doc)
{
	struct ifaddrs *all, *a;
	bool clash = false;

	if (!doc->link || getifaddrs(&all) < 0)
		return;
	for (a = all; a; a = a->ifa_next) {
		char text[INET_ADDRSTRLEN];
		const struct sockaddr_in *sin = (const struct sockaddr_in *)(void *)a->ifa_addr;

		if (!sin || sin->sin_family != AF_INET ||
		    !inet_ntop(AF_INET, &sin->sin_addr, text, sizeof(text)) ||
		    !is_stacks(doc, text))
			continue;
		clash = true;
		doctor_say(doc, DOCTOR_FAIL, "address",
			   "take it off there, or give the stack another ([Network] Address=)",
			   "the stack's address %s is also the kernel's, on %s", text, a->ifa_name);
	}
	freeifaddrs(all);
	if (!clash)
		doctor_say(doc, DOCTOR_OK, "address", "", "the stack's addresses are its own");
}

static bool stack_listens(const struct doctor *doc, unsigned port)
{
	size_t i;
	json_t *row;

	json_array_foreach(json_object_get(doc->listeners, "sockets"), i, row)
	{
		if (get_int(row, "local_port") == (long long)port)
			return true;
	}
	return false;
}

/* Listeners of the kernel on every address, in a table of /proc/net. Their number. */
static int check_table(struct doctor *doc, const char *path)
{
	char line[512];
	int clashes = 0;
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		char local[40];
		unsigned port, state;

		if (sscanf(line, " %*d: %39[0-9A-F]:%x %*[0-9A-F]:%*x %x", local, &port, // NOLINT
			   &state) != 3 ||
		    state != 0x0a || strspn(local, "0") != strlen(local) ||
		    !stack_listens(doc, port))
			continue;
		clashes++;
		doctor_say(doc, DOCTOR_NOTE, "port",
			   "clients of the stack's address reach the one, of the host's the other",
			   "port %u: the kernel has a listener on every address, and so has the "
			   "stack",
			   port);
	}
	if (f)
		fclose(f);
	return clashes;
}

void doctor_check_ports(struct doctor *doc)
{
	if (!doc->listeners)
		return;
	if (check_table(doc, "/proc/self/net/tcp") + check_table(doc, "/proc/self/net/tcp6") == 0)
		doctor_say(doc, DOCTOR_OK, "port", "",
			   "no port is listened to on the stack and on all of the kernel");
}
