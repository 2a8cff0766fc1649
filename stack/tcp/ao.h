/* SPDX-License-Identifier: MIT */
/*
 * The TCP Authentication Option (RFC 5925): what ao.c, ao_sockopt.c and auth.c share.
 */
#ifndef XTCP_TCP_AO_H
#define XTCP_TCP_AO_H

#include "stack/stack_impl.h"
#include "stack/tcp/ao_abi.h"
#include "stack/tcp/digest.h"

#define AO_OPTION_HDR_BYTES 4 /* kind, length, KeyID, RNextKeyID */
#define AO_MAC_DEFAULT_BYTES 12
#define AO_ANY_ID (-1)
#define AO_ANY_PREFIX 255

/* A master key tuple (RFC 5925 3.1) and, on a connection, its traffic keys. */
struct ao_key {
	struct list node;
	uint32_t v4; /* the peers': host order; 0: all */
	uint8_t prefix_len, sndid, rcvid, mac_len, keyflags, len;
	uint8_t alg; /* enum digest_mac */
	bool derived;
	uint8_t key[TCP_AO_MAXKEYLEN];
	uint8_t send_key[DIGEST_MAC_MAX_BYTES], recv_key[DIGEST_MAC_MAX_BYTES];
	uint64_t pkt_good, pkt_bad;
};

/* What TCP-AO knows of a socket. current and rnext are a connection's: the key we sign with and
 * the one we want the peer to use (RFC 5925 6.1); they may be chosen before there is one. */
struct ao_info {
	struct list keys; /* the newest first */
	struct ao_key *current, *rnext;
	/* RFC 5925 6.2: sequence numbers that have passed, extended to 64 bits; the upper half of
	 * what is near them is the SNE. */
	uint64_t send_ref, recv_ref;
	bool started; /* the references are of this connection */
	bool required, accept_icmps;
	uint64_t pkt_good, pkt_bad, pkt_key_not_found, pkt_ao_required, pkt_dropped_icmp;
};

/* Whose traffic keys: RFC 5926 3.1.1's context, as seen from here. */
struct ao_tuple {
	struct ip_addr laddr, raddr;
	uint16_t lport, rport;
	uint32_t lisn, risn;
};

/* --- ao.c */
struct ao_info *ao_info_new(void);
void ao_info_free(struct ao_info *ao);
void ao_key_free(struct ao_key *key); /* on a list or not */
/* The newest key for that peer (NULL: whoever) with those IDs. ao may be NULL. */
struct ao_key *ao_find(const struct ao_info *ao, const struct ip_addr *peer, int sndid, int rcvid);
bool ao_key_covers(const struct ao_key *key, uint32_t v4, uint8_t prefix_len);
/* A new table of the keys for that peer. NULL with *err: -ENOMEM, -EKEYREJECTED (there is none). */
struct ao_info *ao_copy(const struct ao_info *from, const struct ip_addr *peer, int *err);
/* A connection is to be made to that peer: the others' keys go. False: nothing is left. */
bool ao_begin(struct ao_info *ao, const struct ip_addr *peer);

uint32_t ao_sne(uint64_t ref, uint32_t seq);
void ao_traffic_key(struct stack *st, const struct ao_key *key, const struct ao_tuple *t, bool send,
		    uint8_t to[DIGEST_MAC_MAX_BYTES]);
/* RFC 5925 5.1. `option` is where the option begins in tx->hdr. */
void ao_sign(struct stack *st, const struct ao_key *key, const uint8_t *traffic_key, uint32_t sne,
	     struct ip_tx *tx);
bool ao_verify(struct stack *st, const struct ao_key *key, const uint8_t *traffic_key, uint32_t sne,
	       const struct tcp_segment *seg);
static inline uint32_t ao_option_bytes(const struct ao_key *key) /* padded */
{
	return (AO_OPTION_HDR_BYTES + key->mac_len + 3u) & ~3u;
}

#endif
