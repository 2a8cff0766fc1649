/* SPDX-License-Identifier: MIT */
/*
 * `nstat`: counters since xtcpd began, as `nstat -a` prints them. A drop is shown as
 * "Drop" + its reason, xtcpd's own counters as "Xtcpd" + what they count. The third column is
 * nstat's rate, which without a history is 0.0.
 */
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

struct selection {
	bool zeros;
	int patterns;
	char **pattern; /* of names; none: all */
};

static bool wanted(const struct selection *s, const char *name)
{
	for (int i = 0; i < s->patterns; i++)
		if (fnmatch(s->pattern[i], name, 0) == 0)
			return true;
	return s->patterns == 0;
}

static void print_group(const struct selection *s, const json_t *doc, const char *group,
			const char *prefix)
{
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(doc, group), key, value)
	{
		char name[128];
		long long n = json_integer_value(value);
		snprintf(name, sizeof(name), "%s%s", prefix, key);
		if ((n || s->zeros) && wanted(s, name))
			printf("%-32s%-16lld%6s\n", name, n, "0.0");
	}
}

/* What is not asked for by its name leaves the document as well. */
static void select_group(const struct selection *s, json_t *doc, const char *group,
			 const char *prefix)
{
	json_t *object = json_object_get(doc, group), *value;
	const char *key;
	void *next;

	json_object_foreach_safe(object, next, key, value)
	{
		char name[128];
		snprintf(name, sizeof(name), "%s%s", prefix, key);
		if (!wanted(s, name))
			json_object_del(object, key);
	}
}

static void print_json(const struct selection *s, json_t *doc)
{
	select_group(s, doc, "counters", "");
	select_group(s, doc, "drops", "Drop");
	select_group(s, doc, "daemon", "");
	ctl_print_json(doc);
}

static void print_all(const struct selection *s, const json_t *doc)
{
	puts("#xtcpd");
	print_group(s, doc, "counters", "");
	print_group(s, doc, "drops", "Drop");
	print_group(s, doc, "daemon", "");
}

int cmd_nstat(const struct ctl *ctl, int argc, char **argv)
{
	struct selection s = {.zeros = false};
	int c, status;

	optind = 0;
	opterr = 0;
	while ((c = getopt(argc, argv, "+asz")) != -1) {
		if (c == '?')
			return help_wrong_flag(argv);
		s.zeros |= c == 'z'; /* -a, -s: absolute values, no history: always so */
	}
	s.patterns = argc - optind;
	s.pattern = argv + optind;
	json_t *doc = ctl_ask(ctl, "nstat", &status);
	if (!doc)
		return status;
	if (ctl->json)
		print_json(&s, doc);
	else
		print_all(&s, doc);
	json_decref(doc);
	return CTL_OK;
}
