/* SPDX-License-Identifier: MIT */
/* `nstat`: every counter there is, by the name Linux gives it, and every reason for a drop. */
#include "daemon/control_impl.h"
#include "stack/base/snmp.h"

static json_t *snmp_counters(const struct snmp_mib *mib)
{
	json_t *object = json_object();

	for (int c = 0; c < SNMP_MAX; c++)
		control_set_u64(object, snmp_name((enum snmp)c), mib->counter[c]);
	return object;
}

static json_t *drops(const struct snmp_mib *mib)
{
	json_t *object = json_object();

	for (int r = DROP_NONE + 1; r < DROP_MAX; r++)
		control_set_u64(object, drop_name((enum drop_reason)r), mib->drop[r]);
	return object;
}

static json_t *daemon_counters(const struct daemon *d)
{
	json_t *object = json_object();

	for (int c = 0; c < DAEMON_COUNTER_MAX; c++)
		control_set_u64(object, daemon_counter_name((enum daemon_counter)c), d->counter[c]);
	return object;
}

json_t *control_nstat(struct control_call *call)
{
	const struct snmp_mib *mib = stack_mib(call->d->stack);

	/* nstat's own flags say how to print: here is always everything. */
	for (int i = 1; i < call->argc; i++)
		if (call->argv[i][0] != '-')
			return control_usage(call);
	json_t *doc = json_object();
	control_set(doc, "counters", snmp_counters(mib));
	control_set(doc, "drops", drops(mib));
	control_set(doc, "daemon", daemon_counters(call->d));
	return doc;
}
