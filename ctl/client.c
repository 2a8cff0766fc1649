/* SPDX-License-Identifier: MIT */
/*
 * Talking to xtcpd: one connection, one line, one document. When it fails, the message says what
 * was tried and what to do about it.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/command.h"

#define ANSWER_TIMEOUT_S 10
#define ANSWER_MAX_BYTES ((size_t)1 << 30)

static void say_denied(const char *path)
{
	const struct group *gr = NULL;
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & S_IWGRP))
		gr = getgrgid(st.st_gid);
	if (gr && gr->gr_gid != 0)
		fprintf(stderr,
			"xtcpctl: %s: permission denied: run this as root, or be in group %s\n",
			path, gr->gr_name);
	else
		fprintf(stderr, "xtcpctl: %s: permission denied: run this as root\n", path);
}

static int fail_connect(const char *path, int err)
{
	if (err == EACCES || err == EPERM)
		say_denied(path);
	else if (err == ENOENT || err == ECONNREFUSED)
		fprintf(stderr,
			"xtcpctl: no xtcpd answers at %s: start it (systemctl start xtcpd), or "
			"name its control socket (--socket PATH, XTCP_CONTROL)\n",
			path);
	else
		fprintf(stderr, "xtcpctl: %s: %s\n", path, strerror(err));
	return -1;
}

static int connect_to(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};

	if (strlen(path) >= sizeof(sun.sun_path))
		return fail_connect(path, ENAMETOOLONG);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_connect(path, errno);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0) {
		int err = errno;
		close(fd);
		return fail_connect(path, err);
	}
	return fd;
}

static bool send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* The answer up to its newline, NULL with errno. */
static char *receive_line(int fd, size_t *len)
{
	size_t cap = 65536;
	char *text = malloc(cap);

	*len = 0;
	while (text) {
		if (*len == cap) {
			char *grown = cap < ANSWER_MAX_BYTES ? realloc(text, cap * 2) : NULL;
			if (!grown)
				break;
			text = grown;
			cap *= 2;
		}
		ssize_t n = recv(fd, text + *len, cap - *len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0)
			break;
		*len += (size_t)n;
		if (text[*len - 1] == '\n')
			return text;
	}
	int err = text ? errno : ENOMEM;
	free(text);
	errno = err;
	return NULL;
}

static json_t *fail_answer(const struct ctl *ctl, const char *why, int *status)
{
	fprintf(stderr, "xtcpctl: xtcpd at %s: %s\n", ctl->path, why);
	*status = CTL_UNREACHABLE;
	return NULL;
}

static json_t *parse(const struct ctl *ctl, const char *text, size_t len, int *status)
{
	json_error_t error;
	json_t *doc = json_loadb(text, len, 0, &error);
	const char *reason = get_string(doc, "error", NULL);

	if (!doc)
		return fail_answer(ctl, "its answer is not JSON", status);
	if (!reason) {
		*status = CTL_OK;
		return doc;
	}
	if (ctl->json)
		ctl_print_json(doc);
	fprintf(stderr, "xtcpctl: %s\n", reason);
	*status = get_bool(doc, "usage") ? CTL_USAGE : CTL_REFUSED;
	json_decref(doc);
	return NULL;
}

int ctl_connect(const struct ctl *ctl, const char *line)
{
	struct timeval none = {.tv_sec = 0};
	int fd = connect_to(ctl->path);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	if (send_all(fd, line, strlen(line)) && send_all(fd, "\n", 1))
		return fd;
	fprintf(stderr, "xtcpctl: xtcpd at %s: %s\n", ctl->path, strerror(errno));
	close(fd);
	return -1;
}

json_t *ctl_ask(const struct ctl *ctl, const char *line, int *status)
{
	int fd = connect_to(ctl->path);
	size_t len = 0;

	*status = CTL_UNREACHABLE;
	if (fd < 0)
		return NULL;
	char *text = NULL;
	if (send_all(fd, line, strlen(line)) && send_all(fd, "\n", 1))
		text = receive_line(fd, &len);
	int err = errno;
	close(fd);
	if (!text)
		return fail_answer(ctl, err == EAGAIN ? "it does not answer" : strerror(err),
				   status);
	json_t *doc = parse(ctl, text, len, status);
	free(text);
	return doc;
}

void ctl_print_json(const json_t *doc)
{
	json_dumpf(doc, stdout, JSON_INDENT(2));
	putchar('\n');
}

int ctl_show(const struct ctl *ctl, const char *line, void (*render)(const json_t *doc))
{
	int status;
	json_t *doc = ctl_ask(ctl, line, &status);

	if (!doc)
		return status;
	if (ctl->json)
		ctl_print_json(doc);
	else
		render(doc);
	json_decref(doc);
	return status;
}
