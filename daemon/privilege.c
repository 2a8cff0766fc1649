/* SPDX-License-Identifier: MIT */
/*
 * Privileges: see privilege.h. The order matters: limits while CAP_SYS_RESOURCE is there, the
 * bounding set while CAP_SETPCAP is, groups before the user, capabilities last.
 */
#include "daemon/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/log.h"

#define DEFAULT_USER "xtcp"

int privilege_identity(const char *user, struct identity *id)
{
	bool named = user[0] != '\0';
	const struct passwd *pw = getpwnam(named ? user : DEFAULT_USER);

	*id = (struct identity){.uid = geteuid(), .gid = getegid()};
	if (!pw && named) {
		log_error("there is no user %s (User= of [Daemon], or --user)", user);
		return -1;
	}
	if (!pw || id->uid != 0) {
		if (named && pw->pw_uid != id->uid) {
			log_error("only root can become user %s", user);
			return -1;
		}
		return 0;
	}
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	id->change = true;
	snprintf(id->name, sizeof(id->name), "%s", pw->pw_name);
	return 0;
}

/* The most descriptors the kernel lets one process have; without the right to it, our hard limit.
 * Descriptors on their way to programs count as well. */
static rlim_t open_files_max(void)
{
	unsigned long max = 1024 * 1024;
	FILE *f = fopen("/proc/sys/fs/nr_open", "re");

	if (f) {
		if (fscanf(f, "%lu", &max) != 1) // NOLINT(cert-err34-c)
			max = 1024 * 1024;
		fclose(f);
	}
	return max;
}

void privilege_raise_limits(void)
{
	rlim_t max = open_files_max();
	struct rlimit limit = {.rlim_cur = max, .rlim_max = max};

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			log_warning("cannot raise the limit of open files: %s", strerror(errno));
	}
}

static int drop_error(const char *what)
{
	log_error("cannot give up privileges: %s: %s", what, strerror(errno));
	return -1;
}

static int drop_bounding_set(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return -1;
	return 0; /* EPERM: no CAP_SETPCAP; no_new_privs keeps the set from mattering */
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -1;
	return (int)syscall(SYS_capset, &header, none);
}

int privilege_drop(const struct identity *id)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return drop_error("no_new_privs");
	if (drop_bounding_set() < 0)
		return drop_error("bounding set");
	if (id->change) {
		if (initgroups(id->name, id->gid) < 0)
			return drop_error("groups");
		if (setresgid(id->gid, id->gid, id->gid) < 0)
			return drop_error("group");
		if (setresuid(id->uid, id->uid, id->uid) < 0)
			return drop_error("user");
	}
	if (drop_capabilities() < 0)
		return drop_error("capabilities");
	if (id->uid == 0)
		log_notice("no user " DEFAULT_USER " here: staying root, without any capability "
			   "(adduser --system --group " DEFAULT_USER ")");
	return 0;
}
