/* SPDX-License-Identifier: MIT */
/*
 * What a NIC does for a frame that leaves its checksum or its cutting to the link, in software:
 * for links that model single packets (impairment, simulation, capture).
 *
 * Each piece repeats the headers; IPv4's length, identification and checksum and TCP's sequence
 * number and checksum are made anew; FIN and PSH stay on the last piece, CWR on the first.
 */
#include <string.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/link/impair.h"
#include "stack/stack_impl.h"

#define ETHERNET_HDR_BYTES 14

static void gather(const struct frame_out *f, size_t offset, uint8_t *to, size_t n)
{
	for (int i = 0; i < f->iovcnt && n > 0; i++) {
		size_t have = f->iov[i].iov_len;
		if (offset >= have) {
			offset -= have;
			continue;
		}
		size_t take = have - offset < n ? have - offset : n;
		memcpy(to, (const uint8_t *)f->iov[i].iov_base + offset, take);
		to += take;
		n -= take;
		offset = 0;
	}
}

static uint16_t be16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32_at(const uint8_t *p)
{
	return (uint32_t)be16_at(p) << 16 | be16_at(p + 2);
}

static void finish_l4_checksum(uint8_t *frame, size_t len, const struct frame_out *f)
{
	uint8_t *ip = frame + ETHERNET_HDR_BYTES;
	struct ip_addr src = ip_v4(be32_at(ip + 12)), dst = ip_v4(be32_at(ip + 16));
	uint8_t *l4 = frame + f->csum_start;
	size_t l4_len = len - f->csum_start;
	put_be16(l4 + f->csum_offset, 0);
	uint32_t sum = csum_pseudo(&src, &dst, ip[9], (uint32_t)l4_len);
	put_be16(l4 + f->csum_offset, csum_finish(csum_partial(l4, l4_len, sum)));
}

/* Rewrites the copied headers for the piece at `offset` of the payload. */
static void fix_headers(uint8_t *frame, size_t len, const struct frame_out *f, size_t offset,
			unsigned index, bool last)
{
	uint8_t *ip = frame + ETHERNET_HDR_BYTES, *tcp = frame + f->csum_start;
	put_be16(ip + 2, (uint16_t)(len - ETHERNET_HDR_BYTES));
	put_be16(ip + 4, (uint16_t)(be16_at(ip + 4) + index));
	put_be16(ip + 10, 0);
	put_be16(ip + 10, csum_finish(csum_partial(ip, (ip[0] & 15u) * 4, 0)));
	put_be32(tcp + 4, be32_at(tcp + 4) + (uint32_t)offset);
	if (!last)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (index > 0)
		tcp[13] &= (uint8_t)~TCP_CWR;
}

bool frame_segment(const struct frame_out *f,
		   void (*emit)(void *ctx, const uint8_t *frame, size_t len), void *ctx)
{
	uint8_t buf[PKT_LARGE_BYTES];
	size_t payload = f->len - f->hdr_len;
	size_t piece = f->gso_size ? f->gso_size : payload;
	unsigned index = 0;
	size_t offset = 0;
	if (f->len > sizeof(buf) || f->hdr_len > f->len)
		return false;
	if ((f->gso_size || f->csum_partial) &&
	    (f->csum_start < ETHERNET_HDR_BYTES + IPV4_HDR_BYTES ||
	     f->csum_start + TCP_HDR_BYTES > f->hdr_len))
		return false;
	memset(buf, 0, f->hdr_len);
	do {
		size_t n = payload - offset < piece ? payload - offset : piece;
		size_t len = f->hdr_len + n;
		gather(f, 0, buf, f->hdr_len);
		gather(f, f->hdr_len + offset, buf + f->hdr_len, n);
		if (f->gso_size)
			fix_headers(buf, len, f, offset, index, offset + n == payload);
		if (f->csum_partial)
			finish_l4_checksum(buf, len, f);
		emit(ctx, buf, len);
		offset += n;
		index++;
	} while (offset < payload);
	return true;
}

/* The headers of a TCP segment in IPv4 that is no fragment; what follows the packet is padding. */
static bool describe_tcp(struct frame_out *f, const struct pkt *p)
{
	struct reader r = reader_of(p->data, p->len);
	read_bytes(&r, 12);
	uint16_t type = read_be16(&r);
	const uint8_t *ip = read_bytes(&r, IPV4_HDR_BYTES);
	if (type != 0x0800 || !ip || ip[9] != IPPROTO_TCP_ || (be16_at(ip + 6) & 0x3fff))
		return false;
	size_t ip_len = (ip[0] & 15u) * 4, total = be16_at(ip + 2);
	if (ip_len < IPV4_HDR_BYTES || total > p->len - ETHERNET_HDR_BYTES)
		return false;
	read_bytes(&r, ip_len - IPV4_HDR_BYTES);
	const uint8_t *tcp = read_bytes(&r, TCP_HDR_BYTES);
	size_t tcp_len = tcp ? (tcp[12] >> 4) * 4u : 0;
	if (tcp_len < TCP_HDR_BYTES || ip_len + tcp_len > total)
		return false;
	f->len = f->iov[0].iov_len = ETHERNET_HDR_BYTES + total;
	f->hdr_len = (uint16_t)(ETHERNET_HDR_BYTES + ip_len + tcp_len);
	f->csum_start = (uint16_t)(ETHERNET_HDR_BYTES + ip_len);
	f->csum_offset = 16;
	f->csum_partial = true;
	return true;
}

bool frame_describe(struct frame_out *f, const struct pkt *p)
{
	*f = (struct frame_out){.iov[0] = {p->data, p->len}, .iovcnt = 1, .len = p->len};
	if (!p->gso_size && !p->csum_valid)
		return true;
	f->gso_size = p->gso_size;
	return describe_tcp(f, p) || !p->gso_size;
}
