/* SPDX-License-Identifier: MIT */
/*
 * Reading records: see rpc_record.h. Whatever descriptors come along are received, so that none
 * stays in the queue; one more than MAX_FDS is told by MSG_CTRUNC, and the kernel drops it.
 */
#include "daemon/rpc_record.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_FDS 4

static void take_descriptors(struct msghdr *msg, struct rpc_received *got)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (got->fds++ == 0) {
				got->fd = fd;
				continue;
			}
			if (got->fds == 2)
				got->second = socket_cookie(fd);
			close(fd);
		}
	}
	if (msg->msg_flags & MSG_CTRUNC)
		got->fds += MAX_FDS;
}

void rpc_receive(int from, struct rpc_request *req, struct rpc_received *got)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {req, sizeof(*req)};
	struct msghdr msg = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};

	*got = (struct rpc_received){.fd = -1};
	got->len = recvmsg(from, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got->len < 0)
		return;
	take_descriptors(&msg, got);
	if (got->fd >= 0)
		got->cookie = socket_cookie(got->fd);
}

void rpc_received_close(struct rpc_received *got)
{
	if (got->fd >= 0)
		close(got->fd);
	got->fd = -1;
}

bool rpc_request_foreign(const struct rpc_request *req, ssize_t len)
{
	const size_t known = offsetof(struct rpc_request, type);

	return len >= (ssize_t)known && req->magic == RPC_MAGIC && req->version != RPC_VERSION;
}

bool rpc_request_valid(const struct rpc_request *req, ssize_t len)
{
	return len == sizeof(*req) && req->magic == RPC_MAGIC && req->version == RPC_VERSION &&
	       req->type >= RPC_ATTACH && req->type < RPC_TYPE_MAX && req->reserved == 0 &&
	       req->value_len <= RPC_VALUE_MAX &&
	       (req->flags & ~(uint32_t)(RPC_FLAG_REPLY | RPC_FLAG_KEEP | RPC_FLAG_FASTOPEN |
					 RPC_FLAG_MORE)) == 0;
}

static int socket_option(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

uint64_t socket_cookie(int fd)
{
	if (socket_option(fd, SO_DOMAIN) != AF_UNIX || socket_option(fd, SO_TYPE) != SOCK_STREAM)
		return 0;
	return own_socket_cookie(fd);
}

uint64_t own_socket_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

bool rpc_same_socket(int e_fd, int f_fd)
{
	struct sockaddr_un e, f;
	socklen_t e_len = sizeof(e), f_len = sizeof(f);
	const size_t mark = offsetof(struct sockaddr_un, sun_path) + 1;

	return getpeername(e_fd, (struct sockaddr *)&e, &e_len) == 0 &&
	       getsockname(f_fd, (struct sockaddr *)&f, &f_len) == 0 && e_len == f_len &&
	       e_len > mark + strlen(RPC_MARK) && memcmp(&e, &f, e_len) == 0 &&
	       memcmp((char *)&e + mark, RPC_MARK, strlen(RPC_MARK)) == 0;
}
