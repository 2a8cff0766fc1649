/* SPDX-License-Identifier: MIT */
/*
 * Ethernet II (RFC 894): what is addressed to us goes up by its type, everything that leaves gets
 * its header here.
 *
 * A datagram that came in a link-layer broadcast or multicast is not for a unicast address of
 * ours, whatever its IP header says (RFC 1122 3.3.6), and nothing above answers broadcasts: IP
 * takes frames to our own address only. ARP is heard by broadcast as well.
 */
#include <errno.h>

#include "stack/base/bytes.h"
#include "stack/stack_impl.h"

void ethernet_input(struct stack *st, struct pkt *p)
{
	struct reader r = reader_of(p->data, p->len);
	struct mac_addr dst;
	const uint8_t *dst_bytes = read_bytes(&r, sizeof(dst.b));
	read_bytes(&r, sizeof(dst.b)); /* the source: ARP has it in its own body */
	uint16_t ethertype = read_be16(&r);
	if (r.failed)
		return stack_drop(st, p, DROP_FRAME_TOO_SHORT);
	memcpy(dst.b, dst_bytes, sizeof(dst.b));
	bool for_us = mac_equal(&dst, &st->config.mac);
	pkt_pull(p, ETHERNET_HDR_BYTES);

	if (ethertype == ETHERNET_P_IP && for_us)
		ip_input(st, p);
	else if (ethertype == ETHERNET_P_ARP && (for_us || mac_is_multicast(&dst)))
		arp_input(st, p);
	else if (!for_us)
		stack_drop(st, p, DROP_OTHERHOST);
	else
		stack_drop(st, p, DROP_UNHANDLED_PROTO);
}

int ethernet_transmit(struct stack *st, const struct mac_addr *dst, uint16_t ethertype,
		      struct frame_out *f)
{
	uint8_t *at = f->iov[0].iov_base;
	at = put_bytes(at, dst->b, sizeof(dst->b));
	at = put_bytes(at, st->config.mac.b, sizeof(st->config.mac.b));
	put_be16(at, ethertype);
	if (!st->ops.transmit(st->ctx, f)) {
		stack_count_drop(st, f, DROP_LINK_TX);
		return -ENOBUFS;
	}
	st->mib.tx_frames++;
	st->mib.tx_bytes += f->len;
	return 0;
}

/* What the link has to know of a packet whose checksum or cutting is left to it. */
static void describe_offload(const struct stack *st, struct frame_out *f, const struct ip_tx *tx)
{
	size_t ip_hdr_len = f->iov[0].iov_len - ETHERNET_HDR_BYTES - tx->hdr_len;
	f->gso_size = tx->payload_len > tx->gso_size ? tx->gso_size : 0;
	f->ecn = tx->ecn_cwr;
	if (tx->csum_offset == 0xffff || !st->config.tx_csum_offload)
		return;
	f->csum_partial = true;
	f->csum_start = (uint16_t)(ETHERNET_HDR_BYTES + ip_hdr_len);
	f->csum_offset = tx->csum_offset;
}

int ethernet_output(struct stack *st, uint32_t nexthop_v4, struct iovec *iov, int iovcnt,
		    const struct ip_tx *tx)
{
	struct frame_out f = {.iovcnt = iovcnt, .hdr_len = (uint16_t)iov[0].iov_len};
	memcpy(f.iov, iov, (size_t)iovcnt * sizeof(*iov));
	for (int i = 0; i < iovcnt; i++)
		f.len += iov[i].iov_len;
	describe_offload(st, &f, tx);
	return neigh_output(st, nexthop_v4, &f);
}
