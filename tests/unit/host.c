/* SPDX-License-Identifier: MIT */
#include "tests/unit/host.h"

#include <check.h>
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"

const struct mac_addr host_mac = {{2, 0, 0, 0, 0, 2}};
const struct mac_addr peer_mac = {{2, 0, 0, 0, 0, 1}};
const struct mac_addr third_mac = {{2, 0, 0, 0, 0, 3}};
const struct mac_addr broadcast_mac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static bool transmit(void *ctx, const struct frame_out *f)
{
	struct host *h = ctx;
	if (h->link_refuses)
		return false;
	struct sent_frame *s = malloc(sizeof(*s) + f->len);
	h->sent = realloc(h->sent, (h->sent_count + 1) * sizeof(struct sent_frame *));
	h->sent[h->sent_count++] = s;
	s->meta = *f;
	s->len = 0;
	for (int i = 0; i < f->iovcnt; i++) {
		memcpy(s->data + s->len, f->iov[i].iov_base, f->iov[i].iov_len);
		s->len += f->iov[i].iov_len;
	}
	ck_assert_uint_eq(s->len, f->len);
	return true;
}

struct stack_config host_config(void)
{
	return (struct stack_config){.mac = host_mac,
				     .mtu_bytes = 1500,
				     .tso_max_bytes = 65535,
				     .tx_csum_offload = true,
				     .seed = {1, 2, 3},
				     .pkt_limit_bytes = 64u << 20};
}

struct host *host_new_with(const struct stack_config *config, bool know_peer)
{
	static const struct stack_ops ops = {.transmit = transmit};
	struct host *h = calloc(1, sizeof(*h));
	h->now_us = 1000 * SEC;
	h->st = stack_create(config, &ops, h, h->now_us);
	ck_assert_ptr_nonnull(h->st);
	ck_assert_int_eq(stack_addr_add(h->st, HOST_V4, 24), 0);
	if (know_peer) {
		ck_assert_int_eq(neigh_add(h->st, PEER_V4, &peer_mac), 0);
		host_forget_sent(h);
	}
	return h;
}

struct host *host_new(void)
{
	struct stack_config config = host_config();
	return host_new_with(&config, true);
}

struct host *host_new_alone(void)
{
	struct stack_config config = host_config();
	return host_new_with(&config, false);
}

void host_free(struct host *h)
{
	stack_destroy(h->st);
	for (unsigned i = 0; i < h->sent_count; i++)
		free(h->sent[i]);
	free(h->sent);
	free(h);
}

void host_input_offloaded(struct host *h, const uint8_t *frame, size_t len, bool csum_valid)
{
	struct pkt *p = pkt_alloc(stack_pkt_pool(h->st), len);
	ck_assert_ptr_nonnull(p);
	memcpy(p->buf, frame, len);
	p->len = (uint32_t)len;
	p->csum_valid = csum_valid;
	stack_input(h->st, p);
	stack_flush(h->st);
}

void host_input(struct host *h, const uint8_t *frame, size_t len)
{
	host_input_offloaded(h, frame, len, false);
}

void host_advance(struct host *h, uint64_t by_us)
{
	uint64_t until = h->now_us + by_us;
	for (;;) {
		uint64_t next = stack_next_timer_us(h->st);
		h->now_us = next < until ? (next > h->now_us ? next : h->now_us) : until;
		stack_advance(h->st, h->now_us);
		stack_flush(h->st);
		if (h->now_us == until)
			return;
	}
}

const struct sent_frame *host_sent(struct host *h)
{
	return h->next < h->sent_count ? h->sent[h->next++] : NULL;
}

unsigned host_sent_count(const struct host *h)
{
	return h->sent_count - h->next;
}

void host_forget_sent(struct host *h)
{
	h->next = h->sent_count;
}

uint64_t host_counter(const struct host *h, enum snmp c)
{
	return stack_mib(h->st)->counter[c];
}

uint64_t host_drops(const struct host *h, enum drop_reason r)
{
	return stack_mib(h->st)->drop[r];
}

static uint8_t *ethernet_header(uint8_t *to, const struct mac_addr *dst, const struct mac_addr *src,
				uint16_t type)
{
	to = put_bytes(to, dst->b, sizeof(dst->b));
	to = put_bytes(to, src->b, sizeof(src->b));
	return put_be16(to, type);
}

size_t frame_arp(uint8_t *to, const struct mac_addr *dst, const struct mac_addr *src, uint16_t op,
		 const struct mac_addr *sender, uint32_t sender_v4, uint32_t target_v4)
{
	static const struct mac_addr unknown;
	uint8_t *at = ethernet_header(to, dst, src, ETHERNET_P_ARP);
	at = put_be16(at, 1);
	at = put_be16(at, ETHERNET_P_IP);
	at = put_u8(at, 6);
	at = put_u8(at, 4);
	at = put_be16(at, op);
	at = put_bytes(at, sender->b, sizeof(sender->b));
	at = put_be32(at, sender_v4);
	at = put_bytes(at, unknown.b, sizeof(unknown.b));
	at = put_be32(at, target_v4);
	return (size_t)(at - to);
}

void ipv4_fix_checksum(uint8_t *frame)
{
	uint8_t *ip = frame + ETHERNET_HDR_BYTES;
	put_be16(ip + 10, 0);
	put_be16(ip + 10, csum_finish(csum_partial(ip, (ip[0] & 15u) * 4, 0)));
}

size_t frame_ipv4(uint8_t *to, const struct ipv4_spec *spec, const void *payload, size_t len)
{
	uint8_t *ip = ethernet_header(to, &host_mac, &peer_mac, ETHERNET_P_IP);
	size_t hdr_len = IPV4_HDR_BYTES + spec->options_len;
	ipv4_header_write(ip, (uint16_t)(hdr_len + len), spec->id, spec->frag,
			  spec->ttl ? spec->ttl : 64, spec->tos, spec->proto,
			  spec->src ? spec->src : PEER_V4, spec->dst ? spec->dst : HOST_V4);
	ip[0] = (uint8_t)(0x40 | hdr_len / 4);
	if (spec->options_len > 0)
		memcpy(ip + IPV4_HDR_BYTES, spec->options, spec->options_len);
	if (len > 0)
		memcpy(ip + hdr_len, payload, len);
	ipv4_fix_checksum(to);
	return ETHERNET_HDR_BYTES + hdr_len + len;
}

size_t icmp_message(uint8_t *to, uint8_t type, uint8_t code, uint32_t info, const void *body,
		    size_t len)
{
	put_u8(to, type);
	put_u8(to + 1, code);
	put_be16(to + 2, 0);
	put_be32(to + 4, info);
	if (len > 0)
		memcpy(to + 8, body, len);
	put_be16(to + 2, csum_finish(csum_partial(to, len + 8, 0)));
	return len + 8;
}

size_t udp_datagram(uint8_t *to, uint16_t sport, uint16_t dport, const void *body, size_t len)
{
	struct ip_addr src = ip_v4(PEER_V4), dst = ip_v4(HOST_V4);
	uint32_t udp_len = (uint32_t)len + 8;
	put_be16(to, sport);
	put_be16(to + 2, dport);
	put_be16(to + 4, (uint16_t)udp_len);
	put_be16(to + 6, 0);
	if (len > 0)
		memcpy(to + 8, body, len);
	put_be16(to + 6, csum_finish(csum_partial(to, udp_len,
						  csum_pseudo(&src, &dst, IPPROTO_UDP_, udp_len))));
	return udp_len;
}

uint16_t be16_of(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t be32_of(const uint8_t *p)
{
	return (uint32_t)be16_of(p) << 16 | be16_of(p + 2);
}

bool is_ipv4(const struct sent_frame *f, uint8_t proto)
{
	const uint8_t *ip = f->data + ETHERNET_HDR_BYTES;
	return f->len >= ETHERNET_HDR_BYTES + IPV4_HDR_BYTES &&
	       be16_of(f->data + 12) == ETHERNET_P_IP && ip[0] == 0x45 && ip[9] == proto &&
	       csum_finish(csum_partial(ip, IPV4_HDR_BYTES, 0)) == 0 &&
	       be16_of(ip + 2) == f->len - ETHERNET_HDR_BYTES;
}

bool is_arp(const struct sent_frame *f, uint16_t op, uint32_t sender_v4, uint32_t target_v4)
{
	const uint8_t *arp = f->data + ETHERNET_HDR_BYTES;
	return f->len == ETHERNET_HDR_BYTES + 28 && be16_of(f->data + 12) == ETHERNET_P_ARP &&
	       be16_of(arp + 6) == op && be32_of(arp + 14) == sender_v4 &&
	       be32_of(arp + 24) == target_v4 && memcmp(arp + 8, host_mac.b, 6) == 0;
}
