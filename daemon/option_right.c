/* SPDX-License-Identifier: MIT */
/*
 * Options that not everybody may set. The stack knows values, not rights: who may have which
 * is asked here, before it is handed the value.
 */
#include "daemon/option_right.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include "daemon/credentials.h"
#include "stack/tcp/tcp.h"

/* tcp_allowed_congestion_control is for everybody, the others are for CAP_NET_ADMIN. */
int option_right(const struct rpc_call *call, const struct tcp_sock *sk)
{
	const struct rpc_request *req = call->req;

	if (req->level != IPPROTO_TCP || req->name != TCP_CONGESTION ||
	    tcp_congestion_control_allowed(sk, req->value, req->value_len))
		return 0;
	return peer_has_capability(call->fd, &call->cred, CAP_NET_ADMIN) ? 0 : -EPERM;
}
