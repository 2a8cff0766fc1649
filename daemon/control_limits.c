/* SPDX-License-Identifier: MIT */
/* `limits`: what one user may have, and what each has. */
#include "daemon/control_impl.h"
#include "daemon/sockets.h"
#include "stack/tcp/tcp.h"

struct listing {
	const struct daemon *d;
	json_t *rows;
};

static void add_owner(void *arg, const struct tcp_owner_usage *usage)
{
	struct listing *l = arg;
	const struct user_account *user = sockets_find_user(l->d, usage->uid);
	json_t *row = json_object();

	control_set_u64(row, "uid", usage->uid);
	control_set_u64(row, "sockets", user ? user->sockets : 0);
	control_set_u64(row, "listeners", user ? user->listeners : 0);
	control_set_u64(row, "connections", usage->sockets);
	control_set_u64(row, "memory_bytes", usage->bytes);
	control_set_u64(row, "refused", user ? user->refused : 0);
	json_array_append_new(l->rows, row);
}

json_t *control_limits(struct control_call *call)
{
	const struct config *config = &call->d->config;
	struct listing l = {.d = call->d};

	if (call->argc > 1)
		return control_usage(call);
	json_t *doc = json_object(), *max = json_object();
	control_set_u64(max, "sockets", config->max_per_user);
	control_set_u64(max, "listeners", config->max_listeners_per_user);
	control_set_u64(max, "memory_bytes", config->max_memory_per_user);
	control_set(doc, "per_user", max);
	l.rows = json_array();
	tcp_for_each_owner(call->d->stack, add_owner, &l);
	control_set(doc, "users", l.rows);
	return doc;
}
