/* SPDX-License-Identifier: MIT */
/*
 * `rules`: what decides whose a program's traffic is. Read from the file the programs read, by the
 * same code (rpc/rules.h); xtcpd is not asked.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "rpc/rules.h"

const char *rules_path(void)
{
	const char *path = getenv(RULES_ENV);
	return path ? path : RULES_PATH;
}

/* A file nobody named may be missing, and an empty name is no file. */
bool rules_read(const char *path, struct rules *r, char *why, size_t size)
{
	char data[4096];
	size_t n;

	rules_init(r);
	why[0] = '\0';
	if (!*path)
		return true;
	FILE *f = fopen(path, "re");
	if (!f) {
		if (errno == ENOENT && !strcmp(path, RULES_PATH))
			return true;
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return false;
	}
	while ((n = fread(data, 1, sizeof(data), f)) > 0)
		rules_feed(r, data, n);
	if (ferror(f))
		snprintf(why, size, "%s: %s", path, strerror(errno));
	fclose(f);
	rules_end(r);
	if (r->error)
		snprintf(why, size, "%s:%u: %s", path, r->error_line, r->error);
	return !why[0];
}

/* False: said why. */
static bool read_rules(const char *path, struct rules *r)
{
	char why[512];

	if (rules_read(path, r, why, sizeof(why)))
		return true;
	fprintf(stderr, "xtcpctl: %s\n", why);
	return false;
}

/* --- in words */

static const char *target_name(enum rule_target target)
{
	return target == RULE_KERNEL ? "kernel" : "stack";
}

/* The rule as it could stand in the file. */
static void rule_text(const struct rule *rule, char *text, size_t size)
{
	struct in_addr a = {.s_addr = htonl(rule->v4)};
	char address[INET_ADDRSTRLEN], ports[16] = "";

	inet_ntop(AF_INET, &a, address, sizeof(address));
	if (rule->port_min == rule->port_max)
		snprintf(ports, sizeof(ports), ":%u", rule->port_min);
	else if (rule->port_min != 0 || rule->port_max != 65535)
		snprintf(ports, sizeof(ports), ":%u-%u", rule->port_min, rule->port_max);
	snprintf(text, size, "%s %s/%d%s%s%s%s", target_name((enum rule_target)rule->target),
		 address, __builtin_popcount(rule->mask), ports,
		 rule->uses == RULE_BIND      ? " bind"
		 : rule->uses == RULE_CONNECT ? " connect"
					      : "",
		 rule->program[0] ? " program=" : "", rule->program);
}

static json_t *row_of(const char *path, const struct rule *rule)
{
	json_t *row = json_object();
	char text[RULES_LINE_MAX];

	json_object_set_new(row, "target", json_string(rule ? target_name(rule->target) : "stack"));
	if (!rule)
		return row;
	rule_text(rule, text, sizeof(text));
	json_t *file = json_string(path), *shown = json_string(text);
	json_object_set_new(row, "file", file ? file : json_string("?"));
	json_object_set_new(row, "line", json_integer(rule->line));
	json_object_set_new(row, "rule", shown ? shown : json_string("?"));
	return row;
}

static void print_where(const json_t *row)
{
	if (has(row, "line"))
		printf("%s:%lld: %s", get_string(row, "file", "?"), get_int(row, "line"),
		       get_string(row, "rule", "?"));
	else
		printf("no rule decides");
}

/* Prints the document and lets go of it. */
static int show(const struct ctl *ctl, json_t *list, bool with_use)
{
	size_t i;
	json_t *row, *doc = json_object();

	json_object_set_new(doc, "rules", list);
	if (ctl->json)
		ctl_print_json(doc);
	else
		json_array_foreach(list, i, row)
		{
			if (with_use)
				printf("%s: %s (", get_string(row, "use", "?"),
				       get_string(row, "target", "?"));
			print_where(row);
			puts(with_use ? ")" : "");
		}
	json_decref(doc);
	return CTL_OK;
}

/* --- the commands */

static int wrong(const char *what, const char *why)
{
	fprintf(stderr, "xtcpctl: rules: %s: %s\n", what, why);
	return CTL_USAGE;
}

static int show_all(const struct ctl *ctl, const char *path)
{
	static struct rules r;
	json_t *list = json_array();

	if (!read_rules(path, &r)) {
		json_decref(list);
		return CTL_REFUSED;
	}
	for (unsigned i = 0; i < r.count; i++)
		json_array_append_new(list, row_of(path, &r.rule[i]));
	return show(ctl, list, false);
}

static bool parse_endpoint(const char *text, uint32_t *v4, uint16_t *port)
{
	char address[INET_ADDRSTRLEN];
	struct in_addr a;
	const char *colon = strchr(text, ':');
	char *end;

	if (!colon || colon[1] < '0' || colon[1] > '9' || (size_t)(colon - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(colon - text));
	address[colon - text] = '\0';
	unsigned long n = strtoul(colon + 1, &end, 10);
	if (*end || n > 65535 || inet_pton(AF_INET, address, &a) != 1)
		return false;
	*v4 = ntohl(a.s_addr);
	*port = (uint16_t)n;
	return true;
}

static json_t *decide(const struct rules *r, enum rule_use use, uint32_t v4, uint16_t port,
		      const struct rules_program *who)
{
	json_t *row = row_of(rules_path(), rules_find(r, use, v4, port, who));

	json_object_set_new(row, "use", json_string(use == RULE_BIND ? "bind" : "connect"));
	return row;
}

/* test ADDRESS:PORT [bind|connect] [PROGRAM] */
static int test(const struct ctl *ctl, int argc, char **argv)
{
	static struct rules r;
	struct rules_program who = {.file = ""};
	uint32_t v4;
	uint16_t port;
	unsigned uses = RULE_BOTH;
	int i = 1;

	if (argc < 1 || !parse_endpoint(argv[0], &v4, &port))
		return wrong(argc < 1 ? "test" : argv[0], "ADDRESS:PORT, please");
	if (i < argc && (!strcmp(argv[i], "bind") || !strcmp(argv[i], "listen")))
		uses = RULE_BIND, i++;
	else if (i < argc && !strcmp(argv[i], "connect"))
		uses = RULE_CONNECT, i++;
	if (i < argc) {
		snprintf(who.file, sizeof(who.file), "%s", argv[i]);
		snprintf(who.comm, sizeof(who.comm), "%.15s", argv[i++]);
	}
	if (i < argc)
		return wrong(argv[i], "one word too many");
	if (!read_rules(rules_path(), &r))
		return CTL_REFUSED;
	json_t *list = json_array();
	if (uses & RULE_BIND)
		json_array_append_new(list, decide(&r, RULE_BIND, v4, port, &who));
	if (uses & RULE_CONNECT)
		json_array_append_new(list, decide(&r, RULE_CONNECT, v4, port, &who));
	return show(ctl, list, true);
}

static int check(const char *path)
{
	static struct rules r;
	return read_rules(path, &r) ? CTL_OK : CTL_REFUSED;
}

int cmd_rules(const struct ctl *ctl, int argc, char **argv)
{
	if (argc == 1 || (argc == 2 && !strcmp(argv[1], "show")))
		return show_all(ctl, rules_path());
	if (!strcmp(argv[1], "test"))
		return test(ctl, argc - 2, argv + 2);
	if (!strcmp(argv[1], "check") && argc <= 3)
		return check(argc == 3 ? argv[2] : rules_path());
	return wrong(argv[argc > 2 ? 2 : 1], "not understood (xtcpctl help rules)");
}
