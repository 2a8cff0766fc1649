/* SPDX-License-Identifier: MIT */
/*
 * Listening AF_UNIX sockets: see unix_listen.h. The file is bound under a umask that lets nobody in
 * and opened to its readers by chmod() once all else is set, so that there is no moment at which a
 * wider circle than the configured one can connect.
 */
#include "daemon/unix_listen.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/parse.h"

#define LISTEN_BACKLOG 4096

/* Is somebody listening there? */
static bool path_answers(const struct sockaddr_un *sun, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answers = connect(fd, (const struct sockaddr *)sun, len) == 0 || errno == EAGAIN;

	if (fd >= 0)
		close(fd);
	return answers;
}

/* The directory of path, should it be missing: as /run/xtcp is after a boot. It is given to uid,
 * which must be able to remove the socket at the end. */
static void make_directory(const char *path, uid_t uid)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	if (mkdir(dir, 0755) == 0 && chown(dir, uid, (gid_t)-1) < 0)
		log_warning("chown %s: %s", dir, strerror(errno));
}

static int listen_error(int fd, const char *what, const char *path, int err)
{
	log_error("%s %s: %s", what, path, strerror(err));
	if (fd >= 0)
		close(fd);
	return -err;
}

/* Removes what a dead daemon left at the path; -EADDRINUSE where a live one answers. */
static int clear_path(const struct sockaddr_un *sun, socklen_t len)
{
	struct stat st;

	if (lstat(sun->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		log_error("%s is there already and is no socket", sun->sun_path);
		return -EADDRINUSE;
	}
	if (path_answers(sun, len)) {
		log_error("another xtcpd is listening at %s: stop it, or choose another path",
			  sun->sun_path);
		return -EADDRINUSE;
	}
	return unlink(sun->sun_path) < 0 ? -errno : 0;
}

int unix_listen(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (!copy_string(sun.sun_path, sizeof(sun.sun_path), path))
		return listen_error(-1, "listen at", path, ENAMETOOLONG);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);

	make_directory(path, uid);
	int err = clear_path(&sun, len);
	if (err)
		return err;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return listen_error(fd, "socket for", path, errno);
	mode_t mask = umask(0777);
	int bound = bind(fd, (struct sockaddr *)&sun, len);
	err = errno;
	umask(mask);
	if (bound < 0)
		return listen_error(fd, "bind", path, err);
	if (listen(fd, LISTEN_BACKLOG) < 0 || chown(path, uid, gid) < 0 || chmod(path, mode) < 0) {
		err = errno;
		unlink(path);
		return listen_error(fd, "listen at", path, err);
	}
	return fd;
}

int unix_listen_abstract(const char *prefix, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "%s%s", prefix, path);

	if (n < 0 || (size_t)n >= sizeof(sun.sun_path) - 1)
		return listen_error(-1, "abstract name for", path, ENAMETOOLONG);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, len) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return listen_error(fd, "abstract name for", path, errno);
	return fd;
}

void unix_unlink(const char *path)
{
	if (unlink(path) < 0 && errno != ENOENT)
		log_warning("cannot remove %s: %s", path, strerror(errno));
}
