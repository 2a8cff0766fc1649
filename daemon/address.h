/* SPDX-License-Identifier: MIT */
/* Between the stack's addresses (host byte order) and sockaddr_in. */
#ifndef XTCP_DAEMON_ADDRESS_H
#define XTCP_DAEMON_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>

#include "stack/base/addr.h"

static inline struct sockaddr_in to_sockaddr_in(const struct sock_addr *a)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET,
	    .sin_port = htons(a->port),
	    .sin_addr.s_addr = htonl(a->addr.family == ADDR_IPV4 ? a->addr.v4 : 0),
	};
}

static inline struct sock_addr from_sockaddr_in(const struct sockaddr_in *sin)
{
	return (struct sock_addr){.addr = ip_v4(ntohl(sin->sin_addr.s_addr)),
				  .port = ntohs(sin->sin_port)};
}

#endif
