/* SPDX-License-Identifier: MIT */
/*
 * `sysctl`: reads and sets what can be tuned, by Linux's names. `sysctl` alone lists everything;
 * "NAME=VALUE" may hold a value of several words ("net.ipv4.tcp_rmem=4096 131072 6291456").
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/control_impl.h"

static json_t *document(json_t *values)
{
	json_t *doc = json_object();

	control_set(doc, "sysctls", values);
	return doc;
}

static json_t *list_all(const struct control_call *call)
{
	const struct sysctls *s = stack_sysctls(call->d->stack);
	json_t *values = json_object();
	char value[SYSCTL_VALUE_MAX];

	for (unsigned i = 0; sysctl_name(i); i++)
		if ((call->may_change || !sysctl_is_secret(sysctl_name(i))) &&
		    sysctl_get(s, sysctl_name(i), value, sizeof(value)) == 0)
			control_set_string(values, sysctl_name(i), value);
	return document(values);
}

/* The name as it stands in the list, for one that was given without its prefix. */
static const char *full_name(const char *name)
{
	for (unsigned i = 0; sysctl_name(i); i++) {
		const char *full = sysctl_name(i);
		if (!strcmp(full, name) || !strcmp(full + strlen("net.core."), name))
			return full;
	}
	return name;
}

static json_t *get(struct control_call *call)
{
	const struct sysctls *s = stack_sysctls(call->d->stack);
	json_t *values = json_object();
	char value[SYSCTL_VALUE_MAX];

	for (int i = 1; i < call->argc; i++) {
		if (!call->may_change && sysctl_is_secret(call->argv[i])) {
			json_decref(values);
			return control_error("%.64s is for root and the user of xtcpd only",
					     call->argv[i]);
		}
		if (sysctl_get(s, call->argv[i], value, sizeof(value)) < 0) {
			json_decref(values);
			return control_error("no such sysctl: %.64s", call->argv[i]);
		}
		control_set_string(values, full_name(call->argv[i]), value);
	}
	return document(values);
}

/* The value's words, those after the "=" and all that follow, with single spaces. */
static bool join_value(const struct control_call *call, const char *first,
		       char value[SYSCTL_VALUE_MAX])
{
	size_t len = 0;

	value[0] = '\0';
	for (int i = 1; i < call->argc; i++) {
		const char *word = i == 1 ? first : call->argv[i];
		if (!strcmp(word, "") || (i == 2 && !strcmp(word, "=")))
			continue;
		int n = snprintf(value + len, SYSCTL_VALUE_MAX - len, "%s%s", len ? " " : "", word);
		if (n < 0 || (size_t)n >= SYSCTL_VALUE_MAX - len)
			return false;
		len += (size_t)n;
	}
	return true;
}

static json_t *set(struct control_call *call, char *name, const char *first)
{
	struct sysctls *s = stack_sysctls(call->d->stack);
	char value[SYSCTL_VALUE_MAX], wants[SYSCTL_WANTS_MAX];

	json_t *refused = control_refuse_change(call);
	if (refused)
		return refused;
	if (!join_value(call, first, value))
		return control_error("%.64s: the value is too long", name);
	switch (sysctl_set(s, name, value)) {
	case 0:
		break;
	case -ENOENT:
		return control_error("no such sysctl: %.64s", name);
	case -EACCES:
		return control_error("%.64s can only be read", name);
	default:
		sysctl_wants(name, wants, sizeof(wants));
		return control_error("%.64s does not take \"%.128s\", but %s", name, value, wants);
	}
	json_t *values = json_object();
	if (sysctl_get(s, name, value, sizeof(value)) == 0)
		control_set_string(values, full_name(name), value);
	return document(values);
}

json_t *control_sysctl(struct control_call *call)
{
	if (call->argc == 1)
		return list_all(call);
	char *equals = strchr(call->argv[1], '=');
	if (equals) {
		*equals = '\0';
		return set(call, call->argv[1], equals + 1);
	}
	if (call->argc > 2 && !strcmp(call->argv[2], "="))
		return set(call, call->argv[1], "");
	return get(call);
}
