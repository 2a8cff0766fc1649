/* SPDX-License-Identifier: MIT */
/* `link`: the TAP as the stack sees it. What the daemon could not hand over counts as an error. */
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
	control_set(object, "rx_checksum", json_boolean(link->offload));
	control_set(object, "tcp_segmentation", json_boolean(config->tso_max_bytes != 0));
	control_set(object, "receive_segments", json_boolean(link->offload));
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

json_t *control_link(struct control_call *call)
{
	const struct daemon *d = call->d;
	const struct stack_config *config = stack_config(d->stack);
	const struct snmp_mib *mib = stack_mib(d->stack);

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
	return doc;
}
