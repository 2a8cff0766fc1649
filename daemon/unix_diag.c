/* SPDX-License-Identifier: MIT */
/* See unix_diag.h. One request, and the answers until NLMSG_DONE. */
#include "daemon/unix_diag.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES 32768
#define WAIT_MS 1000

static int ask(int fd)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req req;
	} m = {.head = {.nlmsg_len = sizeof(m),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	       .req = {.sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX}};
	struct timeval limit = {.tv_usec = WAIT_MS * 1000 % 1000000, .tv_sec = WAIT_MS / 1000};

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    send(fd, &m, sizeof(m), MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static uint64_t cookie_of(const struct nlmsghdr *h)
{
	const struct unix_diag_msg *u = NLMSG_DATA(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*u)) || u->udiag_type != SOCK_STREAM)
		return 0;
	return (uint64_t)u->udiag_cookie[1] << 32 | u->udiag_cookie[0];
}

/* 1: that was all; 0: more is to come; -errno. */
static int take(const struct nlmsghdr *h, uint32_t left, void (*found)(void *, uint64_t), void *ctx)
{
	for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return h->nlmsg_flags & NLM_F_DUMP_INTR ? -EAGAIN : 1;
		if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN;
		uint64_t cookie = cookie_of(h);
		if (cookie)
			found(ctx, cookie);
	}
	return 0;
}

int unix_diag_list(void (*found)(void *ctx, uint64_t cookie), void *ctx)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int err = fd < 0 ? -errno : ask(fd);

	while (err == 0) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		err = n < 0 ? -errno : take((struct nlmsghdr *)answer, (uint32_t)n, found, ctx);
	}
	if (fd >= 0)
		close(fd);
	return err < 0 ? err : 0;
}

uint64_t unix_netns_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}
