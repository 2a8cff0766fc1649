/* SPDX-License-Identifier: MIT */
/*
 * The TCP Authentication Option (RFC 5925, 5926): tables of master key tuples, the traffic keys
 * made of them, and the message authentication code.
 *
 * Theory of operation
 *   - A master key never signs. A connection's two traffic keys are derived from it, the four-tuple
 *     and both initial sequence numbers, so that no two connections share one, and an old
 *     connection's segments do not verify in its successor (RFC 5925 5.2).
 *   - The code covers a sequence number extension, which counts how often the sequence numbers have
 *     wrapped: without it a segment could be replayed 4 GiB later. It follows from a sequence
 *     number and a 64-bit one near it (RFC 5925 6.2).
 *   - Of the keys that match, the newest counts, as with Linux.
 */
#include <errno.h>
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/tcp/ao.h"

#define CSUM_OFFSET 16
#define OPTION_AT TCP_HDR_BYTES /* in what we send the option comes first */

static struct ao_key *key_of(struct list *node)
{
	return container_of(node, struct ao_key, node);
}

/* --- tables ---------------------------------------------------------------------------------- */

struct ao_info *ao_info_new(void)
{
	struct ao_info *ao = calloc(1, sizeof(*ao));
	if (ao)
		list_init(&ao->keys);
	return ao;
}

void ao_key_free(struct ao_key *key)
{
	list_del(&key->node);
	explicit_bzero(key, sizeof(*key));
	free(key);
}

void ao_info_free(struct ao_info *ao)
{
	if (!ao)
		return;
	while (!list_empty(&ao->keys))
		ao_key_free(key_of(ao->keys.next));
	free(ao);
}

bool ao_key_covers(const struct ao_key *key, uint32_t v4, uint8_t prefix_len)
{
	uint8_t n = prefix_len < key->prefix_len ? prefix_len : key->prefix_len;
	return key->v4 == 0 || v4 == 0 || n == 0 || (key->v4 ^ v4) >> (32 - n) == 0;
}

struct ao_key *ao_find(const struct ao_info *ao, const struct ip_addr *peer, int sndid, int rcvid)
{
	if (!ao)
		return NULL;
	list_for_each (pos, &ao->keys) {
		struct ao_key *key = key_of(pos);
		if ((sndid == AO_ANY_ID || key->sndid == sndid) &&
		    (rcvid == AO_ANY_ID || key->rcvid == rcvid) &&
		    (!peer || ao_key_covers(key, peer->v4, AO_ANY_PREFIX)))
			return key;
	}
	return NULL;
}

static bool copy_key(struct ao_info *to, const struct ao_key *key)
{
	struct ao_key *own = malloc(sizeof(*own));
	if (!own)
		return false;
	*own = *key;
	list_init(&own->node);
	list_add_tail(&to->keys, &own->node);
	return true;
}

struct ao_info *ao_copy(const struct ao_info *from, const struct ip_addr *peer, int *err)
{
	struct ao_info *ao = ao_info_new();
	*err = ao ? -EKEYREJECTED : -ENOMEM;
	if (!ao)
		return NULL;
	ao->required = from->required;
	ao->accept_icmps = from->accept_icmps;
	list_for_each (pos, &from->keys) {
		const struct ao_key *key = key_of(pos);
		if (!ao_key_covers(key, peer->v4, AO_ANY_PREFIX))
			continue;
		*err = copy_key(ao, key) ? 0 : -ENOMEM;
		if (*err)
			break;
	}
	if (*err) {
		ao_info_free(ao);
		return NULL;
	}
	return ao;
}

bool ao_begin(struct ao_info *ao, const struct ip_addr *peer)
{
	ao->started = false;
	list_for_each_safe (pos, &ao->keys) {
		struct ao_key *key = key_of(pos);
		key->derived = false;
		if (ao_key_covers(key, peer->v4, AO_ANY_PREFIX))
			continue;
		if (key == ao->current)
			ao->current = NULL;
		if (key == ao->rnext)
			ao->rnext = NULL;
		ao_key_free(key);
	}
	if (list_empty(&ao->keys))
		return false;
	if (!ao->current)
		ao->current = key_of(ao->keys.next);
	if (!ao->rnext)
		ao->rnext = key_of(ao->keys.next);
	return true;
}

/* --- the sequence number extension ----------------------------------------------------------- */

/* The 64-bit number nearest to ref whose lower half is seq; of it, the upper half. */
uint32_t ao_sne(uint64_t ref, uint32_t seq)
{
	return (uint32_t)((ref + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)ref)) >> 32);
}

/* --- traffic keys ---------------------------------------------------------------------------- */

/* RFC 5926 3.1.1: KDF(master key, i || "TCP-AO" || context || output length in bits), once: no
 * traffic key is longer than what it is made with. RFC 5925 5.2: the context. */
void ao_traffic_key(struct stack *st, const struct ao_key *key, const struct ao_tuple *t, bool send,
		    uint8_t to[DIGEST_MAC_MAX_BYTES])
{
	struct digest *d = st->tcp.digest;
	uint8_t input[1 + 6 + 20 + 2], *p = input;
	uint8_t bytes = digest_mac_bytes(key->alg);
	p = put_bytes(put_u8(p, 1), "TCP-AO", 6);
	p = put_be32(p, send ? t->laddr.v4 : t->raddr.v4);
	p = put_be32(p, send ? t->raddr.v4 : t->laddr.v4);
	p = put_be16(p, send ? t->lport : t->rport);
	p = put_be16(p, send ? t->rport : t->lport);
	p = put_be32(p, send ? t->lisn : t->risn);
	p = put_be32(p, send ? t->risn : t->lisn);
	put_be16(p, (uint16_t)(bytes * 8));
	memset(to, 0, DIGEST_MAC_MAX_BYTES);
	digest_begin_mac(d, key->alg, key->key, key->len);
	digest_add(d, input, sizeof(input));
	(void)digest_end(d, to, bytes); /* zero verifies nothing at the other end */
}

/* --- the code -------------------------------------------------------------------------------- */

/* What covers every segment: RFC 5925 5.1, items 1 to 3. With the option flag the TCP header is
 * hashed as if our option were its only one. */
static void add_headers(struct digest *d, const struct ao_key *key, const struct ip_addr *src,
			const struct ip_addr *dst, uint32_t sne, const uint8_t *hdr, size_t hdr_len,
			size_t option_at, uint32_t tcp_bytes)
{
	uint8_t head[16], tcp[TCP_HDR_BYTES + TCP_OPTIONS_MAX_BYTES];
	size_t option_len = (size_t)AO_OPTION_HDR_BYTES + key->mac_len;
	uint8_t *p = put_be32(put_be32(put_be32(head, sne), src->v4), dst->v4);
	put_be16(put_be16(p, IPPROTO_TCP_), (uint16_t)tcp_bytes);
	digest_add(d, head, sizeof(head));
	memcpy(tcp, hdr, hdr_len);
	put_be16(tcp + CSUM_OFFSET, 0);
	if (key->keyflags & TCP_AO_KEYF_EXCLUDE_OPT) {
		memmove(tcp + TCP_HDR_BYTES, hdr + option_at, option_len);
		option_at = TCP_HDR_BYTES;
		hdr_len = TCP_HDR_BYTES + option_len;
	}
	memset(tcp + option_at + AO_OPTION_HDR_BYTES, 0, key->mac_len);
	digest_add(d, tcp, hdr_len);
}

void ao_sign(struct stack *st, const struct ao_key *key, const uint8_t *traffic_key, uint32_t sne,
	     struct ip_tx *tx)
{
	struct digest *d = st->tcp.digest;
	digest_begin_mac(d, key->alg, traffic_key, digest_mac_bytes(key->alg));
	add_headers(d, key, &tx->src, &tx->dst, sne, tx->hdr, tx->hdr_len, OPTION_AT,
		    tx->hdr_len + tx->payload_len);
	for (int i = 0; i < tx->payload_cnt; i++)
		digest_add(d, tx->payload[i].iov_base, tx->payload[i].iov_len);
	/* Without memory for it the code is zero: as lost on the wire. */
	(void)digest_end(d, tx->hdr + OPTION_AT + AO_OPTION_HDR_BYTES, key->mac_len);
}

bool ao_verify(struct stack *st, const struct ao_key *key, const uint8_t *traffic_key, uint32_t sne,
	       const struct tcp_segment *seg)
{
	struct digest *d = st->tcp.digest;
	uint8_t mac[DIGEST_MAC_MAX_BYTES];
	if (seg->opt.mac_len != key->mac_len)
		return false;
	size_t option_at = (size_t)(seg->opt.mac - seg->tcp_hdr) - AO_OPTION_HDR_BYTES;
	digest_begin_mac(d, key->alg, traffic_key, digest_mac_bytes(key->alg));
	add_headers(d, key, &seg->ip.src, &seg->ip.dst, sne, seg->tcp_hdr, seg->tcp_hdr_len,
		    option_at, seg->tcp_hdr_len + seg->pkt->len);
	digest_add(d, seg->pkt->data, seg->pkt->len);
	return digest_end(d, mac, key->mac_len) && digest_equal(mac, seg->opt.mac, key->mac_len);
}
