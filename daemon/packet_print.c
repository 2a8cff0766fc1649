/* SPDX-License-Identifier: MIT */
/* A packet as a line of text, much as tcpdump has it: see packet.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/packet.h"
#include "stack/base/bytes.h"

#define TCP_BYTES 20
#define FLAG_SYN 0x02
#define FLAG_ACK 0x10

struct text {
	char *to; /* PACKET_LINE_MAX */
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(t->to + t->len, PACKET_LINE_MAX - t->len, format, ap);
	va_end(ap);
	if (n > 0)
		t->len +=
		    (size_t)n < PACKET_LINE_MAX - t->len ? (size_t)n : PACKET_LINE_MAX - 1 - t->len;
}

static void put_v4(struct text *t, uint32_t a)
{
	put(t, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

/* --- relative sequence numbers */

static struct packet_flow *flow_at(struct packet_flows *flows, uint32_t src, uint16_t sport,
				   uint32_t dst, uint16_t dport)
{
	uint32_t h = (src * 31 + dst) * 31 + ((uint32_t)sport << 16 | dport);
	h ^= h >> 15;
	h *= 0x9e3779b1;
	return &flows->flow[h >> 24 & (PACKET_FLOWS - 1)];
}

static bool is_flow(const struct packet_flow *f, uint32_t src, uint16_t sport, uint32_t dst,
		    uint16_t dport)
{
	return f->src == src && f->sport == sport && f->dst == dst && f->dport == dport;
}

/* What is sequence number 0 of the sender's: its SYN's, else what makes its first byte 1. */
static uint32_t base_of(struct packet_flows *flows, const struct packet *p)
{
	struct packet_flow *f = flow_at(flows, p->src, p->sport, p->dst, p->dport);

	if (p->flags & FLAG_SYN || !is_flow(f, p->src, p->sport, p->dst, p->dport))
		*f = (struct packet_flow){p->src, p->dst, p->sport, p->dport,
					  p->flags & FLAG_SYN ? p->seq : p->seq - 1};
	return f->base;
}

/* Of the other side's; one never seen begins with what is acknowledged. */
static uint32_t ack_base_of(struct packet_flows *flows, const struct packet *p)
{
	struct packet_flow *f = flow_at(flows, p->dst, p->dport, p->src, p->sport);

	if (!is_flow(f, p->dst, p->dport, p->src, p->sport))
		*f = (struct packet_flow){p->dst, p->src, p->dport, p->sport, p->ack - 1};
	return f->base;
}

/* --- TCP */

static void put_sack(struct text *t, struct reader *r, unsigned blocks, uint32_t base)
{
	put(t, "sack");
	for (unsigned i = 0; i < blocks; i++) {
		uint32_t start = read_be32(r), end = read_be32(r);
		put(t, " %u:%u", start - base, end - base);
	}
}

/* The option of this kind with `n` bytes of its own. */
static void put_option(struct text *t, uint8_t kind, struct reader *r, size_t n, uint32_t base)
{
	if (kind == 2 && n == 2) {
		put(t, "mss %u", read_be16(r));
	} else if (kind == 3 && n == 1) {
		put(t, "wscale %u", read_u8(r));
	} else if (kind == 4 && n == 0) {
		put(t, "sackOK");
	} else if (kind == 5 && n % 8 == 0) {
		put_sack(t, r, (unsigned)n / 8, base);
	} else if (kind == 8 && n == 8) {
		uint32_t val = read_be32(r);
		put(t, "TS val %u ecr %u", val, read_be32(r));
	} else {
		put(t, "option %u", kind);
		read_bytes(r, n);
	}
}

static void put_options(struct text *t, struct reader r, uint32_t base)
{
	const char *before = ", options [";
	bool any = false;

	while (!r.failed && r.p < r.end) {
		uint8_t kind = read_u8(&r);
		if (kind == 0)
			break;
		if (kind == 1)
			continue;
		uint8_t len = read_u8(&r);
		if (r.failed || len < 2 || len - 2 > r.end - r.p)
			break;
		struct reader own = reader_of(r.p, len - 2u);
		put(t, "%s", before);
		put_option(t, kind, &own, len - 2u, base);
		read_bytes(&r, len - 2u);
		before = ",";
		any = true;
	}
	if (any)
		put(t, "]");
}

static void put_flags(struct text *t, uint8_t flags)
{
	static const char letter[] = "FSRP.UEW";

	put(t, "Flags [");
	for (unsigned i = 0; i < 8; i++)
		if (flags >> i & 1 && letter[i] != '.')
			put(t, "%c", letter[i]);
	put(t, flags & FLAG_ACK ? ".]" : "]");
}

static void put_tcp(struct text *t, const struct packet *p, const uint8_t *frame, size_t len,
		    struct packet_flows *flows)
{
	uint32_t base = base_of(flows, p), ack_base = 0;
	size_t options_at = p->l4_offset + TCP_BYTES, options_end = p->l4_offset + p->header_bytes;

	put_v4(t, p->src);
	put(t, ".%u > ", p->sport);
	put_v4(t, p->dst);
	put(t, ".%u: ", p->dport);
	put_flags(t, p->flags);
	put(t, ", seq %u", p->seq - base);
	if (p->payload_bytes)
		put(t, ":%u", p->seq - base + (uint32_t)p->payload_bytes);
	if (p->flags & FLAG_ACK) {
		ack_base = ack_base_of(flows, p);
		put(t, ", ack %u", p->ack - ack_base);
	}
	put(t, ", win %u", p->window);
	if (options_end > options_at && options_end <= len)
		put_options(t, reader_of(frame + options_at, options_end - options_at), ack_base);
	put(t, ", length %zu", p->payload_bytes);
}

/* --- the others */

static void put_icmp(struct text *t, const struct packet *p)
{
	put_v4(t, p->src);
	put(t, " > ");
	put_v4(t, p->dst);
	if (p->type == 8 || p->type == 0)
		put(t, ": ICMP echo %s, id %u, seq %u", p->type ? "request" : "reply", p->id,
		    p->number);
	else
		put(t, ": ICMP type %u code %u", p->type, p->code);
	put(t, ", length %zu", p->payload_bytes);
}

static void put_arp(struct text *t, const struct packet *p)
{
	const uint8_t *m = p->sender_mac.b;

	if (p->type == 1) {
		put(t, "ARP, Request who-has ");
		put_v4(t, p->dst);
		put(t, " tell ");
		put_v4(t, p->src);
	} else {
		put(t, "ARP, Reply ");
		put_v4(t, p->src);
		put(t, " is-at %02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	}
}

static void put_other_ipv4(struct text *t, const struct packet *p)
{
	put_v4(t, p->src);
	put(t, " > ");
	put_v4(t, p->dst);
	put(t, ": protocol %u, length %zu", p->proto, p->payload_bytes);
	if (p->fragment_bytes)
		put(t, ", fragment at %u", p->fragment_bytes);
}

void packet_print(const struct packet *p, const uint8_t *frame, size_t len,
		  struct packet_flows *flows, char line[PACKET_LINE_MAX])
{
	struct text t = {.to = line};

	line[0] = '\0';
	if (p->tcp)
		put_tcp(&t, p, frame, len, flows);
	else if (p->icmp)
		put_icmp(&t, p);
	else if (p->arp)
		put_arp(&t, p);
	else if (p->ipv4)
		put_other_ipv4(&t, p);
	else
		put(&t, "ethertype 0x%04x, length %zu", p->ethertype, p->payload_bytes);
}
