/* SPDX-License-Identifier: MIT */
/*
 * What lies between the links and is more than delay and loss: a router whose next hop has a smaller
 * MTU from some moment on, and ghosts.
 *
 * Theory of operation
 *   - A frame that is too large is dropped and answered with "fragmentation needed" (RFC 1191), which
 *     comes back over the same bad link. A black hole drops it and says nothing.
 *   - A ghost is a segment of a former wrap of the sequence space (RFC 7323 5.3): in the window,
 *     an old timestamp, other bytes. It follows the segment it was made from. What it
 *     carries must never reach a program.
 */
#include <string.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/tcp/tcp_impl.h"
#include "tests/sim/sim.h"

#define ETH_BYTES 14u
#define GHOST_AGE_MS (1u << 30) /* twelve days */

/* Where things are in a frame that carries TCP over IPv4; false for any other. */
struct tcp_frame {
	uint8_t *ip, *tcp, *options, *payload;
	size_t ip_bytes, tcp_bytes, payload_bytes;
};

static bool find_tcp(uint8_t *frame, size_t len, struct tcp_frame *f)
{
	struct reader r = reader_of(frame, len);
	read_bytes(&r, ETH_BYTES - 2);
	if (read_be16(&r) != 0x0800 || reader_left(&r) < IPV4_HDR_BYTES)
		return false;
	f->ip = frame + ETH_BYTES;
	f->tcp = f->ip + IPV4_HDR_BYTES;
	f->ip_bytes = (size_t)(f->ip[2] << 8 | f->ip[3]);
	if (f->ip[0] != 0x45 || f->ip[9] != IPPROTO_TCP_ || f->ip_bytes > len - ETH_BYTES ||
	    f->ip_bytes < IPV4_HDR_BYTES + TCP_HDR_BYTES)
		return false;
	f->tcp_bytes = (size_t)(f->tcp[12] >> 4) * 4;
	if (f->tcp_bytes < TCP_HDR_BYTES || IPV4_HDR_BYTES + f->tcp_bytes > f->ip_bytes)
		return false;
	f->options = f->tcp + TCP_HDR_BYTES;
	f->payload = f->tcp + f->tcp_bytes;
	f->payload_bytes = f->ip_bytes - IPV4_HDR_BYTES - f->tcp_bytes;
	return true;
}

static void finish_tcp_checksum(struct tcp_frame *f)
{
	size_t len = f->ip_bytes - IPV4_HDR_BYTES;
	struct reader r = reader_of(f->ip + 12, 8);
	struct ip_addr src = ip_v4(read_be32(&r)), dst = ip_v4(read_be32(&r));
	put_be16(f->tcp + 16, 0);
	uint32_t sum =
	    csum_partial(f->tcp, len, csum_pseudo(&src, &dst, IPPROTO_TCP_, (uint32_t)len));
	put_be16(f->tcp + 16, csum_finish(sum));
}

/* The timestamp option where everybody puts it: NOP NOP TS. */
static uint8_t *tsval_of(const struct tcp_frame *f)
{
	static const uint8_t begins[4] = {1, 1, 8, 10};
	if (f->tcp_bytes < TCP_HDR_BYTES + 12 || memcmp(f->options, begins, sizeof(begins)) != 0)
		return NULL;
	return f->options + 4;
}

static void input(struct host *to, const uint8_t *frame, size_t len)
{
	struct pkt *p = pkt_alloc(stack_pkt_pool(to->stack), len);
	if (!p)
		return; /* no memory: as if it were lost */
	memcpy(p->data, frame, len);
	p->len = (uint32_t)len;
	stack_input(to->stack, p);
}

static void maybe_ghost(struct sim *sim, struct host *to, const uint8_t *frame, size_t len)
{
	uint8_t ghost[10000];
	struct tcp_frame f;
	if (sim->ghost_ppm == 0 || sim_pick(sim, 1000000) >= sim->ghost_ppm || len > sizeof(ghost))
		return;
	memcpy(ghost, frame, len);
	if (!find_tcp(ghost, len, &f) || f.payload_bytes == 0 || (f.tcp[13] & (TCP_SYN | TCP_RST)))
		return;
	uint8_t *ts = tsval_of(&f);
	if (!ts)
		return;
	struct reader r = reader_of(ts, 4), s = reader_of(f.tcp + 4, 4);
	put_be32(ts, read_be32(&r) - GHOST_AGE_MS);
	put_be32(f.tcp + 4, read_be32(&s) + (uint32_t)f.payload_bytes);
	for (size_t i = 0; i < f.payload_bytes; i++)
		f.payload[i] = (uint8_t)~f.payload[i];
	finish_tcp_checksum(&f);
	input(to, ghost, len);
	sim->ghosts++;
}

/* RFC 792, RFC 1191: type 3, code 4, the next hop's MTU, and the beginning of what was dropped. */
static void fragmentation_needed(struct sim *sim, struct host *back, const uint8_t *frame)
{
	uint8_t icmp[ETH_BYTES + IPV4_HDR_BYTES + 8 + IPV4_HDR_BYTES + 8];
	const uint8_t *ip = frame + ETH_BYTES;
	uint8_t *p = icmp;
	p = put_bytes(p, frame + 6, 6); /* back to where it came from */
	p = put_bytes(p, frame, 6);
	p = put_be16(p, 0x0800);
	uint8_t *out_ip = p;
	p = put_be16(p, 0x4500);
	p = put_be16(p, sizeof(icmp) - ETH_BYTES);
	p = put_be32(p, 0);
	p = put_be16(p, 64 << 8 | 1);
	p = put_be16(p, 0);
	p = put_bytes(p, ip + 16, 4);
	p = put_bytes(p, ip + 12, 4);
	put_be16(out_ip + 10, csum_finish(csum_partial(out_ip, IPV4_HDR_BYTES, 0)));
	uint8_t *body = p;
	p = put_be16(p, 3 << 8 | 4);
	p = put_be16(p, 0);
	p = put_be32(p, sim->hop.mtu);
	put_bytes(p, ip, IPV4_HDR_BYTES + 8);
	put_be16(body + 2, csum_finish(csum_partial(body, 8 + IPV4_HDR_BYTES + 8, 0)));
	impair_push(&back->out, icmp, sizeof(icmp), sim->now_us);
}

static bool too_large(const struct sim *sim, const uint8_t *frame, size_t len)
{
	return sim->hop.mtu && sim->now_us >= sim->hop.from_us && len > ETH_BYTES + sim->hop.mtu &&
	       frame[12] == 0x08 && frame[13] == 0x00;
}

void path_carry(struct sim *sim, struct host *to, const uint8_t *frame, size_t len)
{
	if (too_large(sim, frame, len)) {
		if (!sim->hop.black_hole && len >= ETH_BYTES + IPV4_HDR_BYTES + 8)
			fragmentation_needed(sim, to, frame);
		return;
	}
	input(to, frame, len);
	maybe_ghost(sim, to, frame, len);
}
