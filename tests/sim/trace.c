/* SPDX-License-Identifier: MIT */
/* A replay for people: one line a segment, and the same frames as pcapng. */
#include "stack/base/bytes.h"
#include "stack/base/snmp.h"
#include "stack/link/pcapng.h"
#include "stack/tcp/tcp_impl.h"
#include "tests/sim/sim.h"

static void trace_options(FILE *out, const uint8_t *opts, size_t len)
{
	struct tcp_options o = {0};
	if (!tcp_options_parse(opts, len, &o))
		return;
	if (o.mss)
		fprintf(out, " mss %u", o.mss);
	if (o.has_wscale)
		fprintf(out, " wscale %u", o.wscale);
	if (o.has_ts)
		fprintf(out, " ts %u/%u", o.tsval, o.tsecr);
	for (unsigned i = 0; i < o.sack_cnt; i++)
		fprintf(out, " sack %u-%u", o.sack[i].start, o.sack[i].end);
}

void trace_frame(struct sim *sim, unsigned from, const uint8_t *frame, size_t len)
{
	static const char letters[] = "FSRPAUEC";
	char flags[9] = "";
	unsigned at = 0;
	struct reader r = reader_of(frame, len);
	read_bytes(&r, 12);
	uint16_t type = read_be16(&r);
	fprintf(sim->trace, "%12.6f %s ", (double)(sim->now_us % (1000000 * SEC_US)) / 1e6,
		from ? "server" : "client");
	const uint8_t *ip = read_bytes(&r, IPV4_HDR_BYTES);
	if (type != 0x0800 || !ip || ip[9] != IPPROTO_TCP_) {
		fprintf(sim->trace, "ethertype %04x, %zu bytes\n", type, len);
		return;
	}
	uint16_t sport = read_be16(&r), dport = read_be16(&r);
	uint32_t seq = read_be32(&r), ack = read_be32(&r);
	unsigned hdr = (read_u8(&r) >> 4) * 4u;
	uint8_t bits = read_u8(&r);
	uint16_t wnd = read_be16(&r);
	read_be32(&r);
	for (unsigned i = 0; i < 8; i++)
		if (bits >> i & 1)
			flags[at++] = letters[i];
	flags[at] = '\0';
	fprintf(sim->trace, "%u>%u %s %u:%zu ack %u win %u", sport, dport, flags, seq,
		len - 14 - IPV4_HDR_BYTES - hdr, ack, wnd);
	size_t opt_len = hdr > TCP_HDR_BYTES ? hdr - TCP_HDR_BYTES : 0;
	const uint8_t *opts = read_bytes(&r, opt_len);
	if (opts)
		trace_options(sim->trace, opts, opt_len);
	fputc('\n', sim->trace);
}

void trace_counters(struct sim *sim, const struct host *h)
{
	const struct snmp_mib *mib = stack_mib(h->stack);
	fprintf(sim->trace, "%s:", h->index ? "server" : "client");
	for (int i = 0; i < SNMP_MAX; i++)
		if (mib->counter[i])
			fprintf(sim->trace, " %s %llu", snmp_name(i),
				(unsigned long long)mib->counter[i]);
	for (int i = 0; i < DROP_MAX; i++)
		if (mib->drop[i])
			fprintf(sim->trace, " drop.%s %llu", drop_name(i),
				(unsigned long long)mib->drop[i]);
	fputc('\n', sim->trace);
}

void pcap_begin(FILE *f)
{
	uint8_t block[PCAPNG_BEGIN_BYTES];
	fwrite(block, 1, pcapng_begin(block, "sim"), f);
}

void pcap_frame(FILE *f, uint64_t now_us, const uint8_t *frame, size_t len)
{
	uint8_t block[PKT_LARGE_BYTES + 256];
	struct pcapng_packet p = {.time_us = now_us, .data = frame, .len = len, .orig_len = len};
	fwrite(block, 1, pcapng_packet(block, &p), f);
}
