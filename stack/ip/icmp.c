/* SPDX-License-Identifier: MIT */
/*
 * ICMP (RFC 792, RFC 1122 3.2.2): echo is answered; errors that quote a TCP segment of ours are
 * handed to TCP, which decides whether to believe them (RFC 5927); errors of ours are limited by a
 * token bucket and are never sent about another error, a broadcast or a later fragment.
 */
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/stack_impl.h"

#define ICMP_HDR_BYTES 8
#define ICMP_TYPE_MAX 18
/* RFC 1812 4.3.2.3: as much of the packet as fits into 576 bytes. */
#define ICMP_QUOTE_MAX_BYTES (576 - IPV4_HDR_BYTES - ICMP_HDR_BYTES)
#define ICMP_QUOTED_L4_MIN_BYTES 8
#define IPTOS_INTERNETCONTROL 0xc0 /* RFC 1812 4.3.2.5 */

/* --- out ------------------------------------------------------------------------------------ */

static void send_message(struct stack *st, uint32_t src, uint32_t dst, uint8_t tos,
			 const uint8_t hdr[ICMP_HDR_BYTES], const uint8_t *body, size_t len)
{
	struct ip_tx tx = {.src = ip_v4(src),
			   .dst = ip_v4(dst),
			   .proto = IPPROTO_ICMP_,
			   .tos = tos,
			   .hdr_len = ICMP_HDR_BYTES,
			   .csum_offset = 0xffff,
			   .payload = {{(void *)(uintptr_t)body, len}},
			   .payload_cnt = len > 0 ? 1 : 0,
			   .payload_len = (uint32_t)len};
	memcpy(tx.hdr, hdr, ICMP_HDR_BYTES);
	put_be16(tx.hdr + 2, 0);
	uint32_t sum = csum_partial(tx.hdr, ICMP_HDR_BYTES, 0);
	put_be16(tx.hdr + 2, csum_finish(csum_partial(body, len, sum)));
	if (ip_output(st, &tx) == 0)
		snmp_inc(st, IcmpOutMsgs);
	else
		snmp_inc(st, IcmpOutErrors);
}

/* RFC 1812 4.3.2.8: one token per error, icmp_ratelimit_per_s of them, icmp_msgs_burst at once. */
static bool rate_allows(struct stack *st)
{
	struct ip_layer *ip = &st->ip;
	uint32_t rate = st->sysctl.icmp_ratelimit_per_s;
	uint32_t burst = st->sysctl.icmp_msgs_burst;
	uint64_t elapsed_us = st->now_us - ip->icmp_filled_us;
	if (elapsed_us > 60000000) /* no need to know more, and no overflow below */
		elapsed_us = 60000000;
	uint64_t earned = elapsed_us * rate / 1000000;
	if (earned > 0) {
		ip->icmp_filled_us = st->now_us;
		earned += ip->icmp_tokens;
		ip->icmp_tokens = earned < burst ? (uint32_t)earned : burst;
	}
	if (ip->icmp_tokens == 0)
		return false;
	ip->icmp_tokens--;
	return true;
}

static bool is_icmp_error(uint8_t type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETER_PROBLEM || type == 4 /* source quench */ ||
	       type == 5 /* redirect */;
}

/* RFC 1122 3.2.2: what may be answered by an error; *src and *dst are the packet's. */
static bool may_answer(const struct stack *st, const uint8_t *ip, size_t ip_len, uint32_t *src,
		       uint32_t *dst)
{
	struct reader r = reader_of(ip, ip_len);
	size_t hdr_len = (read_u8(&r) & 15u) * 4;
	read_bytes(&r, 5);
	uint16_t frag = read_be16(&r);
	read_u8(&r);
	uint8_t proto = read_u8(&r);
	read_be16(&r);
	*src = read_be32(&r);
	*dst = read_be32(&r);
	if (r.failed || (frag & IPV4_OFFSET_MASK) != 0)
		return false;
	if (proto == IPPROTO_ICMP_ && (ip_len <= hdr_len || is_icmp_error(ip[hdr_len])))
		return false;
	return *src >> 24 != 0 && !ipv4_is_multicast(*src) && !ip_is_broadcast_v4(st, *src) &&
	       !ipv4_is_multicast(*dst) && !ip_is_broadcast_v4(st, *dst);
}

void icmp_send_error(struct stack *st, const uint8_t *ip, size_t ip_len, uint8_t type, uint8_t code,
		     uint32_t info)
{
	uint32_t src, dst;
	uint8_t hdr[ICMP_HDR_BYTES] = {type, code};
	if (!may_answer(st, ip, ip_len, &src, &dst))
		return;
	if (!rate_allows(st)) {
		snmp_inc(st, IcmpOutRateLimitGlobal);
		return;
	}
	put_be32(hdr + 4, info);
	if (type == ICMP_DEST_UNREACH)
		snmp_inc(st, IcmpOutDestUnreachs);
	else if (type == ICMP_TIME_EXCEEDED)
		snmp_inc(st, IcmpOutTimeExcds);
	size_t quote = ip_len < ICMP_QUOTE_MAX_BYTES ? ip_len : ICMP_QUOTE_MAX_BYTES;
	send_message(st, ip_is_own_v4(st, dst) ? dst : 0, src, IPTOS_INTERNETCONTROL, hdr, ip,
		     quote);
}

/* --- in ------------------------------------------------------------------------------------- */

/* RFC 1122 3.2.2.6: all of the data comes back, from the address that was asked. */
static void echo_reply(struct stack *st, const struct pkt *p, const struct ip_meta *m)
{
	uint8_t hdr[ICMP_HDR_BYTES];
	memcpy(hdr, p->data, sizeof(hdr));
	hdr[0] = ICMP_ECHO_REPLY;
	snmp_inc(st, IcmpOutEchoReps);
	send_message(st, m->dst.v4, m->src.v4, m->tos, hdr, p->data + ICMP_HDR_BYTES,
		     p->len - ICMP_HDR_BYTES);
}

/* RFC 1191 7: a router that does not tell its MTU; the next common one below what it refused. */
static uint32_t plateau_below(uint32_t packet_bytes)
{
	static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002,
					    1492,  1006,  508,	296,  68};
	for (size_t i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++)
		if (plateaus[i] < packet_bytes)
			return plateaus[i];
	return 68;
}

/* What an error quotes: the header of a packet we sent, and its first bytes. */
struct quoted {
	uint32_t src, dst, total_len;
	const uint8_t *l4;
	size_t l4_len;
};

/* False: not the beginning of a TCP packet with enough of it to tell which. */
static bool quoted_parse(struct quoted *q, const uint8_t *p, size_t len)
{
	struct reader r = reader_of(p, len);
	uint8_t version_ihl = read_u8(&r);
	size_t hdr_len = (version_ihl & 15u) * 4;
	read_u8(&r);
	q->total_len = read_be16(&r);
	read_be16(&r);
	uint16_t frag = read_be16(&r);
	read_u8(&r);
	uint8_t proto = read_u8(&r);
	read_be16(&r);
	q->src = read_be32(&r);
	q->dst = read_be32(&r);
	if (r.failed || version_ihl >> 4 != 4 || hdr_len < IPV4_HDR_BYTES ||
	    proto != IPPROTO_TCP_ || (frag & IPV4_OFFSET_MASK) != 0)
		return false;
	if (len < hdr_len + ICMP_QUOTED_L4_MIN_BYTES)
		return false;
	q->l4 = p + hdr_len;
	q->l4_len = len - hdr_len;
	return true;
}

/* RFC 1122 3.2.2.1: to the transport the quoted packet came from. */
static enum drop_reason pass_error(struct stack *st, const struct pkt *p, const struct ip_meta *m)
{
	struct quoted q;
	uint8_t type = p->data[0], code = p->data[1];
	uint32_t mtu = 0;
	if (!quoted_parse(&q, p->data + ICMP_HDR_BYTES, p->len - ICMP_HDR_BYTES))
		return DROP_ICMP_IGNORED;
	/* Only what left from the very address the error came back to can be ours. */
	if (q.src != m->dst.v4 || !ip_is_own_v4(st, q.src))
		return DROP_ICMP_INVALID;
	if (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED) {
		mtu = (uint32_t)p->data[6] << 8 | p->data[7];
		if (mtu == 0)
			mtu = plateau_below(q.total_len);
	}
	struct ip_addr local = ip_v4(q.src), remote = ip_v4(q.dst);
	tcp_icmp_error(st, &local, &remote, q.l4, q.l4_len, type, code, mtu);
	return DROP_NONE;
}

static enum drop_reason handle(struct stack *st, const struct pkt *p, const struct ip_meta *m)
{
	switch (p->data[0]) {
	case ICMP_ECHO:
		snmp_inc(st, IcmpInEchos);
		if (st->sysctl.icmp_echo_ignore_all)
			return DROP_ICMP_IGNORED;
		echo_reply(st, p, m);
		return DROP_NONE;
	case ICMP_ECHO_REPLY:
		snmp_inc(st, IcmpInEchoReps);
		return DROP_ICMP_IGNORED;
	case ICMP_DEST_UNREACH:
		snmp_inc(st, IcmpInDestUnreachs);
		return pass_error(st, p, m);
	case ICMP_TIME_EXCEEDED:
		snmp_inc(st, IcmpInTimeExcds);
		return pass_error(st, p, m);
	case ICMP_PARAMETER_PROBLEM:
		snmp_inc(st, IcmpInParmProbs);
		return pass_error(st, p, m);
	default:
		return p->data[0] > ICMP_TYPE_MAX ? DROP_ICMP_INVALID : DROP_ICMP_IGNORED;
	}
}

void icmp_input(struct stack *st, struct pkt *p, const struct ip_meta *m)
{
	enum drop_reason why = DROP_NONE;
	snmp_inc(st, IcmpInMsgs);
	if (p->len < ICMP_HDR_BYTES) {
		why = DROP_ICMP_INVALID;
	} else if (!p->csum_valid && csum_finish(csum_partial(p->data, p->len, 0)) != 0) {
		snmp_inc(st, IcmpInCsumErrors);
		why = DROP_ICMP_CSUM;
	} else {
		why = handle(st, p, m);
	}
	if (why == DROP_ICMP_INVALID || why == DROP_ICMP_CSUM)
		snmp_inc(st, IcmpInErrors);
	if (why == DROP_NONE)
		pkt_free(p);
	else
		stack_drop(st, p, why);
}
