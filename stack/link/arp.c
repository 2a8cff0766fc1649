/* SPDX-License-Identifier: MIT */
/*
 * ARP (RFC 826) for IPv4 over Ethernet: the packets. What is learnt from them is neigh.c's.
 *
 * Whom we believe: an answer to a question that is open (INCOMPLETE, PROBE), and whoever asks for
 * an address of ours, since we are about to answer him. Anything else, gratuitous ARP and replies
 * nobody asked for, can at most make us ask (neigh_heard_claim): a table entry cannot be
 * overwritten by shouting.
 */
#include "stack/base/bytes.h"
#include "stack/stack_impl.h"

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

#define ARP_HW_ETHERNET 1
#define ARP_BYTES 28

static const struct mac_addr broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

struct arp {
	uint16_t op;
	struct mac_addr sender_mac;
	uint32_t sender_v4, target_v4;
};

/* False: not an Ethernet-IPv4 request or reply, or one that no host may send. */
static bool arp_parse(struct arp *a, const struct pkt *p)
{
	struct reader r = reader_of(p->data, p->len);
	uint16_t hw = read_be16(&r), proto = read_be16(&r);
	uint8_t hw_len = read_u8(&r), proto_len = read_u8(&r);
	a->op = read_be16(&r);
	const uint8_t *mac = read_bytes(&r, sizeof(a->sender_mac.b));
	a->sender_v4 = read_be32(&r);
	read_bytes(&r, sizeof(a->sender_mac.b)); /* the target's, meaningless in a request */
	a->target_v4 = read_be32(&r);
	if (r.failed || hw != ARP_HW_ETHERNET || proto != ETHERNET_P_IP || hw_len != 6 ||
	    proto_len != 4 || (a->op != ARP_REQUEST && a->op != ARP_REPLY))
		return false;
	memcpy(a->sender_mac.b, mac, sizeof(a->sender_mac.b));
	return !mac_is_multicast(&a->sender_mac) && !mac_is_zero(&a->sender_mac);
}

static void arp_send(struct stack *st, uint16_t op, const struct mac_addr *frame_dst,
		     uint32_t sender_v4, const struct mac_addr *target_mac, uint32_t target_v4)
{
	uint8_t frame[ETHERNET_HDR_BYTES + ARP_BYTES];
	uint8_t *at = frame + ETHERNET_HDR_BYTES;
	at = put_be16(at, ARP_HW_ETHERNET);
	at = put_be16(at, ETHERNET_P_IP);
	at = put_u8(at, 6);
	at = put_u8(at, 4);
	at = put_be16(at, op);
	at = put_bytes(at, st->config.mac.b, sizeof(st->config.mac.b));
	at = put_be32(at, sender_v4);
	at = put_bytes(at, target_mac->b, sizeof(target_mac->b));
	put_be32(at, target_v4);
	struct frame_out f = {.iov = {{frame, sizeof(frame)}},
			      .iovcnt = 1,
			      .len = sizeof(frame),
			      .hdr_len = sizeof(frame)};
	if (op == ARP_REQUEST)
		st->mib.arp_out_requests++;
	else
		st->mib.arp_out_replies++;
	ethernet_transmit(st, frame_dst, ETHERNET_P_ARP, &f);
}

/* Ours on the target's link, else the first: what the target can answer to. */
static uint32_t sender_for(const struct stack *st, uint32_t target_v4)
{
	for (unsigned i = 0; i < st->ip.addr_count; i++) {
		const struct ifaddr *a = &st->ip.addr[i];
		if (((a->v4 ^ target_v4) & ipv4_mask(a->prefix_len)) == 0)
			return a->v4;
	}
	return st->ip.addr_count > 0 ? st->ip.addr[0].v4 : 0;
}

void arp_request(struct stack *st, uint32_t target_v4, const struct mac_addr *unicast_to)
{
	static const struct mac_addr unknown;
	arp_send(st, ARP_REQUEST, unicast_to ? unicast_to : &broadcast, sender_for(st, target_v4),
		 &unknown, target_v4);
}

/* RFC 5227 2.3: a request in which sender and target are the address announced. */
void arp_announce(struct stack *st, uint32_t v4)
{
	static const struct mac_addr unknown;
	arp_send(st, ARP_REQUEST, &broadcast, v4, &unknown, v4);
}

static void handle_request(struct stack *st, const struct arp *a)
{
	st->mib.arp_in_requests++;
	/* RFC 5227 2.1.1: a probe for our address has no sender address, and is answered. */
	if (ip_is_on_link_v4(st, a->sender_v4))
		neigh_heard(st, a->sender_v4, &a->sender_mac, false);
	arp_send(st, ARP_REPLY, &a->sender_mac, a->target_v4, &a->sender_mac, a->sender_v4);
}

static void handle_reply(struct stack *st, const struct arp *a)
{
	st->mib.arp_in_replies++;
	if (neigh_is_asking(st, a->sender_v4))
		neigh_heard(st, a->sender_v4, &a->sender_mac, true);
	else
		neigh_heard_claim(st, a->sender_v4, &a->sender_mac);
}

static bool is_assigned(const struct stack *st, uint32_t v4)
{
	return ip_is_own_v4(st, v4) && !ipv4_is_loopback(v4);
}

void arp_input(struct stack *st, struct pkt *p)
{
	struct arp a;
	if (!arp_parse(&a, p) || ipv4_is_multicast(a.sender_v4) || ip_is_own_v4(st, a.sender_v4) ||
	    ip_is_broadcast_v4(st, a.sender_v4))
		return stack_drop(st, p, DROP_ARP_INVALID);
	if (is_assigned(st, a.target_v4)) {
		if (a.op == ARP_REQUEST)
			handle_request(st, &a);
		else
			handle_reply(st, &a);
		return pkt_free(p);
	}
	if (a.sender_v4 == a.target_v4) {
		neigh_heard_claim(st, a.sender_v4, &a.sender_mac);
		return pkt_free(p);
	}
	stack_drop(st, p, DROP_ARP_NOT_FOR_US);
}
