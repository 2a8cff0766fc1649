/* SPDX-License-Identifier: MIT */
#include "tests/unit/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"

#define PEER_ISS 0xfffff000u /* near the wrap: sequence arithmetic is modulo 2^32 */
#define LINE_MAX_BYTES 512
#define PAYLOAD_MAX_BYTES 66000
#define FLAGS "FSRP.UEW"
#define OPT_MD5 19
#define OPT_AO 29

uint8_t wire_pattern(uint32_t relative_seq)
{
	return (uint8_t)(relative_seq * 37 + (relative_seq >> 8) * 11);
}

/* --- the notation ---------------------------------------------------------------------------- */

/* What one line says. */
struct script {
	uint32_t seq, len, ack;
	uint16_t win, urg;
	uint8_t flags;
	bool has_ack, has_win, has_urg;
	bool any_tsval, any_tsecr, any_cookie;
	bool no_ts, no_sack, no_mss, no_wscale, no_sackok, no_md5, no_fo, no_ao, bad_ao;
	char md5_key[81];
	struct tcp_options opt;
	char line[LINE_MAX_BYTES];
};

static uint8_t parse_flags(const char *word)
{
	uint8_t flags = 0;
	for (; *word && *word != '-'; word++) {
		const char *at = strchr(FLAGS, *word);
		ck_assert_msg(at != NULL, "unknown flag %c", *word);
		flags |= (uint8_t)(1u << (at - FLAGS));
	}
	return flags;
}

static void parse_ts(struct script *s, const char *word)
{
	char val[16], ecr[16];
	ck_assert_int_eq(sscanf(word, "ts %15s %15s", val, ecr), 2);
	s->opt.has_ts = true;
	s->any_tsval = val[0] == '*';
	s->any_tsecr = ecr[0] == '*';
	s->opt.tsval = (uint32_t)strtoul(val, NULL, 10);
	s->opt.tsecr = (uint32_t)strtoul(ecr, NULL, 10);
}

static void parse_sack(struct script *s, const char *word)
{
	for (const char *at = strchr(word, ' '); at; at = strchr(at + 1, ' ')) {
		struct sack_block b;
		ck_assert_int_eq(sscanf(at, " %u:%u", &b.start, &b.end), 2);
		s->opt.sack[s->opt.sack_cnt++] = b;
	}
}

static void parse_cookie(struct script *s, const char *hex)
{
	unsigned byte;
	s->opt.has_tfo = true;
	s->any_cookie = *hex == '*';
	while (sscanf(hex, "%2x", &byte) == 1) {
		ck_assert_uint_lt(s->opt.tfo_len, sizeof(s->opt.tfo));
		s->opt.tfo[s->opt.tfo_len++] = (uint8_t)byte;
		hex += 2;
	}
}

/* Of what must be absent, or wrong. */
static bool parse_negation(struct script *s, const char *word)
{
	const struct {
		const char *word;
		bool *what;
	} table[] = {
	    {"no-ts", &s->no_ts},	  {"no-sack", &s->no_sack},	{"no-mss", &s->no_mss},
	    {"no-wscale", &s->no_wscale}, {"no-sackOK", &s->no_sackok}, {"no-FO", &s->no_fo},
	    {"no-md5", &s->no_md5},	  {"no-ao", &s->no_ao},		{"bad-ao", &s->bad_ao},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(word, table[i].word) == 0)
			return *table[i].what = true;
	return false;
}

static void parse_option(struct script *s, const char *word)
{
	unsigned n = 0;
	if (strncmp(word, "ts ", 3) == 0) {
		parse_ts(s, word);
	} else if (strncmp(word, "sack ", 5) == 0) {
		parse_sack(s, word);
	} else if (sscanf(word, "mss %u", &n) == 1) {
		s->opt.mss = (uint16_t)n;
	} else if (sscanf(word, "wscale %u", &n) == 1) {
		s->opt.has_wscale = true;
		s->opt.wscale = (uint8_t)n;
	} else if (strcmp(word, "FO") == 0 || strncmp(word, "FO ", 3) == 0) {
		parse_cookie(s, word[2] ? word + 3 : "");
	} else if (strcmp(word, "sackOK") == 0) {
		s->opt.sack_permitted = true;
	} else if (sscanf(word, "md5 %80s", s->md5_key) == 1) {
		s->no_md5 = false;
	} else if (!parse_negation(s, word)) {
		ck_assert_msg(!*word || strcmp(word, "nop") == 0 || strcmp(word, "eol") == 0,
			      "unknown option '%s'", word);
	}
}

static void parse_options(struct script *s, char *list)
{
	char *save = NULL;
	for (char *word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		while (*word == ' ')
			word++;
		parse_option(s, word);
	}
}

static void parse_fields(struct script *s, char *text)
{
	char *save = NULL;
	unsigned end;
	s->flags = parse_flags(strtok_r(text, " ", &save));
	const char *range = strtok_r(NULL, " ", &save);
	ck_assert_msg(range && sscanf(range, "%u:%u(%u)", &s->seq, &end, &s->len) == 3,
		      "no sequence numbers in '%s'", s->line);
	ck_assert_msg(end - s->seq == s->len, "'%s' does not add up", s->line);
	for (char *key; (key = strtok_r(NULL, " ", &save));) {
		const char *value = strtok_r(NULL, " ", &save);
		ck_assert_msg(value != NULL, "no value of %s in '%s'", key, s->line);
		uint32_t n = (uint32_t)strtoul(value, NULL, 10);
		if (strcmp(key, "ack") == 0) {
			s->has_ack = true;
			s->ack = n;
		} else if (strcmp(key, "win") == 0) {
			s->has_win = true;
			s->win = (uint16_t)n;
		} else if (strcmp(key, "urg") == 0) {
			s->has_urg = true;
			s->urg = (uint16_t)n;
		} else {
			ck_abort_msg("unknown field %s in '%s'", key, s->line);
		}
	}
}

static void parse_script(struct script *s, const char *fmt, va_list args)
{
	char text[LINE_MAX_BYTES];
	memset(s, 0, sizeof(*s));
	ck_assert_int_lt(vsnprintf(s->line, sizeof(s->line), fmt, args), LINE_MAX_BYTES);
	memcpy(text, s->line, sizeof(text));
	char *options = strchr(text, '<');
	if (options) {
		*options++ = '\0';
		char *close = strchr(options, '>');
		ck_assert_msg(close != NULL, "no '>' in '%s'", s->line);
		*close = '\0';
		parse_options(s, options);
	}
	parse_fields(s, text);
}

/* --- in -------------------------------------------------------------------------------------- */

static uint8_t *put_options(const struct wire *w, uint8_t *p, const struct tcp_options *o)
{
	uint8_t *start = p;
	if (o->mss)
		p = put_be16(put_be16(p, 0x0204), o->mss);
	if (o->sack_permitted)
		p = put_be16(p, 0x0402);
	if (o->has_wscale)
		p = put_u8(put_be16(p, 0x0303), o->wscale);
	if (o->has_ts)
		p = put_be32(put_be32(put_be16(p, 0x080a), o->tsval), o->tsecr);
	if (o->sack_cnt) {
		p = put_u8(put_u8(p, 5), (uint8_t)(2 + 8 * o->sack_cnt));
		for (unsigned i = 0; i < o->sack_cnt; i++) {
			p = put_be32(p, w->at->iss + o->sack[i].start);
			p = put_be32(p, w->at->iss + o->sack[i].end);
		}
	}
	if (o->has_tfo)
		p = put_bytes(put_u8(put_u8(p, 34), (uint8_t)(2 + o->tfo_len)), o->tfo, o->tfo_len);
	while ((p - start) % 4)
		p = put_u8(p, 1);
	return p;
}

static void add_timestamp(struct wire *w, struct script *s)
{
	if (s->flags & TCP_SYN)
		w->at->ts = s->opt.has_ts;
	if (w->at->ts && !s->opt.has_ts && !s->no_ts && !(s->flags & TCP_RST)) {
		s->opt.has_ts = true;
		s->opt.tsval = tcp_ts_clock_ms(stack_now_us(w->st));
		s->opt.tsecr = w->at->last_tsval;
	}
}

/* NULL: unsigned. */
static const char *md5_key_of(const struct wire *w, const struct script *s)
{
	if (s->no_md5)
		return NULL;
	return s->md5_key[0] ? s->md5_key : w->at->md5_key;
}

static uint8_t *put_ao(uint8_t *p, const struct sign_ao *ao)
{
	uint8_t *start = p;
	p = put_u8(put_u8(p, OPT_AO), (uint8_t)(4 + ao->mac_len));
	p = put_u8(put_u8(p, ao->keyid), ao->rnext);
	memset(p, 0, ao->mac_len);
	p += ao->mac_len;
	while ((p - start) % 4)
		p = put_u8(p, 1);
	return p;
}

/* How often the sequence numbers have wrapped (RFC 5925 6.2). */
static uint32_t sne_of(uint32_t isn, uint32_t relative)
{
	return (uint32_t)(((uint64_t)isn + relative) >> 32);
}

static bool is_first_syn(uint8_t flags)
{
	return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static void sign_in(const struct wire_flow *flow, const struct sign_ao *ao, const struct script *s,
		    uint8_t *tcp, size_t len)
{
	uint8_t *mac = tcp + TCP_HDR_BYTES + 4;
	sign_ao(mac, ao, PEER_V4, HOST_V4, tcp, len, flow->peer_iss,
		is_first_syn(s->flags) ? 0 : flow->iss, sne_of(flow->peer_iss, s->seq));
	if (s->bad_ao)
		mac[0] ^= 1;
}

static void put_in(struct wire *w, struct script *s)
{
	static uint8_t frame[PAYLOAD_MAX_BYTES + 200], tcp[PAYLOAD_MAX_BYTES + 100];
	struct ip_addr src = ip_v4(PEER_V4), dst = ip_v4(HOST_V4);
	struct wire_flow *flow = w->at;
	add_timestamp(w, s);
	const char *key = md5_key_of(w, s);
	uint8_t *p = tcp + TCP_HDR_BYTES;
	if (key)
		p = put_bytes(put_be32(p, 0x01011312), tcp, SIGN_MD5_BYTES);
	const struct sign_ao *ao = s->no_ao ? NULL : flow->ao;
	if (ao)
		p = put_ao(p, ao);
	p = put_options(w, p, &s->opt);
	size_t hdr_len = (size_t)(p - tcp), len = hdr_len + s->len;
	put_be16(put_be16(tcp, flow->peer_port), flow->port);
	put_be32(tcp + 4, flow->peer_iss + s->seq);
	put_be32(tcp + 8, s->has_ack ? flow->iss + s->ack : 0);
	put_u8(put_u8(tcp + 12, (uint8_t)(hdr_len / 4 << 4)), s->flags);
	put_be16(put_be16(put_be16(tcp + 14, s->win), 0), s->urg);
	for (uint32_t i = 0; i < s->len; i++)
		p[i] = wire_pattern(s->seq + (s->flags & TCP_SYN ? 1 : 0) + i);
	if (key)
		sign_md5(tcp + TCP_HDR_BYTES + 4, PEER_V4, HOST_V4, tcp, len, key);
	if (ao)
		sign_in(flow, ao, s, tcp, len);
	uint32_t sum = csum_pseudo(&src, &dst, IPPROTO_TCP_, (uint32_t)len);
	put_be16(tcp + 16, csum_finish(csum_partial(tcp, len, sum)));
	struct ipv4_spec spec = {.proto = IPPROTO_TCP_, .tos = w->tos, .frag = IPV4_DF};
	size_t frame_len = frame_ipv4(frame, &spec, tcp, len);
	struct pkt *pkt = pkt_alloc(stack_pkt_pool(w->st), frame_len);
	ck_assert_ptr_nonnull(pkt);
	memcpy(pkt->buf, frame, frame_len);
	pkt->len = (uint32_t)frame_len;
	pkt->gso_size = w->gso_size;
	stack_input(w->st, pkt);
}

void wire_in_batch(struct wire *w, const char *fmt, ...)
{
	struct script s;
	va_list args;
	va_start(args, fmt);
	parse_script(&s, fmt, args);
	va_end(args);
	put_in(w, &s);
}

void wire_in(struct wire *w, const char *fmt, ...)
{
	struct script s;
	va_list args;
	va_start(args, fmt);
	parse_script(&s, fmt, args);
	va_end(args);
	put_in(w, &s);
	wire_flush(w);
}

uint32_t wire_next_seq(const struct wire *w)
{
	return w->sk->rcv_nxt - w->at->peer_iss;
}

uint32_t wire_right_edge(const struct wire *w)
{
	return wire_next_seq(w) + tcp_receive_window(w->sk);
}

void wire_data_in(struct wire *w, uint32_t len)
{
	uint32_t seq = wire_next_seq(w);
	wire_in(w, ". %u:%u(%u) ack %u win 500", seq, seq + len, len, w->sk->snd_una - w->at->iss);
}

void wire_flush(struct wire *w)
{
	stack_flush(w->st);
}

void wire_icmp(struct wire *w, uint8_t type, uint8_t code, uint16_t mtu, uint32_t seq)
{
	uint8_t frame[256], quoted[64], message[128];
	ipv4_header_write(quoted, 1500, 1, IPV4_DF, 64, 0, IPPROTO_TCP_, HOST_V4, PEER_V4);
	uint8_t *p = put_be16(put_be16(quoted + IPV4_HDR_BYTES, w->at->port), w->at->peer_port);
	p = put_be32(put_be32(p, w->at->iss + seq), 0);
	size_t len = icmp_message(message, type, code, mtu, quoted, (size_t)(p - quoted));
	struct ipv4_spec spec = {.proto = IPPROTO_ICMP_};
	host_input(w->h, frame, frame_ipv4(frame, &spec, message, len));
}

/* --- out ------------------------------------------------------------------------------------- */

static void read_options(struct reader r, struct tcp_options *o)
{
	while (reader_left(&r) > 0) {
		uint8_t kind = read_u8(&r);
		if (kind == 0)
			return;
		if (kind == 1)
			continue;
		uint8_t len = read_u8(&r);
		ck_assert_uint_ge(len, 2);
		struct reader body = reader_of(read_bytes(&r, len - 2u), len - 2u);
		ck_assert(!r.failed);
		if (kind == 2) {
			o->mss = read_be16(&body);
		} else if (kind == 3) {
			o->has_wscale = true;
			o->wscale = read_u8(&body);
		} else if (kind == 4) {
			o->sack_permitted = true;
		} else if (kind == 5) {
			for (; reader_left(&body) >= 8; o->sack_cnt++) {
				o->sack[o->sack_cnt].start = read_be32(&body);
				o->sack[o->sack_cnt].end = read_be32(&body);
			}
		} else if (kind == 8) {
			o->has_ts = true;
			o->tsval = read_be32(&body);
			o->tsecr = read_be32(&body);
		} else if (kind == 34) {
			ck_assert_uint_le(len - 2u, sizeof(o->tfo));
			o->has_tfo = true;
			o->tfo_len = (uint8_t)(len - 2u);
			memcpy(o->tfo, body.p, o->tfo_len);
		}
	}
}

static struct wire_flow *find_flow(struct wire *w, uint16_t port, uint16_t peer_port)
{
	for (unsigned i = 0; i < w->flows; i++) {
		struct wire_flow *f = &w->flow[i];
		if (f->peer_port == peer_port && (f->port == port || f->port == 0))
			return f;
	}
	return NULL;
}

/* Absolute to relative; learns what a SYN says. */
static void relate(struct wire *w, struct wire_segment *s)
{
	struct wire_flow *flow = find_flow(w, s->sport, s->dport);
	if (!flow)
		return;
	if (s->flags & TCP_SYN) {
		flow->iss = s->seq;
		flow->port = s->sport;
	}
	if (s->opt.has_ts)
		flow->last_tsval = s->opt.tsval;
	s->seq -= flow->iss;
	if (s->flags & TCP_ACK)
		s->ack -= flow->peer_iss;
	for (unsigned i = 0; i < s->opt.sack_cnt; i++) {
		s->opt.sack[i].start -= flow->peer_iss;
		s->opt.sack[i].end -= flow->peer_iss;
	}
}

static void check_checksum(const struct sent_frame *f, const uint8_t *tcp, size_t len)
{
	struct ip_addr src = ip_v4(be32_of(tcp - 8)), dst = ip_v4(be32_of(tcp - 4));
	if (f->meta.csum_partial)
		return;
	uint32_t sum = csum_pseudo(&src, &dst, IPPROTO_TCP_, (uint32_t)len);
	ck_assert_uint_eq(csum_finish(csum_partial(tcp, len, sum)), 0);
}

static void read_segment(struct wire *w, const struct sent_frame *f, struct wire_segment *s)
{
	const uint8_t *tcp = f->data + ETHERNET_HDR_BYTES + IPV4_HDR_BYTES;
	size_t len = f->len - (size_t)(tcp - f->data);
	struct reader r = reader_of(tcp, len);
	memset(s, 0, sizeof(*s));
	check_checksum(f, tcp, len);
	s->tos = f->data[ETHERNET_HDR_BYTES + 1];
	s->ttl = f->data[ETHERNET_HDR_BYTES + 8];
	s->df = be16_of(f->data + ETHERNET_HDR_BYTES + 6) & IPV4_DF;
	s->gso_size = f->meta.gso_size;
	s->sport = read_be16(&r);
	s->dport = read_be16(&r);
	s->seq = read_be32(&r);
	s->ack = read_be32(&r);
	size_t hdr_len = (read_u8(&r) >> 4) * 4u;
	s->flags = read_u8(&r);
	s->win = read_be16(&r);
	(void)read_be16(&r);
	s->urg = read_be16(&r);
	ck_assert_uint_ge(hdr_len, TCP_HDR_BYTES);
	const uint8_t *options = read_bytes(&r, hdr_len - TCP_HDR_BYTES);
	ck_assert(!r.failed);
	read_options(reader_of(options, hdr_len - TCP_HDR_BYTES), &s->opt);
	s->tcp = tcp;
	s->tcp_len = len;
	s->payload = r.p;
	s->len = (uint32_t)reader_left(&r);
	relate(w, s);
}

bool wire_next(struct wire *w, struct wire_segment *s)
{
	const struct sent_frame *f;
	while ((f = host_sent(w->h))) {
		if (!is_ipv4(f, IPPROTO_TCP_))
			continue;
		read_segment(w, f, s);
		return true;
	}
	return false;
}

static void describe(char *to, size_t cap, const struct wire_segment *s)
{
	char flags[16] = "", options[200] = "";
	for (size_t i = 0, n = 0; i < sizeof(FLAGS) - 1; i++)
		if (s->flags >> i & 1)
			flags[n++] = FLAGS[i];
	size_t n = 0;
	if (s->opt.mss)
		n += (size_t)snprintf(options + n, sizeof(options) - n, "mss %u,", s->opt.mss);
	if (s->opt.has_wscale)
		n +=
		    (size_t)snprintf(options + n, sizeof(options) - n, "wscale %u,", s->opt.wscale);
	if (s->opt.sack_permitted)
		n += (size_t)snprintf(options + n, sizeof(options) - n, "sackOK,");
	if (s->opt.has_ts)
		n += (size_t)snprintf(options + n, sizeof(options) - n, "ts %u %u,", s->opt.tsval,
				      s->opt.tsecr);
	for (unsigned i = 0; i < s->opt.sack_cnt; i++)
		n += (size_t)snprintf(options + n, sizeof(options) - n, "%s%u:%u",
				      i ? " " : "sack ", s->opt.sack[i].start, s->opt.sack[i].end);
	if (s->opt.has_tfo)
		n += (size_t)snprintf(options + n, sizeof(options) - n, ",FO");
	for (unsigned i = 0; i < s->opt.tfo_len; i++)
		n += (size_t)snprintf(options + n, sizeof(options) - n, i ? "%02x" : " %02x",
				      s->opt.tfo[i]);
	snprintf(to, cap, "%s %u:%u(%u) ack %u win %u urg %u <%s>", flags[0] ? flags : "-", s->seq,
		 s->seq + s->len, s->len, s->ack, s->win, s->urg, options);
}

static bool same_sacks(const struct tcp_options *a, const struct tcp_options *b)
{
	return a->sack_cnt == b->sack_cnt &&
	       memcmp(a->sack, b->sack, a->sack_cnt * sizeof(a->sack[0])) == 0;
}

static bool same_cookie(const struct script *s, const struct tcp_options *got)
{
	if (!got->has_tfo)
		return false;
	return s->any_cookie ? got->tfo_len > 0
			     : got->tfo_len == s->opt.tfo_len &&
				   memcmp(got->tfo, s->opt.tfo, got->tfo_len) == 0;
}

static bool same_options(const struct script *s, const struct tcp_options *got)
{
	const struct tcp_options *o = &s->opt;
	if ((s->no_ts && got->has_ts) || (s->no_sack && got->sack_cnt) || (s->no_mss && got->mss) ||
	    (s->no_wscale && got->has_wscale) || (s->no_sackok && got->sack_permitted) ||
	    (s->no_fo && got->has_tfo))
		return false;
	if (o->has_ts && (!got->has_ts || (!s->any_tsval && got->tsval != o->tsval) ||
			  (!s->any_tsecr && got->tsecr != o->tsecr)))
		return false;
	if (o->has_tfo && !same_cookie(s, got))
		return false;
	if (o->has_wscale && (!got->has_wscale || got->wscale != o->wscale))
		return false;
	return (!o->mss || got->mss == o->mss) && (!o->sack_cnt || same_sacks(o, got)) &&
	       (!o->sack_permitted || got->sack_permitted);
}

static bool same(const struct wire *w, const struct script *s, const struct wire_segment *got)
{
	return got->dport == w->at->peer_port && got->sport == w->at->port &&
	       s->flags == got->flags && s->seq == got->seq && s->len == got->len &&
	       (!s->has_ack || s->ack == got->ack) && (!s->has_win || s->win == got->win) &&
	       (!s->has_urg || s->urg == got->urg) && same_options(s, &got->opt);
}

static void check_md5(const struct wire *w, const struct script *s, const struct wire_segment *got)
{
	uint8_t mac[SIGN_MD5_BYTES];
	size_t len = 0;
	const char *key = md5_key_of(w, s);
	const uint8_t *option = sign_find_option(got->tcp, got->tcp_len, OPT_MD5, &len);
	if (s->no_md5)
		ck_assert_msg(!option, "signed, expected '%s'", s->line);
	if (!key)
		return;
	ck_assert_msg(option != NULL, "not signed, expected '%s'", s->line);
	ck_assert_uint_eq(len, sizeof(mac));
	sign_md5(mac, HOST_V4, PEER_V4, got->tcp, got->tcp_len, key);
	ck_assert_mem_eq(option, mac, sizeof(mac));
}

/* The stack's KeyID is what the peer asked for, and it asks for what the peer uses. */
static void check_ao(const struct wire *w, const struct script *s, const struct wire_segment *got)
{
	uint8_t mac[SIGN_AO_MAX_BYTES];
	size_t len = 0;
	const struct sign_ao *ao = w->at->ao;
	const uint8_t *option = sign_find_option(got->tcp, got->tcp_len, OPT_AO, &len);
	if (!ao || s->no_ao) {
		ck_assert_msg(!option, "signed, expected '%s'", s->line);
		return;
	}
	ck_assert_msg(option != NULL, "not signed, expected '%s'", s->line);
	ck_assert_uint_eq(len, 2u + ao->mac_len);
	ck_assert_uint_eq(option[0], ao->rnext);
	ck_assert_uint_eq(option[1], ao->keyid);
	sign_ao(mac, ao, HOST_V4, PEER_V4, got->tcp, got->tcp_len, w->at->iss,
		is_first_syn(got->flags) ? 0 : w->at->peer_iss, sne_of(w->at->iss, got->seq));
	ck_assert_mem_eq(option + 2, mac, ao->mac_len);
}

static void expect(struct wire *w, const struct script *s)
{
	struct wire_segment got;
	char line[LINE_MAX_BYTES];
	ck_assert_msg(wire_next(w, &got), "nothing was sent, expected '%s'", s->line);
	describe(line, sizeof(line), &got);
	ck_assert_msg(same(w, s, &got), "sent '%s' (port %u to %u), expected '%s'", line, got.sport,
		      got.dport, s->line);
	check_md5(w, s, &got);
	check_ao(w, s, &got);
	for (uint32_t i = 0; i < got.len; i++)
		ck_assert_uint_eq(got.payload[i],
				  wire_pattern(got.seq + (got.flags & TCP_SYN ? 1 : 0) + i));
}

void wire_out(struct wire *w, const char *fmt, ...)
{
	struct script s;
	va_list args;
	va_start(args, fmt);
	parse_script(&s, fmt, args);
	va_end(args);
	expect(w, &s);
}

void wire_out_between(struct wire *w, uint64_t from_ms, uint64_t to_ms, const char *fmt, ...)
{
	struct script s;
	va_list args;
	va_start(args, fmt);
	parse_script(&s, fmt, args);
	va_end(args);
	wire_out_none(w);
	wire_us(w, from_ms * 1000 - 1);
	wire_out_none(w);
	wire_us(w, (to_ms - from_ms) * 1000 + 1);
	expect(w, &s);
}

void wire_out_none(struct wire *w)
{
	struct wire_segment got;
	char line[LINE_MAX_BYTES];
	if (!wire_next(w, &got))
		return;
	describe(line, sizeof(line), &got);
	ck_abort_msg("sent '%s', expected nothing", line);
}

void wire_out_forget(struct wire *w)
{
	struct wire_segment got;
	while (wire_next(w, &got))
		;
}

/* --- time ------------------------------------------------------------------------------------ */

void wire_us(struct wire *w, uint64_t us)
{
	host_advance(w->h, us);
}

void wire_ms(struct wire *w, uint64_t ms)
{
	host_advance(w->h, ms * 1000);
}

/* --- the stack --------------------------------------------------------------- */

struct stack_config wire_config(void)
{
	struct stack_config config = host_config();
	config.tso_max_bytes = 0;
	config.tx_csum_offload = false;
	return config;
}

struct wire *wire_new_with(const struct stack_config *config)
{
	struct wire *w = calloc(1, sizeof(*w));
	w->h = host_new_with(config, true);
	w->st = w->h->st;
	wire_use(w, WIRE_PORT, WIRE_PEER_PORT);
	return w;
}

struct wire *wire_new(void)
{
	struct stack_config config = wire_config();
	return wire_new_with(&config);
}

void wire_free(struct wire *w)
{
	host_free(w->h);
	free(w);
}

void wire_use(struct wire *w, uint16_t port, uint16_t peer_port)
{
	w->at = find_flow(w, port, peer_port);
	if (w->at)
		return;
	ck_assert_uint_lt(w->flows, WIRE_FLOWS_MAX);
	w->at = &w->flow[w->flows++];
	*w->at = (struct wire_flow){.port = port, .peer_port = peer_port, .peer_iss = PEER_ISS};
}
