/* SPDX-License-Identifier: MIT */
/*
 * IPv4 output: route, header, checksum or its offload, and then the link, fragments for the link,
 * or our own loopback queue.
 *
 * What goes to ourselves is copied into a pkt and handled when stack_flush() drains the queue,
 * never from within the caller: a segment cannot arrive while its sender is still at work.
 */
#include <errno.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/stack_impl.h"

#define L4_DOES_CSUM 0xffff
#define IPV4_MAX_BYTES 65535

void ipv4_header_write(uint8_t *to, uint16_t total_len, uint16_t id, uint16_t frag, uint8_t ttl,
		       uint8_t tos, uint8_t proto, uint32_t src, uint32_t dst)
{
	uint8_t *at = to;
	at = put_u8(at, 0x45);
	at = put_u8(at, tos);
	at = put_be16(at, total_len);
	at = put_be16(at, id);
	at = put_be16(at, frag);
	at = put_u8(at, ttl);
	at = put_u8(at, proto);
	at = put_be16(at, 0);
	at = put_be32(at, src);
	put_be32(at, dst);
	put_be16(to + 10, csum_finish(csum_partial(to, IPV4_HDR_BYTES, 0)));
}

/* RFC 6864: unique per source, destination and protocol for as long as can be; each segment that
 * the link will cut off takes one. */
static uint16_t next_ident(struct stack *st, const struct ip_path *path, const struct ip_tx *tx,
			   unsigned packets)
{
	uint32_t tuple[3] = {path->src, tx->dst.v4, tx->proto};
	uint16_t *next = &st->ip.ident[siphash(&st->ip.hash_key, tuple, sizeof(tuple)) % IP_IDENTS];
	uint16_t id = *next;
	*next = (uint16_t)(id + packets);
	return id;
}

/* Spans of odd length: what follows them is added with its bytes swapped (RFC 1071 2(B)). */
static uint32_t csum_payload(const struct ip_tx *tx, uint32_t sum)
{
	bool odd = tx->hdr_len & 1;
	for (int i = 0; i < tx->payload_cnt; i++) {
		const struct iovec *v = &tx->payload[i];
		uint16_t part = csum_fold(csum_partial(v->iov_base, v->iov_len, 0));
		sum += odd ? __builtin_bswap16(part) : part;
		odd ^= v->iov_len & 1;
	}
	return sum;
}

/* Puts the L4 checksum, or for the link to complete the pseudo-header's sum, into the copied
 * header. */
static void fill_l4_checksum(const struct ip_tx *tx, uint32_t src, uint8_t *l4_hdr, bool offload)
{
	struct ip_addr from = ip_v4(src);
	uint32_t l4_len = (uint32_t)tx->hdr_len + tx->payload_len;
	uint32_t sum = csum_pseudo(&from, &tx->dst, tx->proto, l4_len);
	if (tx->csum_offset == L4_DOES_CSUM)
		return;
	if (offload) {
		put_be16(l4_hdr + tx->csum_offset, csum_fold(sum));
		return;
	}
	sum = csum_payload(tx, csum_partial(l4_hdr, tx->hdr_len, sum));
	put_be16(l4_hdr + tx->csum_offset, csum_finish(sum));
}

static uint8_t *copy_payload(uint8_t *to, const struct ip_tx *tx)
{
	for (int i = 0; i < tx->payload_cnt; i++)
		to = put_bytes(to, tx->payload[i].iov_base, tx->payload[i].iov_len);
	return to;
}

static uint8_t ttl_of(const struct stack *st, const struct ip_tx *tx)
{
	return tx->ttl ? tx->ttl : (uint8_t)st->sysctl.ip_default_ttl;
}

/* The whole packet as one link frame, cut by the link if gso_size says so. */
static int output_whole(struct stack *st, const struct ip_path *path, const struct ip_tx *tx,
			uint16_t frag, unsigned packets)
{
	uint8_t head[ETHERNET_HDR_BYTES + IPV4_HDR_BYTES + L4_HDR_MAX];
	uint8_t *ip = head + ETHERNET_HDR_BYTES, *l4 = ip + IPV4_HDR_BYTES;
	struct iovec iov[1 + sizeof(tx->payload) / sizeof(tx->payload[0])];
	uint16_t total = (uint16_t)(IPV4_HDR_BYTES + tx->hdr_len + tx->payload_len);
	ipv4_header_write(ip, total, next_ident(st, path, tx, packets), frag, ttl_of(st, tx),
			  tx->tos, tx->proto, path->src, tx->dst.v4);
	memcpy(l4, tx->hdr, tx->hdr_len);
	fill_l4_checksum(tx, path->src, l4, st->config.tx_csum_offload);
	iov[0] = (struct iovec){head, ETHERNET_HDR_BYTES + IPV4_HDR_BYTES + tx->hdr_len};
	memcpy(&iov[1], tx->payload, (size_t)tx->payload_cnt * sizeof(iov[0]));
	return ethernet_output(st, path->nexthop, iov, 1 + tx->payload_cnt, tx);
}

/* RFC 791 3.2, fragmentation: the L4 packet lies flat in p. */
static int output_pieces(struct stack *st, const struct ip_path *path, const struct ip_tx *tx,
			 const struct pkt *p)
{
	uint8_t head[ETHERNET_HDR_BYTES + IPV4_HDR_BYTES];
	uint16_t id = next_ident(st, path, tx, 1);
	struct ip_tx piece = {.csum_offset = L4_DOES_CSUM};
	uint32_t room = (path->mtu_bytes - IPV4_HDR_BYTES) & ~7u;
	for (uint32_t offset = 0; offset < p->len; offset += room) {
		bool more = p->len - offset > room;
		uint32_t len = more ? room : p->len - offset;
		uint16_t frag = (uint16_t)(offset / 8 | (more ? IPV4_MF : 0));
		struct iovec iov[2] = {{head, sizeof(head)}, {p->data + offset, len}};
		ipv4_header_write(head + ETHERNET_HDR_BYTES, (uint16_t)(IPV4_HDR_BYTES + len), id,
				  frag, ttl_of(st, tx), tx->tos, tx->proto, path->src, tx->dst.v4);
		int err = ethernet_output(st, path->nexthop, iov, 2, &piece);
		if (err) {
			snmp_inc(st, IpFragFails);
			return err;
		}
		snmp_inc(st, IpFragCreates);
	}
	snmp_inc(st, IpFragOKs);
	return 0;
}

static int output_fragmented(struct stack *st, const struct ip_path *path, const struct ip_tx *tx)
{
	uint32_t l4_len = tx->hdr_len + tx->payload_len;
	struct pkt *p = pkt_alloc(&st->pkts, l4_len);
	if (!p) {
		snmp_inc(st, IpFragFails);
		return -ENOBUFS;
	}
	copy_payload(put_bytes(p->buf, tx->hdr, tx->hdr_len), tx);
	fill_l4_checksum(tx, path->src, p->buf, false);
	p->len = l4_len;
	int err = output_pieces(st, path, tx, p);
	pkt_free(p);
	return err;
}

static int output_local(struct stack *st, const struct ip_path *path, const struct ip_tx *tx,
			uint16_t frag, unsigned packets)
{
	uint32_t total = IPV4_HDR_BYTES + tx->hdr_len + tx->payload_len;
	if (st->ip.loopback_count >= IP_LOOPBACK_QUEUE_MAX) {
		stack_count_drop(st, NULL, DROP_LOOPBACK_FULL);
		return -ENOBUFS;
	}
	struct pkt *p = pkt_alloc(&st->pkts, total);
	if (!p) {
		stack_count_drop(st, NULL, DROP_PKT_NOMEM);
		return -ENOBUFS;
	}
	ipv4_header_write(p->buf, (uint16_t)total, next_ident(st, path, tx, packets), frag,
			  ttl_of(st, tx), tx->tos, tx->proto, path->src, tx->dst.v4);
	copy_payload(put_bytes(p->buf + IPV4_HDR_BYTES, tx->hdr, tx->hdr_len), tx);
	p->len = total;
	p->csum_valid = true; /* it never leaves this memory */
	p->gso_size = packets > 1 ? tx->gso_size : 0;
	list_add_tail(&st->ip.loopback, &p->node);
	st->ip.loopback_count++;
	return 0;
}

static int output_routed(struct stack *st, const struct ip_path *path, const struct ip_tx *tx)
{
	bool cut = tx->gso_size > 0 && tx->payload_len > tx->gso_size;
	unsigned packets = cut ? (tx->payload_len + tx->gso_size - 1) / tx->gso_size : 1;
	uint32_t whole = IPV4_HDR_BYTES + tx->hdr_len + tx->payload_len;
	uint32_t largest = cut ? whole - tx->payload_len + tx->gso_size : whole;
	bool df = tx->df && !ip_pmtu_locked(st, tx->dst.v4);
	uint16_t frag = df ? IPV4_DF : 0;
	if (whole > IPV4_MAX_BYTES)
		return -EMSGSIZE;
	if (path->local)
		return output_local(st, path, tx, frag, packets);
	if (largest <= path->mtu_bytes)
		return output_whole(st, path, tx, frag, packets);
	if (df || cut) {
		snmp_inc(st, IpFragFails);
		return -EMSGSIZE;
	}
	return output_fragmented(st, path, tx);
}

int ip_output(struct stack *st, struct ip_tx *tx)
{
	struct ip_path path;
	tx->path_mtu_bytes = 0;
	snmp_inc(st, IpOutRequests);
	int err = ip_route_output(st, tx->dst.v4, tx->src.v4, &path);
	if (err) {
		snmp_inc(st, IpOutNoRoutes);
		return err;
	}
	tx->path_mtu_bytes = path.mtu_bytes;
	err = output_routed(st, &path, tx);
	if (err)
		snmp_inc(st, IpOutDiscards);
	else
		st->mib.counter[IpExtOutOctets] += IPV4_HDR_BYTES + tx->hdr_len + tx->payload_len;
	return err;
}

void ip_loopback_run(struct stack *st)
{
	struct list batch;
	list_init(&batch);
	list_splice_tail(&batch, &st->ip.loopback);
	st->ip.loopback_count = 0;
	while (!list_empty(&batch)) {
		struct pkt *p = container_of(batch.next, struct pkt, node);
		list_del(&p->node);
		ip_receive(st, p, true);
	}
}
