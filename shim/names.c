/* SPDX-License-Identifier: MIT */
/* getsockname() and getpeername(): from the descriptor's own name when it was accepted, from xtcpd
 * otherwise. */
#include <errno.h>
#include <string.h>

#include "shim/shim.h"

static int ask_address(int fd, enum rpc_type type, struct sockaddr *addr, socklen_t *len)
{
	struct rpc_request req;
	struct rpc_reply reply;
	rpc_init(&req, type);
	if (!xtcpd_ask(fd, &req, &reply))
		return -1;
	reply.addr.sin_family = AF_INET;
	return put_address(&reply.addr, addr, len);
}

EXPORT int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct rpc_name name;
	struct sockaddr_in any = {.sin_family = AF_INET};
	if (!f_is_ours(fd))
		return real.getsockname(fd, addr, len);
	if (f_accepted_name(fd, &name))
		return put_address(&name.local, addr, len);
	if (!f_attached(fd))
		return put_address(&any, addr, len);
	return ask_address(fd, RPC_GETNAME, addr, len);
}

EXPORT int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct rpc_name name;
	if (!f_is_ours(fd))
		return real.getpeername(fd, addr, len);
	if (!f_attached(fd))
		return fail(ENOTCONN);
	if (f_accepted_name(fd, &name) && !f_hungup(fd))
		return put_address(&name.remote, addr, len);
	return ask_address(fd, RPC_GETPEER, addr, len);
}
