/* SPDX-License-Identifier: MIT */
/* Setting keys as a program does, for the suites about signed segments. */
#ifndef XTCP_TESTS_AO_KEYS_H
#define XTCP_TESTS_AO_KEYS_H

#include <linux/in.h>

#include "stack/base/bytes.h"
#include "stack/tcp/ao_abi.h"
#include "tests/unit/wire.h"

/* struct sockaddr_in in whatever holds one */
static inline void put_peer(void *sockaddr, uint32_t v4)
{
	uint16_t family = 2;
	memcpy(sockaddr, &family, sizeof(family));
	put_be32((uint8_t *)sockaddr + 4, v4);
}

/* HMAC-SHA-1-96 */
static inline struct tcp_ao_add ao_command(uint32_t v4, uint8_t prefix, uint8_t sndid,
					   uint8_t rcvid, const char *key)
{
	struct tcp_ao_add cmd = {.alg_name = "hmac(sha1)",
				 .prefix = prefix,
				 .sndid = sndid,
				 .rcvid = rcvid,
				 .keylen = (uint8_t)strlen(key)};
	put_peer(&cmd.addr, v4);
	memcpy(cmd.key, key, strlen(key));
	return cmd;
}

static inline int ao_set(struct tcp_sock *sk, int name, const void *cmd, size_t len)
{
	return tcp_setsockopt(sk, IPPROTO_TCP, name, cmd, len);
}

/* "" takes it back. */
static inline int md5_set_key(struct tcp_sock *sk, uint32_t v4, const char *key)
{
	struct tcp_md5sig cmd = {.tcpm_keylen = (uint16_t)strlen(key)};
	put_peer(&cmd.tcpm_addr, v4);
	memcpy(cmd.tcpm_key, key, strlen(key));
	return tcp_setsockopt(sk, IPPROTO_TCP, TCP_MD5SIG, &cmd, sizeof(cmd));
}

#endif
