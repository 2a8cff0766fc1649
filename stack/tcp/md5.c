/* SPDX-License-Identifier: MIT */
/*
 * TCP MD5 signatures (RFC 2385): the table of keys that TCP_MD5SIG and TCP_MD5SIG_EXT fill, and the
 * signature itself.
 *
 * A key belongs to a prefix of peers; the longest prefix wins. The digest is over the
 * pseudo-header, the TCP header without options and with a checksum of zero, the data and the key
 * (RFC 2385 2.0), so that neither the other options nor checksum offload matter to it. The
 * option comes first, after two NOPs: its digest lies at a known place in the header.
 */
#include <errno.h>
#include <linux/in.h>
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/tcp/digest.h"
#include "stack/tcp/tcp_auth.h"

#define AF_INET_ 2
#define CSUM_OFFSET 16
#define DIGEST_AT (TCP_HDR_BYTES + 4) /* NOP, NOP, kind, length */

/* --- keys ------------------------------------------------------------------------------------ */

static struct md5_key *key_of(struct list *node)
{
	return container_of(node, struct md5_key, node);
}

static bool in_prefix(uint32_t a, uint32_t b, uint8_t prefix_len)
{
	return prefix_len == 0 || (a ^ b) >> (32 - prefix_len) == 0;
}

const struct md5_key *md5_find(const struct tcp_auth *auth, const struct ip_addr *peer)
{
	const struct md5_key *best = NULL;
	if (!auth || peer->family != ADDR_IPV4)
		return NULL;
	list_for_each (pos, &auth->md5_keys) {
		const struct md5_key *key = key_of(pos);
		if (in_prefix(key->v4, peer->v4, key->prefix_len) &&
		    (!best || key->prefix_len > best->prefix_len))
			best = key;
	}
	return best;
}

static struct md5_key *find_exact(const struct tcp_auth *auth, const struct md5_key *like)
{
	if (!auth)
		return NULL;
	list_for_each (pos, &auth->md5_keys) {
		struct md5_key *key = key_of(pos);
		if (key->v4 == like->v4 && key->prefix_len == like->prefix_len &&
		    key->ifindex == like->ifindex)
			return key;
	}
	return NULL;
}

static int add(struct tcp_auth *auth, const struct md5_key *like)
{
	if (!tcp_auth_has_room(auth, sizeof(*like)))
		return -ENOMEM;
	struct md5_key *key = malloc(sizeof(*key));
	if (!key)
		return -ENOMEM;
	*key = *like;
	list_init(&key->node);
	list_add_tail(&auth->md5_keys, &key->node);
	return 0;
}

static void del(struct md5_key *key)
{
	list_del(&key->node);
	explicit_bzero(key, sizeof(*key));
	free(key);
}

void md5_keys_free(struct tcp_auth *auth)
{
	while (!list_empty(&auth->md5_keys))
		del(key_of(auth->md5_keys.next));
}

bool md5_copy(struct tcp_auth *to, const struct ip_addr *peer, const struct md5_key *key)
{
	struct md5_key own = *key;
	own.v4 = peer->v4;
	own.prefix_len = 32;
	return add(to, &own) == 0;
}

/* --- setsockopt() ---------------------------------------------------------------------------- */

/* What the program says, as a key that is in no table. 0 or -EINVAL. */
static int read_key(struct md5_key *key, int name, const void *val, size_t len)
{
	struct tcp_md5sig cmd;
	struct sockaddr_in peer;
	memset(key, 0, sizeof(*key));
	if (len < sizeof(cmd))
		return -EINVAL;
	memcpy(&cmd, val, sizeof(cmd));
	memcpy(&peer, &cmd.tcpm_addr, sizeof(peer));
	if (peer.sin_family != AF_INET_)
		return -EINVAL;
	struct reader addr = reader_of(&peer.sin_addr, sizeof(peer.sin_addr));
	key->v4 = read_be32(&addr);
	key->prefix_len = 32;
	key->ifindex = cmd.tcpm_flags & TCP_MD5SIG_FLAG_IFINDEX;
	if (name == TCP_MD5SIG_EXT && cmd.tcpm_flags & TCP_MD5SIG_FLAG_PREFIX)
		key->prefix_len = cmd.tcpm_prefixlen;
	/* A scope must be the master device of a VRF, and here is none. */
	if (name == TCP_MD5SIG_EXT && key->ifindex && cmd.tcpm_ifindex)
		return -EINVAL;
	if (key->prefix_len > 32 || cmd.tcpm_keylen > TCP_MD5SIG_MAXKEYLEN)
		return -EINVAL;
	key->len = (uint8_t)cmd.tcpm_keylen;
	memcpy(key->key, cmd.tcpm_key, key->len);
	explicit_bzero(&cmd, sizeof(cmd));
	return 0;
}

static int set_key(struct tcp_sock *sk, const struct md5_key *key)
{
	struct md5_key *old = find_exact(sk->auth, key);
	if (key->len == 0) { /* an empty key takes it back */
		if (!old)
			return -ENOENT;
		del(old);
		return 0;
	}
	struct ip_addr peer = ip_v4(key->v4);
	if (tcp_ao_wanted(sk->auth, &peer)) /* RFC 5925 3: one or the other */
		return -EKEYREJECTED;
	if (old) {
		old->len = key->len;
		memcpy(old->key, key->key, sizeof(old->key));
		return 0;
	}
	if (!sk->auth)
		sk->auth = tcp_auth_new(sk->stack);
	return sk->auth ? add(sk->auth, key) : -ENOMEM;
}

int md5_setsockopt(struct tcp_sock *sk, int name, const void *val, size_t len)
{
	struct md5_key key;
	int err = read_key(&key, name, val, len);
	if (!err)
		err = set_key(sk, &key);
	if (!err && sk->pmtu_bytes) /* the option takes room */
		tcp_sync_mss(sk, sk->pmtu_bytes);
	explicit_bzero(&key, sizeof(key));
	return err;
}

/* --- the signature --------------------------------------------------------------------------- */

/* RFC 2385 2.0, items 1 and 2. */
static void add_headers(struct digest *d, const struct ip_addr *src, const struct ip_addr *dst,
			const uint8_t *hdr, uint32_t tcp_bytes)
{
	uint8_t pseudo[12], bare[TCP_HDR_BYTES];
	uint8_t *p = put_be32(put_be32(pseudo, src->v4), dst->v4);
	put_be16(put_be16(p, IPPROTO_TCP_), (uint16_t)tcp_bytes);
	memcpy(bare, hdr, sizeof(bare));
	put_be16(bare + CSUM_OFFSET, 0);
	digest_add(d, pseudo, sizeof(pseudo));
	digest_add(d, bare, sizeof(bare));
}

void md5_sign(struct stack *st, const struct md5_key *key, struct ip_tx *tx)
{
	struct digest *d = st->tcp.digest;
	digest_begin_md5(d);
	add_headers(d, &tx->src, &tx->dst, tx->hdr, tx->hdr_len + tx->payload_len);
	for (int i = 0; i < tx->payload_cnt; i++)
		digest_add(d, tx->payload[i].iov_base, tx->payload[i].iov_len);
	digest_add(d, key->key, key->len);
	/* Without memory for it the digest is zero: as lost on the wire. */
	(void)digest_end(d, tx->hdr + DIGEST_AT, DIGEST_MD5_BYTES);
}

bool md5_verify(struct stack *st, const struct md5_key *key, const struct tcp_segment *seg)
{
	struct digest *d = st->tcp.digest;
	uint8_t mac[DIGEST_MD5_BYTES];
	digest_begin_md5(d);
	add_headers(d, &seg->ip.src, &seg->ip.dst, seg->tcp_hdr, seg->tcp_hdr_len + seg->pkt->len);
	digest_add(d, seg->pkt->data, seg->pkt->len);
	digest_add(d, key->key, key->len);
	return digest_end(d, mac, sizeof(mac)) && digest_equal(mac, seg->opt.mac, sizeof(mac));
}
