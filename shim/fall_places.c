/* SPDX-License-Identifier: MIT */
/*
 * Where in this process an open file is found, and putting another in its place.
 *
 * Its descriptors are those that /proc/self/fd shows with its inode: a socket cannot be opened
 * twice, so the same inode is the same open file. The epoll sets that hold it are found by the same
 * inode in /proc/self/fdinfo, which tells events and data as they were given. An epoll set knows a
 * file by its pair of file and number; so it is taken out while the number still means the old
 * file, and put back when it means the new one.
 *
 * Not found are descriptors in other processes, and in messages under way: these keep the old
 * file. Without /proc it is the one descriptor alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shim/fall.h"
#include "shim/shim.h"

/* --- text of /proc, without stdio: that would allocate */

static uint64_t parse_number(const char *p, unsigned base)
{
	uint64_t v = 0;

	while (*p == ' ' || *p == '\t')
		p++;
	for (;; p++) {
		unsigned digit = *p >= '0' && *p <= '9'	  ? (unsigned)(*p - '0')
				 : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10
							  : 16;
		if (digit >= base)
			return v;
		v = v * base + digit;
	}
}

/* The number behind `key`; 0 if it is not there. */
static uint64_t field(const char *line, const char *key, unsigned base)
{
	const char *at = strstr(line, key);
	return at ? parse_number(at + strlen(key), base) : 0;
}

/* --- the sets: "tfd: 5 events: 19 data: 5 pos:0 ino:1a2b sdev:8" */

struct target {
	uint64_t ino, dev; /* as fdinfo has them */
};

static bool note_line(struct fall_places *places, int epoll, const char *line,
		      const struct target *target)
{
	if (strncmp(line, "tfd:", 4) != 0 || field(line, "ino:", 16) != target->ino ||
	    field(line, "sdev:", 16) != target->dev)
		return true;
	if (places->watches == PLACES_MAX)
		return false;
	places->watch[places->watches].epoll = epoll;
	places->watch[places->watches].fd = (int)field(line, "tfd:", 10);
	places->watch[places->watches].events = (uint32_t)field(line, "events:", 16);
	places->watch[places->watches].data = field(line, "data:", 16);
	places->watches++;
	return true;
}

static bool look_into_set(struct fall_places *places, int dir, const char *name,
			  const struct target *target)
{
	char data[1024], line[160];
	size_t len = 0;
	ssize_t n;
	bool room = true;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return true; /* closed meanwhile */
	while (room && (n = real.read(fd, data, sizeof(data))) > 0) {
		for (ssize_t i = 0; i < n && room; i++) {
			if (data[i] == '\n') {
				line[len] = '\0';
				room = note_line(places, (int)parse_number(name, 10), line, target);
				len = 0;
			} else if (len < sizeof(line) - 1) {
				line[len++] = data[i];
			}
		}
	}
	real.close(fd);
	return room;
}

/* --- the descriptors */

static bool look_at(struct fall_places *places, int dir, int info, const char *name,
		    const struct target *target)
{
	char link[64];
	ssize_t n = readlinkat(dir, name, link, sizeof(link) - 1);

	if (n <= 0)
		return true;
	link[n] = '\0';
	if (!strcmp(link, "anon_inode:[eventpoll]"))
		return info < 0 || look_into_set(places, info, name, target);
	if (strncmp(link, "socket:[", 8) != 0 || parse_number(link + 8, 10) != target->ino)
		return true;
	if (places->fds == PLACES_MAX)
		return false;
	places->fd[places->fds++] = (int)parse_number(name, 10);
	return true;
}

struct entry { /* getdents64(2) */
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

static bool look_at_all(struct fall_places *places, int dir, int info, const struct target *target)
{
	_Alignas(struct entry) char data[4096];
	long n;

	while ((n = syscall(SYS_getdents64, dir, data, sizeof(data))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(data + at);
			if (e->name[0] != '.' && !look_at(places, dir, info, e->name, target))
				return false;
			at += e->len;
		}
	}
	return true;
}

bool places_find(struct fall_places *places, int fd)
{
	struct stat st;

	places->fds = places->watches = 0;
	if (fstat(fd, &st) < 0)
		return false;
	struct target target = {.ino = st.st_ino,
				.dev = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev)};
	int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int info = open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool room = true;
	if (dir >= 0)
		room = look_at_all(places, dir, info, &target);
	if (dir >= 0)
		real.close(dir);
	if (info >= 0)
		real.close(info);
	if (places->fds == 0)
		places->fd[places->fds++] = fd;
	if (!room)
		fail(ENOBUFS);
	return room;
}

/* --- replacing */

bool places_replace(const struct fall_places *places, int fresh)
{
	int err = 0;

	for (unsigned i = 0; i < places->watches; i++)
		epoll_ctl(places->watch[i].epoll, EPOLL_CTL_DEL, places->watch[i].fd, NULL);
	for (unsigned i = 0; i < places->fds; i++) {
		int flags = fcntl(places->fd[i], F_GETFD);
		if (flags < 0) /* closed meanwhile */
			continue;
		if (dup3(fresh, places->fd[i], flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
			err = errno;
	}
	for (unsigned i = 0; i < places->watches; i++) {
		struct epoll_event ev = {.events = places->watch[i].events,
					 .data.u64 = places->watch[i].data};
		if (epoll_ctl(places->watch[i].epoll, EPOLL_CTL_ADD, places->watch[i].fd, &ev) < 0)
			err = errno;
	}
	if (err)
		fail(err);
	return !err;
}
