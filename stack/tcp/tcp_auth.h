/* SPDX-License-Identifier: MIT */
/*
 * Signed segments: what md5.c, auth.c and those who build and take segments share.
 *
 * A socket for which a key was ever set has a struct tcp_auth; everything else has NULL, and pays
 * one comparison a segment. A listener's holds the keys of many peers, a child's and a
 * timewait_sock's the one of its own.
 */
#ifndef XTCP_TCP_AUTH_H
#define XTCP_TCP_AUTH_H

#include "stack/stack_impl.h"

/* net.core.optmem_max: what the keys of one socket may take. */
#define AUTH_OPTMEM_MAX_BYTES 131072u

struct md5_key {
	struct list node;
	uint32_t v4; /* the peers': host order */
	uint8_t prefix_len, len;
	bool ifindex; /* was set with TCP_MD5SIG_FLAG_IFINDEX: a key of its own */
	uint8_t key[TCP_MD5SIG_MAXKEYLEN];
};

struct tcp_auth {
	struct stack *stack;
	struct list md5_keys;
	uint32_t optmem_bytes;
};

/* How one segment is signed. */
struct tcp_sign {
	enum tcp_auth_kind kind;
	const struct md5_key *md5;
};

/* --- auth.c: what the options are to say, and the signature once all else is written */
struct tcp_auth *tcp_auth_new(struct stack *st);
/* Of what goes to `peer`. False (and kind AUTH_NONE): not signed. auth may be NULL. */
bool tcp_sign_choose(const struct tcp_auth *auth, const struct ip_addr *peer,
		     struct tcp_sign *sign);
void tcp_sign_options(const struct tcp_sign *sign, struct tcp_options *opt);
void tcp_sign(struct stack *st, const struct tcp_sign *sign, struct ip_tx *tx);

/* --- md5.c */
int md5_setsockopt(struct tcp_sock *sk, int name, const void *val, size_t len);
void md5_keys_free(struct tcp_auth *auth);
/* The key for the longest prefix that covers the peer, or NULL. */
const struct md5_key *md5_find(const struct tcp_auth *auth, const struct ip_addr *peer);
/* A copy of `key` for that peer alone. False: no memory. */
bool md5_copy(struct tcp_auth *to, const struct ip_addr *peer, const struct md5_key *key);
void md5_sign(struct stack *st, const struct md5_key *key, struct ip_tx *tx);
bool md5_verify(struct stack *st, const struct md5_key *key, const struct tcp_segment *seg);

#endif
