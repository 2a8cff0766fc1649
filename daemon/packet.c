/* SPDX-License-Identifier: MIT */
/* Reading the headers of a captured frame: see packet.h. */
#include "daemon/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "stack/base/bytes.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERNET_BYTES 14
#define IPV4_BYTES 20
#define TCP_BYTES 20

static void parse_tcp(struct packet *p, struct reader *r, size_t l4_bytes)
{
	uint16_t sport = read_be16(r), dport = read_be16(r);
	uint32_t seq = read_be32(r), ack = read_be32(r);
	uint8_t header_bytes = (uint8_t)((read_u8(r) >> 4) * 4);
	uint8_t flags = read_u8(r);
	uint16_t window = read_be16(r);

	if (r->failed || header_bytes < TCP_BYTES || header_bytes > l4_bytes)
		return;
	p->tcp = true;
	p->sport = sport;
	p->dport = dport;
	p->seq = seq;
	p->ack = ack;
	p->header_bytes = header_bytes;
	p->flags = flags;
	p->window = window;
	p->payload_bytes = l4_bytes - header_bytes;
}

static void parse_icmp(struct packet *p, struct reader *r)
{
	uint8_t type = read_u8(r), code = read_u8(r);
	read_be16(r);
	uint16_t id = read_be16(r), number = read_be16(r);

	if (r->failed)
		return;
	p->icmp = true;
	p->type = type;
	p->code = code;
	p->id = id;
	p->number = number;
}

static void parse_ipv4(struct packet *p, struct reader *r)
{
	uint8_t version = read_u8(r);
	read_u8(r);
	uint16_t total = read_be16(r);
	read_be16(r);
	uint16_t fragment = read_be16(r);
	read_u8(r);
	uint8_t proto = read_u8(r);
	read_be16(r);
	uint32_t src = read_be32(r), dst = read_be32(r);
	size_t header_bytes = (version & 15u) * 4;

	if (r->failed || version >> 4 != 4 || header_bytes < IPV4_BYTES || total < header_bytes)
		return;
	read_bytes(r, header_bytes - IPV4_BYTES);
	p->ipv4 = true;
	p->src = src;
	p->dst = dst;
	p->proto = proto;
	p->fragment_bytes = (uint16_t)((fragment & 0x1fff) * 8);
	p->l4_offset = ETHERNET_BYTES + header_bytes;
	p->payload_bytes = total - header_bytes;
	if (p->fragment_bytes)
		return;
	if (proto == IPPROTO_TCP)
		parse_tcp(p, r, total - header_bytes);
	else if (proto == IPPROTO_ICMP)
		parse_icmp(p, r);
}

static void parse_arp(struct packet *p, struct reader *r)
{
	read_be32(r); /* hardware and protocol */
	read_be16(r); /* their lengths */
	uint16_t operation = read_be16(r);
	const uint8_t *mac = read_bytes(r, sizeof(p->sender_mac.b));
	uint32_t sender = read_be32(r);
	read_bytes(r, sizeof(p->sender_mac.b));
	uint32_t target = read_be32(r);

	if (r->failed)
		return;
	p->arp = true;
	p->type = (uint8_t)operation;
	memcpy(p->sender_mac.b, mac, sizeof(p->sender_mac.b));
	p->src = sender;
	p->dst = target;
}

void packet_parse(struct packet *p, const uint8_t *frame, size_t len)
{
	struct reader r = reader_of(frame, len);

	*p = (struct packet){.payload_bytes = len};
	read_bytes(&r, ETHERNET_BYTES - 2);
	p->ethertype = read_be16(&r);
	if (p->ethertype == ETHERTYPE_IPV4)
		parse_ipv4(p, &r);
	else if (p->ethertype == ETHERTYPE_ARP)
		parse_arp(p, &r);
}

bool packet_is_of(const struct packet *p, bool sent, uint32_t laddr, uint16_t lport, uint32_t raddr,
		  uint16_t rport)
{
	if (!p->tcp)
		return false;
	if (sent)
		return p->src == laddr && p->sport == lport && p->dst == raddr && p->dport == rport;
	return p->dst == laddr && p->dport == lport && p->src == raddr && p->sport == rport;
}
