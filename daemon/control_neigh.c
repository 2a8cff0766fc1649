/* SPDX-License-Identifier: MIT */
/* `neigh`: the neighbour table, as ip-neighbour(8) shows and changes it. */
#include <errno.h>
#include <string.h>

#include "daemon/control_impl.h"
#include "daemon/parse.h"
#include "stack/link/neigh.h"

static uint64_t ms_since(const struct stack *st, uint64_t us)
{
	uint64_t now = stack_now_us(st);
	return now > us ? (now - us) / 1000 : 0;
}

static json_t *row_of(const struct daemon *d, const void *entry)
{
	const struct neigh_info *n = entry;
	const struct stack *st = d->stack;
	json_t *row = json_object();

	control_set_v4(row, "dst", n->v4);
	control_set_string(row, "dev", d->link.name);
	if (!mac_is_zero(&n->mac))
		control_set_mac(row, "lladdr", &n->mac);
	control_set_string(row, "state", neigh_state_name(n->state));
	control_set_u64(row, "queued", n->queued);
	control_set_u64(row, "probes", n->probes);
	control_set_u64(row, "used_ms", ms_since(st, n->used_us));
	control_set_u64(row, "confirmed_ms", ms_since(st, n->confirmed_us));
	control_set_u64(row, "updated_ms", ms_since(st, n->updated_us));
	return row;
}

static bool take_entry(void *table, const struct neigh_info *n)
{
	return control_table_take(table, n);
}

static void for_each(struct daemon *d, void *table)
{
	neigh_for_each(d->stack, take_entry, table);
}

static const struct control_table_kind neigh_table = {
    .name = "neighbours",
    .entry_bytes = sizeof(struct neigh_info),
    .for_each = for_each,
    .row = row_of,
};

static json_t *result(int err, const char *address)
{
	switch (err) {
	case 0:
		return control_done();
	case -EINVAL:
		return control_error("%s is not an address another host can have", address);
	case -ESRCH:
		return control_error("there is no entry for %s", address);
	case -ENOBUFS:
		return control_error("the table is full (net.ipv4.neigh.default.gc_thresh3)");
	default:
		return control_error("%s: %s", address, strerror(-err));
	}
}

/* add ADDRESS lladdr MAC; what else ip(8) takes here (dev, nud permanent) says nothing new */
static json_t *add(struct control_call *call)
{
	struct mac_addr mac;
	uint32_t v4;

	if (call->argc != 5 || strcmp(call->argv[3], "lladdr") != 0)
		return control_usage(call);
	if (!config_parse_v4(call->argv[2], &v4))
		return control_error("not an IPv4 address: %.64s", call->argv[2]);
	if (!parse_mac(call->argv[4], &mac))
		return control_error("not a unicast MAC address: %.64s", call->argv[4]);
	return result(neigh_add(call->d->stack, v4, &mac), call->argv[2]);
}

static json_t *del(struct control_call *call)
{
	uint32_t v4;

	if (call->argc != 3)
		return control_usage(call);
	if (!config_parse_v4(call->argv[2], &v4))
		return control_error("not an IPv4 address: %.64s", call->argv[2]);
	return result(neigh_del(call->d->stack, v4), call->argv[2]);
}

json_t *control_neigh(struct control_call *call)
{
	json_t *refused = control_take_dev(call);
	const char *verb = call->argc > 1 ? call->argv[1] : "show";

	if (refused)
		return refused;
	if (!strcmp(verb, "show"))
		return call->argc > 2 ? control_usage(call)
				      : control_table_show(call, &neigh_table);
	refused = control_refuse_change(call);
	if (refused)
		return refused;
	if (!strcmp(verb, "add"))
		return add(call);
	if (!strcmp(verb, "del"))
		return del(call);
	if (!strcmp(verb, "flush") && call->argc == 2) {
		neigh_flush(call->d->stack);
		return control_done();
	}
	return control_usage(call);
}
