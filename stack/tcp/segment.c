/* SPDX-License-Identifier: MIT */
/*
 * TCP on the wire: the header (RFC 9293 3.1) and its options (3.2; RFC 7323, 2018, 2385, 5925, 7413), read with
 * bounds checked and written padded. A malformed option ends the list, as Linux has it: what was
 * read before it holds (RFC 9293 3.1, MUST-7), and the segment counts among TcpInErrs.
 */
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/stack_impl.h"

enum {
	OPT_EOL = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_PERMITTED = 4,
	OPT_SACK = 5,
	OPT_TIMESTAMPS = 8,
	OPT_MD5 = 19,
	OPT_AO = 29,
	OPT_FASTOPEN = 34,
	OPT_EXPERIMENT = 254,
};

#define FASTOPEN_EXPERIMENT 0xf989

#define MD5_BYTES 16

static void parse_sack(struct tcp_options *opt, struct reader *body)
{
	while (reader_left(body) >= 8 && opt->sack_cnt < TCP_SACK_BLOCKS_MAX) {
		struct sack_block *b = &opt->sack[opt->sack_cnt++];
		b->start = read_be32(body);
		b->end = read_be32(body);
	}
}

/* RFC 7413 4.1.1: a cookie, or the request for one. */
static void parse_fastopen(struct tcp_options *opt, const uint8_t *data, size_t len, bool exp)
{
	bool is_cookie =
	    len >= TCP_FASTOPEN_COOKIE_MIN && len <= TCP_FASTOPEN_COOKIE_MAX && len % 2 == 0;
	if (len > 0 && !is_cookie)
		return;
	opt->has_tfo = true;
	opt->tfo_exp = exp;
	opt->tfo_len = (uint8_t)len;
	memcpy(opt->tfo, data, len);
}

/* RFC 7413 appendix A, RFC 6994: before it had a number it was told by a magic number. */
static void parse_experiment(struct tcp_options *opt, struct reader *body)
{
	if (read_be16(body) == FASTOPEN_EXPERIMENT && !body->failed)
		parse_fastopen(opt, body->p, reader_left(body), true);
}

/* RFC 5925 2.2: the code is what is left of the option. */
static void parse_ao(struct tcp_options *opt, struct reader *body)
{
	bool good = reader_left(body) > 2 && opt->auth == AUTH_NONE;
	opt->auth = good ? AUTH_AO : AUTH_BAD;
	opt->keyid = read_u8(body);
	opt->rnext = read_u8(body);
	opt->mac = body->p;
	opt->mac_len = (uint8_t)reader_left(body);
}

/* One option with its body; one of a wrong length is ignored (RFC 9293 3.2, MUST-6). */
static void parse_one(struct tcp_options *opt, uint8_t kind, const uint8_t *data, size_t len)
{
	struct reader body = reader_of(data, len);
	if (kind == OPT_MSS && len == 2) {
		opt->mss = read_be16(&body);
	} else if (kind == OPT_WSCALE && len == 1) {
		uint8_t shift = read_u8(&body);
		opt->has_wscale = true;
		/* RFC 7323 2.3: more than 14 counts as 14. */
		opt->wscale = shift > TCP_MAX_WSCALE ? TCP_MAX_WSCALE : shift;
	} else if (kind == OPT_SACK_PERMITTED && len == 0) {
		opt->sack_permitted = true;
	} else if (kind == OPT_SACK && len > 0 && len % 8 == 0) {
		parse_sack(opt, &body);
	} else if (kind == OPT_TIMESTAMPS && len == 8) {
		opt->has_ts = true;
		opt->tsval = read_be32(&body);
		opt->tsecr = read_be32(&body);
	} else if (kind == OPT_MD5) {
		bool good = len == MD5_BYTES && opt->auth == AUTH_NONE;
		opt->auth = good ? AUTH_MD5 : AUTH_BAD;
		opt->mac = data;
	} else if (kind == OPT_FASTOPEN) {
		parse_fastopen(opt, data, len, false);
	} else if (kind == OPT_EXPERIMENT) {
		parse_experiment(opt, &body);
	} else if (kind == OPT_AO) {
		parse_ao(opt, &body);
	}
}

bool tcp_options_parse(const uint8_t *p, size_t len, struct tcp_options *opt)
{
	struct reader r = reader_of(p, len);
	while (reader_left(&r) > 0) {
		uint8_t kind = read_u8(&r);
		if (kind == OPT_EOL)
			return true;
		if (kind == OPT_NOP)
			continue;
		uint8_t size = read_u8(&r);
		if (r.failed || size < 2)
			return false;
		const uint8_t *body = read_bytes(&r, size - 2u);
		if (!body)
			return false;
		parse_one(opt, kind, body, size - 2u);
	}
	return true;
}

static uint8_t *put_option(uint8_t *p, uint8_t kind, uint8_t len)
{
	return put_u8(put_u8(p, kind), len);
}

static uint8_t *put_nops(uint8_t *p, unsigned n)
{
	while (n-- > 0)
		p = put_u8(p, OPT_NOP);
	return p;
}

/* RFC 7323 appendix A: timestamps lie on a four-byte boundary; where SACK is to be permitted, that
 * is the padding. */
static uint8_t *put_timestamps(uint8_t *p, const struct tcp_options *opt)
{
	p = opt->sack_permitted ? put_option(p, OPT_SACK_PERMITTED, 2) : put_nops(p, 2);
	p = put_option(p, OPT_TIMESTAMPS, 10);
	return put_be32(put_be32(p, opt->tsval), opt->tsecr);
}

/* A signature comes first, so that who writes it last knows where it goes. */
static uint8_t *put_md5(uint8_t *p)
{
	p = put_option(put_nops(p, 2), OPT_MD5, 2 + MD5_BYTES);
	memset(p, 0, MD5_BYTES);
	return p + MD5_BYTES;
}

static uint8_t *put_ao(uint8_t *p, const struct tcp_options *opt)
{
	p = put_option(p, OPT_AO, (uint8_t)(4 + opt->mac_len));
	p = put_u8(put_u8(p, opt->keyid), opt->rnext);
	memset(p, 0, opt->mac_len);
	return put_nops(p + opt->mac_len, -opt->mac_len & 3u);
}

static uint8_t *put_sack(uint8_t *p, const struct tcp_options *opt, size_t room)
{
	unsigned n = opt->sack_cnt;
	while (n > 0 && 4 + 8 * n > room)
		n--;
	if (n == 0)
		return p;
	p = put_option(put_nops(p, 2), OPT_SACK, (uint8_t)(2 + 8 * n));
	for (unsigned i = 0; i < n; i++)
		p = put_be32(put_be32(p, opt->sack[i].start), opt->sack[i].end);
	return p;
}

/* Left out where there is no room for it. */
static uint8_t *put_fastopen(uint8_t *p, const struct tcp_options *opt, size_t room)
{
	unsigned len = (opt->tfo_exp ? 4u : 2u) + opt->tfo_len, pad = (4 - len % 4) % 4;
	if (!opt->has_tfo || len + pad > room)
		return p;
	p = put_option(p, opt->tfo_exp ? OPT_EXPERIMENT : OPT_FASTOPEN, (uint8_t)len);
	if (opt->tfo_exp)
		p = put_be16(p, FASTOPEN_EXPERIMENT);
	return put_nops(put_bytes(p, opt->tfo, opt->tfo_len), pad);
}

size_t tcp_options_write(uint8_t *to, const struct tcp_options *opt)
{
	uint8_t *p = to;
	if (opt->auth == AUTH_MD5)
		p = put_md5(p);
	else if (opt->auth == AUTH_AO)
		p = put_ao(p, opt);
	if (opt->mss)
		p = put_be16(put_option(p, OPT_MSS, 4), opt->mss);
	if (opt->has_ts)
		p = put_timestamps(p, opt);
	else if (opt->sack_permitted)
		p = put_option(put_nops(p, 2), OPT_SACK_PERMITTED, 2);
	if (opt->has_wscale)
		p = put_u8(put_option(put_nops(p, 1), OPT_WSCALE, 3), opt->wscale);
	p = put_fastopen(p, opt, TCP_OPTIONS_MAX_BYTES - (size_t)(p - to));
	p = put_sack(p, opt, TCP_OPTIONS_MAX_BYTES - (size_t)(p - to));
	return (size_t)(p - to);
}

uint8_t *tcp_header_write(uint8_t *to, uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack,
			  size_t hdr_len, uint8_t flags, uint16_t wnd, uint16_t urg)
{
	to = put_be16(to, sport);
	to = put_be16(to, dport);
	to = put_be32(to, seq);
	to = put_be32(to, ack);
	to = put_u8(to, (uint8_t)(hdr_len / 4 << 4));
	to = put_u8(to, flags);
	to = put_be16(to, wnd);
	to = put_be16(to, 0); /* checksum */
	return put_be16(to, urg);
}

static bool checksum_ok(const struct pkt *p, const struct ip_meta *m)
{
	uint32_t sum = csum_pseudo(&m->src, &m->dst, IPPROTO_TCP_, p->len);
	return p->csum_valid || csum_fold(csum_partial(p->data, p->len, sum)) == 0xffff;
}

/* RFC 9293 3.7.1, RFC 7323 2.2, RFC 2018 2 and 3: what only a SYN can say, and what it cannot. */
static void keep_what_belongs(struct tcp_options *opt, bool syn)
{
	if (syn) {
		opt->sack_cnt = 0;
		return;
	}
	opt->has_tfo = false;
	opt->mss = 0;
	opt->has_wscale = opt->sack_permitted = false;
	opt->wscale = 0;
}

bool tcp_segment_parse(struct tcp_segment *seg, struct pkt *p, const struct ip_meta *m, int *why)
{
	struct reader r = reader_of(p->data, p->len);
	memset(seg, 0, sizeof(*seg));
	seg->ip = *m;
	seg->pkt = p;
	seg->tcp_hdr = p->data;
	seg->sport = read_be16(&r);
	seg->dport = read_be16(&r);
	seg->seq = read_be32(&r);
	seg->ack = read_be32(&r);
	seg->tcp_hdr_len = (uint16_t)((read_u8(&r) >> 4) * 4);
	seg->flags = read_u8(&r);
	seg->wnd = read_be16(&r);
	read_be16(&r); /* checksum */
	seg->urg = read_be16(&r);
	if (r.failed || seg->tcp_hdr_len < TCP_HDR_BYTES || seg->tcp_hdr_len > p->len) {
		*why = DROP_TCP_HDR;
		return false;
	}
	if (!checksum_ok(p, m)) {
		*why = DROP_TCP_CSUM;
		return false;
	}
	*why = DROP_NONE;
	if (!tcp_options_parse(r.p, seg->tcp_hdr_len - (size_t)TCP_HDR_BYTES, &seg->opt))
		*why = DROP_TCP_OPTIONS;
	if (*why != DROP_NONE && seg->opt.auth != AUTH_NONE)
		seg->opt.auth = AUTH_BAD;
	keep_what_belongs(&seg->opt, seg->flags & TCP_SYN);
	pkt_pull(p, seg->tcp_hdr_len);
	seg->end_seq =
	    seg->seq + p->len + (seg->flags & TCP_SYN ? 1 : 0) + (seg->flags & TCP_FIN ? 1 : 0);
	p->seq = seg->seq + (seg->flags & TCP_SYN ? 1 : 0);
	return true;
}
