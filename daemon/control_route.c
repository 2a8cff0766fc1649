/* SPDX-License-Identifier: MIT */
/*
 * `route`: the routing table, as ip-route(8) shows and changes it. A route is written as in the
 * configuration file (config_parse_route()).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/control_impl.h"
#include "stack/ip/ip.h"

#define ROUTE_TEXT_MAX 512

static void set_nonzero(json_t *row, const char *key, uint32_t value)
{
	if (value)
		control_set_u64(row, key, value);
}

static void set_destination(json_t *row, const struct route *r)
{
	char text[32];
	uint32_t a = r->dst;

	if (r->prefix_len == 0) {
		control_set_string(row, "dst", "default");
		return;
	}
	snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", a >> 24, a >> 16 & 255, a >> 8 & 255,
		 a & 255, r->prefix_len);
	if (r->prefix_len == 32)
		*strchr(text, '/') = '\0';
	control_set_string(row, "dst", text);
}

static json_t *row_of(const struct daemon *d, const struct route *r)
{
	json_t *row = json_object();

	set_destination(row, r);
	if (r->gateway)
		control_set_v4(row, "gateway", r->gateway);
	control_set_string(row, "dev", d->link.name);
	control_set_string(row, "protocol", r->connected ? "kernel" : "static");
	if (!r->gateway)
		control_set_string(row, "scope", "link");
	if (r->prefsrc)
		control_set_v4(row, "prefsrc", r->prefsrc);
	set_nonzero(row, "metric", r->metric);
	set_nonzero(row, "mtu", r->mtu);
	set_nonzero(row, "advmss", r->advmss);
	set_nonzero(row, "window", r->window);
	set_nonzero(row, "initcwnd", r->initcwnd);
	return row;
}

static json_t *show(struct control_call *call)
{
	json_t *doc = json_object(), *list = json_array();
	struct route r;

	for (unsigned i = 0; ip_route_get(call->d->stack, i, &r); i++)
		json_array_append_new(list, row_of(call->d, &r));
	control_set(doc, "routes", list);
	return doc;
}

/* What a connection to an address would get. */
static json_t *get(struct control_call *call)
{
	struct ip_path path;
	uint32_t dst;

	if (call->argc != 3)
		return control_usage(call);
	if (!config_parse_v4(call->argv[2], &dst))
		return control_error("not an IPv4 address: %.64s", call->argv[2]);
	int err = ip_route_output(call->d->stack, dst, 0, &path);
	if (err)
		return control_error("%s: %s", call->argv[2], strerror(-err));
	json_t *doc = json_object(), *row = json_object();
	control_set_v4(row, "dst", dst);
	if (path.local)
		control_set_string(row, "type", "local");
	else if (path.nexthop != dst)
		control_set_v4(row, "gateway", path.nexthop);
	control_set_string(row, "dev", path.local ? "lo" : call->d->link.name);
	control_set_v4(row, "prefsrc", path.src);
	control_set_u64(row, "mtu", path.mtu_bytes);
	control_set_u64(row, "advmss", path.advmss);
	set_nonzero(row, "window", path.window);
	set_nonzero(row, "initcwnd", path.initcwnd);
	control_set(doc, "routes", json_pack("[o]", row));
	return doc;
}

/* The words from the third on, as one text. */
static bool join(const struct control_call *call, char text[ROUTE_TEXT_MAX])
{
	size_t len = 0;

	for (int i = 2; i < call->argc; i++) {
		int n = snprintf(text + len, ROUTE_TEXT_MAX - len, "%s%s", i > 2 ? " " : "",
				 call->argv[i]);
		if (n < 0 || (size_t)n >= ROUTE_TEXT_MAX - len)
			return false;
		len += (size_t)n;
	}
	return len > 0;
}

static json_t *result(int err)
{
	switch (err) {
	case 0:
		return control_done();
	case -EEXIST:
		return control_error("that route is there already");
	case -ESRCH:
		return control_error("there is no such route");
	case -ENETUNREACH:
		return control_error("the gateway is not on a network of ours");
	case -ENOSPC:
		return control_error("the table is full");
	default:
		return control_error("route: %s", strerror(-err));
	}
}

json_t *control_route(struct control_call *call)
{
	json_t *refused = control_take_dev(call);
	const char *verb = call->argc > 1 ? call->argv[1] : "show";
	char text[ROUTE_TEXT_MAX];
	struct route r;

	if (refused)
		return refused;
	if (!strcmp(verb, "show"))
		return call->argc > 2 ? control_usage(call) : show(call);
	if (!strcmp(verb, "get"))
		return get(call);
	refused = control_refuse_change(call);
	if (refused)
		return refused;
	bool add = !strcmp(verb, "add");
	bool replace = !strcmp(verb, "replace");
	if ((!add && !replace && strcmp(verb, "del") != 0) || !join(call, text))
		return control_usage(call);
	const char *why = config_parse_route(text, &r);
	if (why)
		return control_error("%s", why);
	if (replace)
		return result(ip_route_replace(call->d->stack, &r));
	return result(add ? ip_route_add(call->d->stack, &r)
			  : ip_route_del(call->d->stack, r.dst, r.prefix_len, r.gateway));
}
