/* SPDX-License-Identifier: MIT */
/*
 * Signed segments: what auth.c, md5.c, ao_sockopt.c and those who build segments share.
 *
 * A socket for which a key was ever set has a struct tcp_auth; everything else has NULL, and pays
 * one comparison a segment. A listener's holds the keys of many peers, a child's and a
 * timewait_sock's those of its own.
 */
#ifndef XTCP_TCP_AUTH_H
#define XTCP_TCP_AUTH_H

#include "stack/tcp/ao.h"

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
	struct list md5_keys;
	struct ao_info *ao; /* NULL: TCP-AO was never asked for */
};

/* How one segment is signed. */
struct tcp_sign {
	enum tcp_auth_kind kind; /* AUTH_BAD: it should be, and cannot: it must not be sent */
	const struct md5_key *md5;
	const struct ao_key *ao;
	uint8_t keyid, rnext;
	uint32_t sne;
	uint8_t traffic_key[DIGEST_MAC_MAX_BYTES];
};

/* --- auth.c: what the options are to say, and the signature once all else is written */
struct tcp_auth *tcp_auth_new(struct stack *st);
bool tcp_auth_has_room(const struct tcp_auth *auth, size_t bytes); /* for one key more */
/* c is what sends; `answers`, or NULL, the segment it answers (a listener knows its peer by it). */
void tcp_sign_choose(struct stack *st, const struct sock_common *c,
		     const struct tcp_segment *answers, uint32_t seq, uint8_t flags,
		     struct tcp_sign *sign);
void tcp_sign_options(const struct tcp_sign *sign, struct tcp_options *opt);
void tcp_sign(struct stack *st, const struct tcp_sign *sign, struct ip_tx *tx);
/* Would such a peer's unsigned segments be dropped for TCP-AO's sake? */
bool tcp_ao_wanted(const struct tcp_auth *auth, const struct ip_addr *peer);

/* --- md5.c */
int md5_setsockopt(struct tcp_sock *sk, int name, const void *val, size_t len);
void md5_keys_free(struct tcp_auth *auth);
/* The key for the longest prefix that covers the peer, or NULL. */
const struct md5_key *md5_find(const struct tcp_auth *auth, const struct ip_addr *peer);
/* A copy of `key` for that peer alone. False: no memory. */
bool md5_copy(struct tcp_auth *to, const struct ip_addr *peer, const struct md5_key *key);
void md5_sign(struct stack *st, const struct md5_key *key, struct ip_tx *tx);
bool md5_verify(struct stack *st, const struct md5_key *key, const struct tcp_segment *seg);

/* --- ao_sockopt.c */
int ao_setsockopt(struct tcp_sock *sk, int name, const void *val, size_t len);
/* val goes in and out. Of TCP_AO_GET_KEYS, which can ask for many, this gives one at a time: the
 * nkeys-th of those that match, and how many these are. */
int ao_getsockopt(struct tcp_sock *sk, int name, void *val, size_t *len);

#endif
