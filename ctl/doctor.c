/* SPDX-License-Identifier: MIT */
/* `doctor`: see doctor.h. Exit status 0 unless a check failed; nothing is changed. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/doctor.h"
#include "rpc/rpc.h"
#include "rpc/rules.h"

static const char *const verdict_name[] = {"ok", "note", "?", "FAIL"};

void doctor_say(struct doctor *doc, enum verdict verdict, const char *check, const char *next,
		const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (verdict == DOCTOR_FAIL)
		doc->failed = true;
	json_t *row = json_object();
	json_t *found = json_string(text);
	json_object_set_new(row, "check", json_string(check));
	json_object_set_new(row, "verdict", json_string(verdict_name[verdict]));
	json_object_set_new(row, "found", found ? found : json_string("?"));
	json_object_set_new(row, "next", json_string(next));
	json_array_append_new(doc->rows, row);
}

static void print(const struct doctor *doc)
{
	size_t i;
	json_t *row;

	json_array_foreach(doc->rows, i, row)
	{
		const char *next = get_string(row, "next", "");
		printf("%-4s  %-9s  %s%s%s\n", get_string(row, "verdict", "?"),
		       get_string(row, "check", "?"), get_string(row, "found", "?"),
		       *next ? ": " : "", next);
	}
}

static void print_json(struct doctor *doc)
{
	json_t *whole = json_object();

	json_object_set(whole, "checks", doc->rows);
	json_object_set_new(whole, "failed", json_boolean(doc->failed));
	ctl_print_json(whole);
	json_decref(whole);
}

void doctor_check_rules(struct doctor *doc)
{
	static struct rules r;
	char why[512];

	bool readable = rules_read(rules_path(), &r, why, sizeof(why));
	if (readable && r.count == 0)
		doctor_say(doc, DOCTOR_OK, "rules", "", "none: all traffic is the stack's");
	else if (readable)
		doctor_say(doc, DOCTOR_OK, "rules", "", "%u in %s say what is left to the kernel",
			   r.count, rules_path());
	else
		doctor_say(doc, DOCTOR_FAIL, "rules",
			   "correct it: no program here gets a TCP socket until then", "%s", why);
}

int cmd_doctor(const struct ctl *ctl, int argc, char **argv)
{
	struct doctor doc = {.ctl = ctl, .path = getenv(RPC_ENV_SOCKET), .rows = json_array()};

	if (argc == 2 && !strcmp(argv[1], "--probe"))
		return doctor_probe();
	if (argc > 1)
		return help_wrong(argv[0], argv[1], "it takes no arguments");
	if (!doc.path || !*doc.path)
		doc.path = RPC_PATH;
	doctor_check_daemon(&doc);
	doctor_check_control(&doc);
	doctor_check_preload(&doc);
	doctor_check_rules(&doc);
	doctor_check_limits(&doc);
	doctor_check_tap(&doc);
	doctor_check_addresses(&doc);
	doctor_check_ports(&doc);
	if (ctl->json)
		print_json(&doc);
	else
		print(&doc);
	json_decref(doc.rows);
	json_decref(doc.link);
	json_decref(doc.status);
	json_decref(doc.listeners);
	return doc.failed ? CTL_REFUSED : CTL_OK;
}
