/* SPDX-License-Identifier: MIT */
/*
 * The configuration file and the meaning of each of its keys: see config.h. The syntax is inih's;
 * every key is one row of a table, and a flag of the command line goes through the same row, so
 * that a value is checked in one place.
 */
#include "daemon/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "daemon/parse.h"
#include "rpc/rpc.h"

#define MTU_MIN 576   /* RFC 791: what every host must take */
#define MTU_MAX 65521 /* the TAP's own limit */

void config_defaults(struct config *c)
{
	*c = (struct config){
	    .address[0] = {.v4 = 10u << 24 | 77u << 16 | 2, .prefix_len = 24},
	    .addresses = 1,
	    .address_replace = true,
	    .link_name = "xtcp0",
	    .mtu_bytes = 1500,
	    .kernel_address = {.v4 = 10u << 24 | 77u << 16 | 1, .prefix_len = 24},
	    .segmentation_offload = true,
	    .path = RPC_PATH,
	    .mode = 0666, /* as anybody may use the kernel's TCP */
	    .control_path = RPC_CONTROL_PATH,
	    .control_mode = 0660,
	    .max_per_user = 65536,
	    .max_listeners_per_user = 8192,
	    .max_memory_per_user = 128u << 20,
	    .direct = true,
	    .busy_poll_us = 60,
	    .log_level = LOG_INFO,
	};
}

/* --- one function a key: NULL, or why the value is wrong */

static const char *set_address(struct config *c, const char *value)
{
	struct config_address a;

	if (!config_parse_cidr(value, &a.v4, &a.prefix_len))
		return "not an IPv4 address with a prefix length, as 10.77.0.2/24";
	if (c->address_replace)
		c->addresses = 0;
	c->address_replace = false;
	if (c->addresses == CONFIG_ADDRESSES_MAX)
		return "too many addresses";
	c->address[c->addresses++] = a;
	return NULL;
}

static const char *set_gateway(struct config *c, const char *value)
{
	return config_parse_v4(value, &c->gateway) ? NULL : "not an IPv4 address";
}

static const char *set_route(struct config *c, const char *value)
{
	if (c->routes == CONFIG_ROUTES_MAX)
		return "too many routes";
	const char *why = config_parse_route(value, &c->route[c->routes]);
	if (!why)
		c->routes++;
	return why;
}

static const char *copy_path(char *to, const char *value)
{
	if (value[0] != '/')
		return "not an absolute path";
	return copy_string(to, CONFIG_PATH_MAX, value)
		   ? NULL
		   : "a socket's path has at most 99 characters";
}

/* "tap", or "dgram:LOCAL,REMOTE" */
static const char *set_backend(struct config *c, const char *value)
{
	static const char wrong[] = "neither \"tap\" nor \"dgram:LOCAL_PATH,REMOTE_PATH\"";
	const char *comma = strchr(value, ',');
	char local[CONFIG_PATH_MAX];

	if (!strcmp(value, "tap")) {
		c->link_local_path[0] = '\0';
		return NULL;
	}
	if (strncmp(value, "dgram:", 6) != 0 || !comma)
		return wrong;
	size_t len = (size_t)(comma - (value + 6));
	if (len >= sizeof(local))
		return "a socket's path has at most 99 characters";
	memcpy(local, value + 6, len);
	local[len] = '\0';
	if (!strcmp(local, comma + 1))
		return "the local and the remote path are the same";
	const char *why = copy_path(c->link_local_path, local);
	return why ? why : copy_path(c->link_peer_path, comma + 1);
}

static const char *set_link_name(struct config *c, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len >= sizeof(c->link_name))
		return "an interface's name has 1 to 15 characters";
	if (strpbrk(value, "/ :%\t") || !strcmp(value, ".") || !strcmp(value, ".."))
		return "not a name for an interface";
	memcpy(c->link_name, value, len + 1);
	return NULL;
}

static const char *set_mtu(struct config *c, const char *value)
{
	return parse_u32(value, MTU_MIN, MTU_MAX, &c->mtu_bytes) ? NULL
								 : "not a number from 576 to 65521";
}

static const char *set_mac(struct config *c, const char *value)
{
	if (!parse_mac(value, &c->mac))
		return "not a unicast MAC address, as 02:00:00:00:00:02";
	c->mac_set = true;
	return NULL;
}

static const char *set_kernel_address(struct config *c, const char *value)
{
	bool on;

	c->kernel_address_set = true;
	if (parse_bool(value, &on) && !on) {
		c->kernel_address.v4 = 0;
		return NULL;
	}
	return config_parse_cidr(value, &c->kernel_address.v4, &c->kernel_address.prefix_len)
		   ? NULL
		   : "neither an IPv4 address with a prefix length nor \"no\"";
}

static const char *set_offload(struct config *c, const char *value)
{
	return parse_bool(value, &c->segmentation_offload) ? NULL : "neither yes nor no";
}

static const char *set_impair_one(struct config *c, enum impair_direction dir, const char *value)
{
	bool on;

	c->impaired[dir] = !(parse_bool(value, &on) && !on);
	return c->impaired[dir] ? impair_parse(&c->impair[dir], value, c->why, sizeof(c->why))
				: NULL;
}

static const char *set_impair_in(struct config *c, const char *value)
{
	return set_impair_one(c, IMPAIR_IN, value);
}

static const char *set_impair_out(struct config *c, const char *value)
{
	return set_impair_one(c, IMPAIR_OUT, value);
}

static const char *set_impair(struct config *c, const char *value)
{
	const char *why = set_impair_in(c, value);

	c->impaired[IMPAIR_OUT] = c->impaired[IMPAIR_IN];
	c->impair[IMPAIR_OUT] = c->impair[IMPAIR_IN];
	return why;
}

static const char *set_path(struct config *c, const char *value)
{
	return copy_path(c->path, value);
}

static const char *set_control(struct config *c, const char *value)
{
	return copy_path(c->control_path, value);
}

static const char *parse_mode(const char *value, mode_t *mode)
{
	char *end;
	unsigned long n = strtoul(value, &end, 8);

	if (value[0] < '0' || value[0] > '7' || *end || n > 0777)
		return "not a mode, as 0660";
	*mode = (mode_t)n;
	return NULL;
}

static const char *set_mode(struct config *c, const char *value)
{
	return parse_mode(value, &c->mode);
}

static const char *set_control_mode(struct config *c, const char *value)
{
	return parse_mode(value, &c->control_mode);
}

static const char *copy_name(char *to, size_t size, const char *value)
{
	return value[0] != '\0' && copy_string(to, size, value) ? NULL : "not a name";
}

static const char *set_group(struct config *c, const char *value)
{
	return copy_name(c->group, sizeof(c->group), value);
}

static const char *set_user(struct config *c, const char *value)
{
	return copy_name(c->user, sizeof(c->user), value);
}

static const char *set_max_per_user(struct config *c, const char *value)
{
	return parse_u32(value, 1, 1u << 20, &c->max_per_user) ? NULL
							       : "not a number from 1 to 1048576";
}

static const char *set_max_listeners(struct config *c, const char *value)
{
	return parse_u32(value, 1, 1u << 20, &c->max_listeners_per_user)
		   ? NULL
		   : "not a number from 1 to 1048576";
}

static const char *set_max_memory(struct config *c, const char *value)
{
	return parse_bytes(value, 1u << 20, (uint64_t)1 << 40, &c->max_memory_per_user)
		   ? NULL
		   : "not a number of bytes from 1M to 1024G, as 128M";
}

static const char *set_direct(struct config *c, const char *value)
{
	return parse_bool(value, &c->direct) ? NULL : "neither yes nor no";
}

static const char *set_busy_poll(struct config *c, const char *value)
{
	return parse_u32(value, 0, 1000, &c->busy_poll_us)
		   ? NULL
		   : "not a number of microseconds, 0 to 1000";
}

static const char *set_log_level(struct config *c, const char *value)
{
	static const char *const name[] = {"emerg",   "alert",	"err",	"err",
					   "warning", "notice", "info", "debug"};

	for (int i = LOG_ERR; i <= LOG_DEBUG; i++) {
		if (!strcasecmp(value, name[i])) {
			c->log_level = i;
			return NULL;
		}
	}
	return "none of err, warning, notice, info, debug";
}

static const struct config_key {
	const char *section, *key;
	const char *(*set)(struct config *c, const char *value);
} keys[] = {
    {"Network", "Address", set_address},
    {"Network", "Gateway", set_gateway},
    {"Network", "Route", set_route},
    {"Link", "Backend", set_backend},
    {"Link", "Name", set_link_name},
    {"Link", "MTUBytes", set_mtu},
    {"Link", "MACAddress", set_mac},
    {"Link", "KernelAddress", set_kernel_address},
    {"Link", "SegmentationOffload", set_offload},
    {"Link", "Impair", set_impair},
    {"Link", "ImpairIn", set_impair_in},
    {"Link", "ImpairOut", set_impair_out},
    {"Sockets", "Path", set_path},
    {"Sockets", "Mode", set_mode},
    {"Sockets", "Group", set_group},
    {"Sockets", "Control", set_control},
    {"Sockets", "ControlMode", set_control_mode},
    {"Sockets", "MaxPerUser", set_max_per_user},
    {"Sockets", "MaxListenersPerUser", set_max_listeners},
    {"Sockets", "MaxMemoryPerUser", set_max_memory},
    {"Sockets", "Direct", set_direct},
    {"Daemon", "User", set_user},
    {"Daemon", "BusyPollMicroSec", set_busy_poll},
    {"Daemon", "LogLevel", set_log_level},
};

/* Checked against a scratch struct now, kept by name until the stack is there. */
static const char *set_sysctl(struct config *c, const char *name, const char *value)
{
	struct sysctls scratch;
	struct config_sysctl *s = &c->sysctl[c->sysctls];
	char wants[SYSCTL_WANTS_MAX];

	memset(&scratch, 0, sizeof(scratch));
	switch (sysctl_set(&scratch, name, value)) {
	case 0:
		break;
	case -ENOENT:
		return "no such sysctl (xtcpctl sysctl lists them)";
	default:
		sysctl_wants(name, wants, sizeof(wants));
		snprintf(c->why, sizeof(c->why), "it takes %s", wants);
		return c->why;
	}
	if (c->sysctls == CONFIG_SYSCTLS_MAX || !copy_string(s->name, sizeof(s->name), name) ||
	    !copy_string(s->value, sizeof(s->value), value))
		return "too many or too long";
	c->sysctls++;
	return NULL;
}

const char *config_set(struct config *c, const char *section, const char *key, const char *value)
{
	bool section_known = false;

	if (!strcmp(section, "Sysctl"))
		return set_sysctl(c, key, value);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].section, section) != 0)
			continue;
		section_known = true;
		if (!strcmp(keys[i].key, key))
			return keys[i].set(c, value);
	}
	return section_known ? "no such key in this section (see xtcpd.conf(5))"
			     : "no such section: [Network], [Link], [Sockets], [Daemon], [Sysctl]";
}

/* --- the file */

#define VALUE_SHOWN 64 /* of a wrong value: the reason stands behind it */

struct read_state {
	struct config *c;
	char reason[384]; /* of the first wrong line */
};

static int on_line(void *arg, const char *section, const char *key, const char *value)
{
	struct read_state *state = arg;
	const char *why = section[0] ? config_set(state->c, section, key, value ? value : "")
				     : "a [Section] must stand in front of the first key";

	if (why && !state->reason[0])
		snprintf(state->reason, sizeof(state->reason), "%s%s%s%.*s=%.*s: %s",
			 section[0] ? "[" : "", section, section[0] ? "] " : "", VALUE_SHOWN, key,
			 VALUE_SHOWN, value ? value : "", why);
	return why == NULL;
}

int config_read(struct config *c, const char *path, char *err, size_t err_len)
{
	struct read_state state = {.c = c};
	int line = ini_parse(path, on_line, &state);

	if (line == 0)
		return 0;
	if (line < 0)
		snprintf(err, err_len, "%s: %s", path, strerror(errno));
	else
		snprintf(err, err_len, "%s:%d: %s", path, line,
			 state.reason[0] ? state.reason
					 : "neither [Section], Key=value nor a comment");
	return -1;
}

/* --- the whole */

static bool on_link(const struct config *c, uint32_t v4)
{
	for (unsigned i = 0; i < c->addresses; i++)
		if (same_network(c->address[i].v4, v4, c->address[i].prefix_len))
			return true;
	return false;
}

const char *config_check(const struct config *c)
{
	if (!strcmp(c->path, c->control_path))
		return "[Sockets] Path= and Control= are the same";
	if (c->gateway && !on_link(c, c->gateway))
		return "[Network] Gateway= is in the network of no Address=";
	for (unsigned i = 0; i < c->routes; i++)
		if (c->route[i].gateway && !on_link(c, c->route[i].gateway))
			return "the gateway of a [Network] Route= is in the network of no Address=";
	if (c->link_local_path[0])
		return c->kernel_address_set && c->kernel_address.v4
			   ? "[Link] KernelAddress= needs a TAP: Backend=dgram: has no kernel side"
			   : NULL;
	if (!c->kernel_address.v4)
		return NULL;
	if (!on_link(c, c->kernel_address.v4))
		return c->kernel_address_set
			   ? "[Link] KernelAddress= (--kernel-address) is in the network of no "
			     "Address="
			   : "[Link] KernelAddress= (--kernel-address) must be given with that "
			     "Address=: one of its network for the TAP's other side, or \"no\" to "
			     "leave that alone";
	for (unsigned i = 0; i < c->addresses; i++)
		if (c->address[i].v4 == c->kernel_address.v4)
			return "[Link] KernelAddress= is the stack's own Address=";
	return NULL;
}
