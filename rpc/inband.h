/* SPDX-License-Identifier: MIT */
/*
 * Options in the stream: setsockopt() without an answer.
 *
 * Theory of operation
 *   - Unless it listens, most options of a socket cannot fail, or whether they do shows in their
 *     value. These the shim checks itself, and sends down F among the bytes: one struct rpc_inband,
 *     whole and by itself, with a descriptor beside it (SCM_RIGHTS) that means nothing. Only who
 *     holds F can do that; F itself is not copied; and the option's place in the stream is exact.
 *   - The kernel ends a read behind a buffer that came with a descriptor, and no later bytes join it
 *     (from Linux 6.5 on; before that, sendfile() may put some there). So xtcpd finds the record as
 *     the last bytes of a read that one descriptor came with. MSG_MORE and MSG_EOR come with more
 *     than one (rpc.h).
 *   - What is not a valid record there is data, as it is for whoever inherits F without the shim.
 *   - Of a socket without a connection the same record goes down F in front of RPC_CONNECT, the first
 *     one right behind RPC_ATTACH; of one that is connecting it goes behind the padding, if its
 *     stream will stay xtcpd's (RPC_STATE_STREAM).
 */
#ifndef XTCP_RPC_INBAND_H
#define XTCP_RPC_INBAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_INBAND_MAGIC 0x4f544358u
#define RPC_INBAND_VALUE_MAX 16
/* As much memory may wait in front of a record (SIOCOUTQ): so far xtcpd looks ahead when it has no
 * room for the bytes. */
#define RPC_INBAND_AHEAD_BYTES 8192

struct rpc_inband {
	uint32_t magic; /* RPC_INBAND_MAGIC */
	uint16_t version, value_len;
	int32_t level, name;
	uint8_t value[RPC_INBAND_VALUE_MAX]; /* 0 behind value_len */
};

_Static_assert(sizeof(struct rpc_inband) == 32, "rpc_inband");

/* False: xtcpd has to be asked, as the option might fail. */
bool inband_make(struct rpc_inband *rec, int level, int name, const void *value, size_t len);
bool inband_valid(const struct rpc_inband *rec);
/* It is about the bytes around it, and early enough when their turn comes; all others are to count
 * from now on. */
bool inband_is_about_bytes(const struct rpc_inband *rec);
/* ... and may hold back those in front of it, if these are still here. */
bool inband_holds_bytes(const struct rpc_inband *rec);
/* It decides what other sockets may bind, and what these ask goes another way: the record might be
 * overtaken. */
bool inband_is_about_ports(const struct rpc_inband *rec);

#endif
