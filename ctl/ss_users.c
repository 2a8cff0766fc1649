/* SPDX-License-Identifier: MIT */
/*
 * Who holds a socket: the processes and descriptors behind -p.
 *
 * Theory of operation: xtcpd knows the kernel's cookie of a program's AF_UNIX descriptor. The
 * kernel's sock_diag tells the inode of each such socket by its cookie, and /proc/PID/fd shows who
 * holds that inode, forked children included. sock_diag answers for one network namespace at a
 * time: ours is asked first, then those of processes xtcpd names whose sockets are not
 * found there (which takes root). What cannot be found out is left to xtcpd's own knowledge: who
 * made the socket.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "ctl/ss.h"

#define NAMESPACES_MAX 64

struct unix_socket {
	uint64_t cookie;
	uint32_t inode;
	json_t *row; /* the socket of the document, NULL: none of ours */
};

struct unix_sockets {
	struct unix_socket *entry;
	size_t count, cap;
};

/* --- sock_diag */

static bool add_socket(struct unix_sockets *t, const struct unix_diag_msg *m)
{
	if (t->count == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 1024;
		struct unix_socket *entry = reallocarray(t->entry, cap, sizeof(*entry));
		if (!entry)
			return false;
		t->entry = entry;
		t->cap = cap;
	}
	t->entry[t->count++] = (struct unix_socket){
	    .cookie = (uint64_t)m->udiag_cookie[1] << 32 | m->udiag_cookie[0],
	    .inode = m->udiag_ino,
	};
	return true;
}

/* One message of the dump. False: it was the last. */
static bool take_messages(struct unix_sockets *t, const char *data, size_t len)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)data;

	for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
		if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
		    h->nlmsg_len < NLMSG_LENGTH(sizeof(struct unix_diag_msg)))
			return false;
		if (!add_socket(t, NLMSG_DATA(h)))
			return false;
	}
	return true;
}

/* Every AF_UNIX socket of the network namespace we are in. */
static void dump_sockets(struct unix_sockets *t)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req body;
	} request = {
	    .header = {.nlmsg_len = sizeof(request),
		       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	    .body = {.sdiag_family = AF_UNIX, .udiag_states = ~0u},
	};
	struct timeval limit = {.tv_sec = 5};
	_Alignas(struct nlmsghdr) char data[32768];

	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request)) {
		ssize_t n;
		do
			n = recv(fd, data, sizeof(data), 0);
		while (n > 0 && take_messages(t, data, (size_t)n));
	}
	close(fd);
}

/* --- the document's sockets among them */

static int by_cookie(const void *a, const void *b)
{
	const struct unix_socket *x = a, *y = b;
	return x->cookie < y->cookie ? -1 : x->cookie > y->cookie;
}

static int by_inode(const void *a, const void *b)
{
	const struct unix_socket *x = a, *y = b;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static struct unix_socket *find_cookie(const struct unix_sockets *t, uint64_t cookie)
{
	struct unix_socket key = {.cookie = cookie};

	if (!t->count)
		return NULL;
	return bsearch(&key, t->entry, t->count, sizeof(key), by_cookie);
}

static void sort_by_cookie(struct unix_sockets *t)
{
	if (t->count)
		qsort(t->entry, t->count, sizeof(t->entry[0]), by_cookie);
}

/* Enters the network namespace of a process unless that has been tried. True: entered. */
static bool enter_namespace(long long pid, ino_t *tried, int *tried_count)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%lld/ns/net", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool fresh = fd >= 0 && fstat(fd, &st) == 0 && *tried_count < NAMESPACES_MAX;
	for (int i = 0; fresh && i < *tried_count; i++)
		fresh = tried[i] != st.st_ino;
	if (fresh) {
		tried[(*tried_count)++] = st.st_ino;
		fresh = setns(fd, CLONE_NEWNET) == 0;
	}
	if (fd >= 0)
		close(fd);
	return fresh;
}

static void collect(struct unix_sockets *t, const json_t *sockets)
{
	ino_t tried[NAMESPACES_MAX];
	int tried_count = 0;
	size_t i;
	json_t *row;

	dump_sockets(t);
	sort_by_cookie(t);
	json_array_foreach(sockets, i, row)
	{
		uint64_t cookie = (uint64_t)get_int(row, "cookie");
		long long pid = get_int(json_object_get(row, "process"), "pid");
		if (!cookie || find_cookie(t, cookie) || pid <= 0)
			continue;
		if (enter_namespace(pid, tried, &tried_count)) {
			dump_sockets(t);
			sort_by_cookie(t);
		}
	}
	json_array_foreach(sockets, i, row)
	{
		struct unix_socket *s = find_cookie(t, (uint64_t)get_int(row, "cookie"));
		if (s)
			s->row = row;
	}
	if (t->count)
		qsort(t->entry, t->count, sizeof(t->entry[0]), by_inode);
}

/* --- /proc */

static void read_comm(long pid, char comm[32])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	FILE *f = fopen(path, "re");
	if (!f || !fgets(comm, 32, f))
		memcpy(comm, "?", 2);
	comm[strcspn(comm, "\n")] = '\0';
	if (f)
		fclose(f);
}

static void add_user(json_t *row, long pid, long fd)
{
	json_t *users = json_object_get(row, "users"), *user = json_object();
	char comm[32];

	if (!users) {
		users = json_array();
		json_object_set_new(row, "users", users);
	}
	read_comm(pid, comm);
	json_t *name = json_string(comm);
	json_object_set_new(user, "name", name ? name : json_string("?"));
	json_object_set_new(user, "pid", json_integer(pid));
	json_object_set_new(user, "fd", json_integer(fd));
	json_array_append_new(users, user);
}

static void look_at_fd(const struct unix_sockets *t, int dir_fd, long pid, const char *name)
{
	char target[64];
	struct unix_socket key = {.cookie = 0};
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);

	if (n <= 0)
		return;
	target[n] = '\0';
	if (strncmp(target, "socket:[", 8) != 0)
		return;
	key.inode = (uint32_t)strtoul(target + 8, NULL, 10);
	const struct unix_socket *s = bsearch(&key, t->entry, t->count, sizeof(key), by_inode);
	if (s && s->row)
		add_user(s->row, pid, strtol(name, NULL, 10));
}

static void look_at_process(const struct unix_sockets *t, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/fd", name);
	DIR *dir = opendir(path);
	if (!dir)
		return; /* gone, or not ours to look at */
	for (const struct dirent *e; (e = readdir(dir));)
		if (isdigit((unsigned char)e->d_name[0]))
			look_at_fd(t, dirfd(dir), strtol(name, NULL, 10), e->d_name);
	closedir(dir);
}

void ss_add_users(json_t *doc)
{
	struct unix_sockets t = {.count = 0};

	collect(&t, json_object_get(doc, "sockets"));
	DIR *proc = t.count ? opendir("/proc") : NULL;
	if (proc) {
		for (const struct dirent *e; (e = readdir(proc));)
			if (isdigit((unsigned char)e->d_name[0]))
				look_at_process(&t, e->d_name);
		closedir(proc);
	}
	free(t.entry);
}
