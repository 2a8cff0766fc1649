/* SPDX-License-Identifier: MIT */
/* `limits`: what one user may have at xtcpd, and what each has. */
#include <pwd.h>
#include <stdio.h>

#include "ctl/command.h"

static void print_user(const json_t *row)
{
	long long uid = get_int(row, "uid");
	const struct passwd *pw = getpwuid((uid_t)uid);

	printf("%6lld  %-16s  %8lld  %9lld  %12lld  %8lld\n", uid, pw ? pw->pw_name : "?",
	       get_int(row, "sockets"), get_int(row, "listeners"), get_int(row, "memory_bytes"),
	       get_int(row, "refused"));
}

static void print_limits(const json_t *doc)
{
	const json_t *max = json_object_get(doc, "per_user");
	size_t i;
	json_t *row;

	printf("%6s  %-16s  %8s  %9s  %12s  %8s\n", "UID", "USER", "SOCKETS", "LISTENERS",
	       "MEMORY BYTES", "REFUSED");
	printf("%6s  %-16s  %8lld  %9lld  %12lld\n", "each", "at most", get_int(max, "sockets"),
	       get_int(max, "listeners"), get_int(max, "memory_bytes"));
	json_array_foreach(json_object_get(doc, "users"), i, row) print_user(row);
}

int cmd_limits(const struct ctl *ctl, int argc, char **argv)
{
	if (help_no_arguments(argc, argv))
		return CTL_USAGE;
	return ctl_show(ctl, "limits", print_limits);
}
