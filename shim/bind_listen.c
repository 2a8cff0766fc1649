/* SPDX-License-Identifier: MIT */
/* bind() and listen(): xtcpd decides, and the program waits for its answer. */
#include <errno.h>

#include "shim/fall.h"
#include "shim/hint.h"
#include "shim/shim.h"

EXPORT int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct rpc_request req;
	struct rpc_reply reply;
	int rc;
	if (!f_is_ours(fd))
		return real.bind(fd, addr, len);
	if (len > SOCKADDR_MAX)
		return fail(EINVAL);
	rpc_init(&req, RPC_BIND);
	if (!copy_in(&req.addr, addr, len < sizeof(req.addr) ? len : sizeof(req.addr)))
		return fail(EFAULT);
	if (len < sizeof(req.addr))
		return fail(EINVAL);
	req.addr_len = len;
	if (f_state_of(fd) == F_NONE && f_falls(fd, RULE_BIND, &req.addr, &rc))
		return rc < 0 ? -1 : real.bind(fd, addr, len);
	if (xtcpd_ask(fd, &req, &reply))
		return 0;
	/* Its connection is over, and Linux lets it be bound anew. */
	if (errno != ENOTCONN || !f_hungup(fd) || !f_renew(fd, -1))
		return -1;
	return xtcpd_ask(fd, &req, &reply) ? 0 : -1;
}

/* The first listen() fills F with padding, so that it never polls writable. */
EXPORT int listen(int fd, int backlog)
{
	struct rpc_request req;
	struct rpc_reply reply;
	if (!f_is_ours(fd))
		return real.listen(fd, backlog);
	enum f_state state = f_state_of(fd);
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct rpc_name name;
	int rc;
	if (state == F_CONNECTING || state == F_CONNECTED || f_accepted_name(fd, &name))
		return fail(EINVAL);
	if (state == F_UNLISTENED && !f_renew(fd, 0))
		return -1;
	if (state == F_NONE && f_falls(fd, RULE_BIND, &any, &rc))
		return rc < 0 ? -1 : real.listen(fd, backlog);
	rpc_init(&req, RPC_LISTEN);
	req.arg = backlog;
	if (!xtcpd_attach(fd))
		return -1;
	if (state != F_LISTENING) {
		uint32_t bytes = f_padding_bytes(fd);
		if (xtcpd_pad(fd, NULL, 0, bytes))
			req.pad_bytes = bytes;
	}
	if (!xtcpd_ask(fd, &req, &reply))
		return -1;
	if (state != F_LISTENING)
		real.shutdown(fd, SHUT_WR); /* a write is EPIPE from here on, as on any listener */
	f_set_state(fd, F_LISTENING);
	hint_set(fd, HINT_OURS | HINT_ASK);
	return 0;
}
