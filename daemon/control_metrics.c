/* SPDX-License-Identifier: MIT */
/* `tcp_metrics`: what TCP remembers of other hosts, as ip-tcp_metrics(8) shows and forgets it. */
#include <stdio.h>
#include <string.h>

#include "daemon/control_impl.h"
#include "daemon/parse.h"

static json_t *row_of(const struct daemon *d, const void *entry)
{
	const struct tcp_metrics *m = entry;
	uint64_t now = stack_now_us(d->stack);
	char hex[2 * TCP_METRICS_COOKIE_MAX + 1] = "";
	json_t *row = json_object();

	for (unsigned b = 0; b < m->cookie_len; b++)
		snprintf(hex + 2 * (size_t)b, 3, "%02x", m->cookie[b]);
	control_set_v4(row, "dst", m->raddr);
	control_set_v4(row, "source", m->laddr);
	control_set_u64(row, "age_ms", now > m->learnt_us ? (now - m->learnt_us) / 1000 : 0);
	control_set_u64(row, "fo_mss", m->fastopen_mss);
	if (m->cookie_len)
		control_set_string(row, "fo_cookie", hex);
	return row;
}

static bool take_entry(void *table, const struct tcp_metrics *m)
{
	return control_table_take(table, m);
}

static void for_each(struct daemon *d, void *table)
{
	tcp_metrics_for_each(d->stack, take_entry, table);
}

static const struct control_table_kind metrics_table = {
    .name = "tcp_metrics",
    .entry_bytes = sizeof(struct tcp_metrics),
    .for_each = for_each,
    .row = row_of,
};

static json_t *flush(struct control_call *call)
{
	uint32_t v4;

	if (call->argc == 2) {
		tcp_metrics_flush(call->d->stack, NULL);
		return control_done();
	}
	if (!config_parse_v4(call->argv[2], &v4))
		return control_error("not an IPv4 address: %.64s", call->argv[2]);
	if (tcp_metrics_flush(call->d->stack, &v4) == 0)
		return control_error("there is no entry for %s", call->argv[2]);
	return control_done();
}

json_t *control_metrics(struct control_call *call)
{
	const char *verb = call->argc > 1 ? call->argv[1] : "show";

	if (!strcmp(verb, "show"))
		return call->argc > 2 ? control_usage(call)
				      : control_table_show(call, &metrics_table);
	json_t *refused = control_refuse_change(call);
	if (refused)
		return refused;
	return !strcmp(verb, "flush") && call->argc <= 3 ? flush(call) : control_usage(call);
}
