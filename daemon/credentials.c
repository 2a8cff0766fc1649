/* SPDX-License-Identifier: MIT */
/*
 * Peers' credentials: see credentials.h.
 *
 * Capabilities are read from /proc/PID/status, which every user may read. They count only in our
 * own user namespace; its identity is compared by /proc/PID/uid_map, because the namespace's link
 * itself is not ours to read: nobody without privilege here can make a namespace whose map reads
 * as ours does. SO_PEERPIDFD, where the kernel has it, excludes that the PID has been reused
 * between the peer's connect() and our look at /proc.
 */
#include "daemon/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

bool peer_credentials(int fd, struct ucred *cred)
{
	socklen_t len = sizeof(*cred);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, cred, &len) == 0;
}

/* A small file of /proc, NUL-terminated; its length, 0 if it cannot be read. */
static size_t read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, buf, size - 1);
		close(fd);
	}
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

void process_comm(pid_t pid, char comm[16])
{
	size_t n = read_proc(pid, "comm", comm, 16);

	if (n && comm[n - 1] == '\n')
		comm[n - 1] = '\0';
}

/* proc(5): the 22nd field of stat; the second is the name, in brackets and of any characters. */
uint64_t process_began(pid_t pid)
{
	char stat[1024];

	if (!read_proc(pid, "stat", stat, sizeof(stat)))
		return 0;
	const char *p = strrchr(stat, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

static bool peer_in_group(int fd, const struct ucred *cred, gid_t group)
{
	gid_t groups[256];
	socklen_t len = sizeof(groups);

	if (cred->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

bool peer_may_write(int fd, const struct ucred *cred, uid_t owner, gid_t group, mode_t mode)
{
	if (cred->uid == 0)
		return true;
	if (cred->uid == owner)
		return mode & 0200;
	if (peer_in_group(fd, cred, group))
		return mode & 0020;
	return mode & 0002;
}

static bool same_user_namespace(pid_t pid)
{
	char theirs[1024], ours[1024];

	return read_proc(pid, "uid_map", theirs, sizeof(theirs)) &&
	       read_proc(getpid(), "uid_map", ours, sizeof(ours)) && !strcmp(theirs, ours);
}

static bool has_capability(pid_t pid, int capability)
{
	char status[4096];

	if (!read_proc(pid, "status", status, sizeof(status)))
		return false;
	const char *line = strstr(status, "\nCapEff:");
	if (!line)
		return false;
	return strtoull(line + strlen("\nCapEff:"), NULL, 16) >> capability & 1;
}

/* The process that connected still lives, so its PID has not been reused. */
static bool peer_alive(int fd)
{
	int pidfd = -1;
	socklen_t len = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0)
		return errno == ENOPROTOOPT; /* a kernel before 6.5 */
	bool alive = syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0 || errno == EPERM;
	close(pidfd);
	return alive;
}

bool peer_has_capability(int fd, const struct ucred *cred, int capability)
{
	if (cred->uid == 0)
		return true;
	return has_capability(cred->pid, capability) && same_user_namespace(cred->pid) &&
	       peer_alive(fd);
}
