/* SPDX-License-Identifier: MIT */
/*
 * `link`: the TAP as the stack sees it. What the daemon could not hand over counts as an error.
 * `link impair`: a bad network between the two.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/control_impl.h"
#include "stack/base/snmp.h"

static json_t *addresses(const struct stack *st)
{
	json_t *list = json_array();
	uint32_t v4;
	unsigned prefix_len;

	for (unsigned i = 0; stack_addr_get(st, i, &v4, &prefix_len); i++) {
		json_t *row = json_object();
		control_set_v4(row, "address", v4);
		control_set_u64(row, "prefix_len", prefix_len);
		json_array_append_new(list, row);
	}
	return list;
}

static json_t *offloads(const struct stack_config *config, const struct link *link)
{
	json_t *object = json_object();

	control_set(object, "tx_checksum", json_boolean(config->tx_csum_offload));
	control_set(object, "rx_checksum", json_boolean(link->rx_offload));
	control_set(object, "tcp_segmentation", json_boolean(config->tso_max_bytes != 0));
	control_set(object, "receive_segments", json_boolean(link->rx_offload));
	control_set_u64(object, "tso_max_bytes", config->tso_max_bytes);
	return object;
}

/* Every frame dropped on the way in; those of the way out are DROP_LINK_TX and the neighbours'. */
static uint64_t drops_in(const struct snmp_mib *mib)
{
	uint64_t sum = 0;

	for (int r = DROP_NONE + 1; r < DROP_MAX; r++)
		if (r != DROP_LINK_TX && r != DROP_NEIGH_QUEUEFULL && r != DROP_NEIGH_FAILED &&
		    r != DROP_NEIGH_TABLE_FULL && r != DROP_LOOPBACK_FULL)
			sum += mib->drop[r];
	return sum;
}

static json_t *receive(const struct daemon *d, const struct snmp_mib *mib)
{
	json_t *object = json_object();

	control_set_u64(object, "packets", mib->rx_frames);
	control_set_u64(object, "bytes", mib->rx_bytes);
	control_set_u64(object, "errors", d->counter[XtcpdLinkBadFrame]);
	control_set_u64(object, "missed", d->counter[XtcpdLinkNoBuffer]);
	control_set_u64(object, "dropped", drops_in(mib));
	return object;
}

static json_t *transmit(const struct snmp_mib *mib)
{
	json_t *object = json_object();

	control_set_u64(object, "packets", mib->tx_frames);
	control_set_u64(object, "bytes", mib->tx_bytes);
	control_set_u64(object, "errors", mib->drop[DROP_LINK_TX]);
	control_set_u64(object, "dropped",
			mib->drop[DROP_NEIGH_QUEUEFULL] + mib->drop[DROP_NEIGH_FAILED] +
			    mib->drop[DROP_NEIGH_TABLE_FULL]);
	return object;
}

static json_t *arp(const struct snmp_mib *mib)
{
	json_t *object = json_object();

	control_set_u64(object, "in_requests", mib->arp_in_requests);
	control_set_u64(object, "in_replies", mib->arp_in_replies);
	control_set_u64(object, "out_requests", mib->arp_out_requests);
	control_set_u64(object, "out_replies", mib->arp_out_replies);
	return object;
}

/* --- impairment */

static const char *const direction_name[] = {[IMPAIR_IN] = "in", [IMPAIR_OUT] = "out"};

static json_t *impaired(const struct impair *im)
{
	json_t *object = json_object();
	char words[IMPAIR_TEXT_MAX];

	impair_format(&im->config, words);
	control_set_string(object, "words", words);
	control_set_u64(object, "loss_ppm", im->config.loss_ppm);
	control_set_u64(object, "burst_enter_ppm", im->config.burst_enter_ppm);
	control_set_u64(object, "burst_leave_ppm", im->config.burst_leave_ppm);
	control_set_u64(object, "delay_us", im->config.delay_us);
	control_set_u64(object, "jitter_us", im->config.jitter_us);
	control_set_u64(object, "reorder_ppm", im->config.reorder_ppm);
	control_set_u64(object, "duplicate_ppm", im->config.duplicate_ppm);
	control_set_u64(object, "corrupt_ppm", im->config.corrupt_ppm);
	control_set_u64(object, "mark_ppm", im->config.mark_ppm);
	control_set_u64(object, "rate_bps", im->config.rate_bps);
	control_set_u64(object, "limit_packets", im->config.limit_packets);
	control_set_u64(object, "seed", im->config.seed);
	control_set_u64(object, "queued", im->queued);
	control_set_u64(object, "passed", im->stats.passed);
	control_set_u64(object, "lost", im->stats.lost);
	control_set_u64(object, "duplicated", im->stats.duplicated);
	control_set_u64(object, "corrupted", im->stats.corrupted);
	control_set_u64(object, "reordered", im->stats.reordered);
	control_set_u64(object, "marked", im->stats.marked);
	control_set_u64(object, "overflowed", im->stats.overflowed);
	return object;
}

static json_t *impairments(const struct impairment *im)
{
	json_t *object = json_object();

	for (int dir = 0; dir < IMPAIR_DIRECTIONS; dir++)
		control_set(object, direction_name[dir],
			    im->on[dir] ? impaired(&im->model[dir]) : json_null());
	return object;
}

/* The directions "in", "out" or "both" name, as bits; 0: none of these words. */
static unsigned directions(const char *word)
{
	if (!strcmp(word, "both"))
		return 1u << IMPAIR_IN | 1u << IMPAIR_OUT;
	for (int dir = 0; dir < IMPAIR_DIRECTIONS; dir++)
		if (!strcmp(word, direction_name[dir]))
			return 1u << dir;
	return 0;
}

/* impair [in|out|both] off | WORD=VALUE... */
static json_t *impair(struct control_call *call)
{
	char words[CONTROL_LINE_MAX], why[256];
	struct impair_config config;
	size_t len = 0;
	int at = 2;

	json_t *refused = control_refuse_change(call);
	if (refused)
		return refused;
	unsigned which = at < call->argc ? directions(call->argv[at]) : 0;
	at += which != 0;
	which = which ? which : directions("both");
	if (at == call->argc)
		return control_usage(call);
	bool off = at + 1 == call->argc && !strcmp(call->argv[at], "off");
	for (; at < call->argc && len < sizeof(words); at++)
		len += (size_t)snprintf(words + len, sizeof(words) - len, "%s ", call->argv[at]);
	const char *wrong = off ? NULL : impair_parse(&config, words, why, sizeof(why));
	if (wrong)
		return control_error("impair: %s", wrong);
	for (int dir = 0; dir < IMPAIR_DIRECTIONS; dir++) {
		if (!(which & 1u << dir))
			continue;
		if (off)
			impairment_off(call->d, dir);
		else
			impairment_set(call->d, dir, &config);
	}
	return control_done();
}

json_t *control_link(struct control_call *call)
{
	const struct daemon *d = call->d;
	const struct stack_config *config = stack_config(d->stack);
	const struct snmp_mib *mib = stack_mib(d->stack);

	if (call->argc > 1 && !strcmp(call->argv[1], "impair"))
		return impair(call);
	if (call->argc > 1)
		return control_usage(call);
	json_t *doc = json_object();
	control_set_string(doc, "name", d->link.name);
	control_set_mac(doc, "address", &config->mac);
	control_set_u64(doc, "mtu", config->mtu_bytes);
	control_set(doc, "inet", addresses(d->stack));
	control_set(doc, "offload", offloads(config, &d->link));
	control_set(doc, "rx", receive(d, mib));
	control_set(doc, "tx", transmit(mib));
	control_set(doc, "arp", arp(mib));
	control_set(doc, "impair", impairments(&d->impairment));
	return doc;
}
