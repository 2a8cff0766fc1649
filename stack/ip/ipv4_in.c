/* SPDX-License-Identifier: MIT */
/*
 * IPv4 input (RFC 791, RFC 1122 3.2.1): every check of the header, then reassembly, then TCP or
 * ICMP. Counters are Linux's; each drop has its reason.
 *
 * Options are well-formed or the packet is dropped, and are then skipped; one that carries a
 * source route is dropped as Linux drops it by default. We are not a router: what is not for an
 * address of ours is counted and dropped without an answer.
 */
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/stack_impl.h"

enum { IPOPT_END = 0, IPOPT_NOP = 1, IPOPT_LSRR = 0x83, IPOPT_SSRR = 0x89 };

#define UDP_HDR_BYTES 8

struct ipv4_hdr {
	size_t hdr_len, total_len;
	uint8_t tos, ttl, proto;
	uint16_t frag;
	uint32_t src, dst;
};

static bool options_ok(const uint8_t *p, size_t len)
{
	struct reader r = reader_of(p, len);
	while (reader_left(&r) > 0) {
		uint8_t type = read_u8(&r);
		if (type == IPOPT_END)
			return true;
		if (type == IPOPT_NOP)
			continue;
		uint8_t opt_len = read_u8(&r);
		if (opt_len < 2 || !read_bytes(&r, opt_len - 2u))
			return false;
		if (type == IPOPT_LSRR || type == IPOPT_SSRR)
			return false;
	}
	return true;
}

/* Reads and checks the header; on success the pkt is cut to the packet's own length (Ethernet pads
 * short frames). DROP_NONE: it is sound. */
static enum drop_reason header_parse(struct stack *st, struct pkt *p, struct ipv4_hdr *h)
{
	struct reader r = reader_of(p->data, p->len);
	uint8_t version_ihl = read_u8(&r);
	h->tos = read_u8(&r);
	h->total_len = read_be16(&r);
	read_be16(&r); /* identification */
	h->frag = read_be16(&r);
	h->ttl = read_u8(&r);
	h->proto = read_u8(&r);
	read_be16(&r); /* checksum */
	h->src = read_be32(&r);
	h->dst = read_be32(&r);
	h->hdr_len = (version_ihl & 15u) * 4;
	if (r.failed || version_ihl >> 4 != 4 || h->hdr_len < IPV4_HDR_BYTES || h->hdr_len > p->len)
		return DROP_IP_INHDR;
	if (csum_finish(csum_partial(p->data, h->hdr_len, 0)) != 0) {
		snmp_inc(st, IpExtInCsumErrors);
		return DROP_IP_CSUM;
	}
	if (h->total_len > p->len) {
		snmp_inc(st, IpExtInTruncatedPkts);
		return DROP_IP_TRUNCATED;
	}
	if (h->total_len < h->hdr_len ||
	    !options_ok(p->data + IPV4_HDR_BYTES, h->hdr_len - IPV4_HDR_BYTES))
		return DROP_IP_INHDR;
	pkt_trim(p, h->total_len);
	return DROP_NONE;
}

/* RFC 1122 3.2.1.3: what may not be a source address at all, or not on the wire. */
static bool source_ok(const struct stack *st, uint32_t src)
{
	return src >> 24 != 0 && !ipv4_is_multicast(src) && !ip_is_broadcast_v4(st, src) &&
	       !ip_is_own_v4(st, src);
}

static bool udp_ok(const struct pkt *p, const struct ip_meta *m)
{
	struct reader r = reader_of(p->data, p->len);
	read_be32(&r); /* ports */
	uint16_t len = read_be16(&r), checksum = read_be16(&r);
	if (r.failed || len < UDP_HDR_BYTES || len > p->len)
		return false;
	if (checksum == 0 || p->csum_valid)
		return true;
	return csum_finish(csum_partial(p->data, len,
					csum_pseudo(&m->src, &m->dst, IPPROTO_UDP_, len))) == 0;
}

static void unreachable(struct stack *st, struct pkt *p, size_t hdr_len, uint8_t code,
			enum drop_reason why)
{
	icmp_send_error(st, p->data - hdr_len, p->len + hdr_len, ICMP_DEST_UNREACH, code, 0);
	stack_drop(st, p, why);
}

/* To the protocol; data at its header. */
static void deliver(struct stack *st, struct pkt *p, const struct ipv4_hdr *h, bool loopback)
{
	struct ip_meta m = {.src = ip_v4(h->src),
			    .dst = ip_v4(h->dst),
			    .ttl = h->ttl,
			    .tos = h->tos,
			    .proto = h->proto,
			    .payload_len = p->len,
			    .loopback = loopback};
	switch (h->proto) {
	case IPPROTO_TCP_:
		snmp_inc(st, IpInDelivers);
		tcp_input(st, p, &m);
		break;
	case IPPROTO_ICMP_:
		snmp_inc(st, IpInDelivers);
		icmp_input(st, p, &m);
		break;
	case IPPROTO_UDP_:
		snmp_inc(st, IpInDelivers);
		if (udp_ok(p, &m)) /* RFC 1122 4.1.3.1: nobody listens on any port */
			unreachable(st, p, h->hdr_len, ICMP_PORT_UNREACH, DROP_NO_SOCKET);
		else
			stack_drop(st, p, DROP_UNHANDLED_PROTO);
		break;
	default:
		snmp_inc(st, IpInUnknownProtos);
		unreachable(st, p, h->hdr_len, ICMP_PROT_UNREACH, DROP_IP_NOPROTO);
	}
}

static void header_error(struct stack *st, struct pkt *p, enum drop_reason why)
{
	snmp_inc(st, IpInHdrErrors);
	stack_drop(st, p, why);
}

/* By codepoint; what the link has aggregated counts as the segments it was. */
static void count_ecn(struct stack *st, const struct pkt *p, const struct ipv4_hdr *h)
{
	size_t payload = p->len - h->hdr_len;
	size_t n = p->gso_size && payload > p->gso_size ? payload / p->gso_size : 1;
	st->mib.counter[IpExtInNoECTPkts + (h->tos & 3)] += n;
}

void ip_receive(struct stack *st, struct pkt *p, bool loopback)
{
	struct ipv4_hdr h;
	snmp_inc(st, IpInReceives);
	st->mib.counter[IpExtInOctets] += p->len;
	enum drop_reason bad = header_parse(st, p, &h);
	if (bad != DROP_NONE)
		return header_error(st, p, bad);
	count_ecn(st, p, &h);
	if (!loopback && !source_ok(st, h.src)) {
		snmp_inc(st, IpInAddrErrors);
		return stack_drop(st, p, DROP_IP_INVALID_SOURCE);
	}
	if (!ip_is_own_v4(st, h.dst) || (!loopback && ipv4_is_loopback(h.dst))) {
		snmp_inc(st, IpInAddrErrors);
		return stack_drop(st, p, DROP_IP_NOT_FOR_US);
	}
	if (h.frag & (IPV4_MF | IPV4_OFFSET_MASK)) {
		p = ip_reassemble(st, p, h.hdr_len);
		if (!p)
			return;
		bad = header_parse(st, p, &h);
		if (bad != DROP_NONE)
			return header_error(st, p, bad);
	}
	p->ecn = h.tos & 3;
	pkt_pull(p, h.hdr_len);
	deliver(st, p, &h, loopback);
}

void ip_input(struct stack *st, struct pkt *p)
{
	ip_receive(st, p, false);
}
