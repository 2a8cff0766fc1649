/* SPDX-License-Identifier: MIT */
/* Options that not everybody may set. */
#ifndef XTCP_DAEMON_OPTION_RIGHT_H
#define XTCP_DAEMON_OPTION_RIGHT_H

#include "daemon/rpc_request.h"

struct tcp_sock;

/* 0, or -EPERM: the value needs a capability that the caller has not got. */
int option_right(const struct rpc_call *call, const struct tcp_sock *sk);

#endif
