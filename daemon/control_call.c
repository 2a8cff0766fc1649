/* SPDX-License-Identifier: MIT */
/*
 * From a line to an answer: the words of a request, the table of commands, and the errors they
 * share. Whether a request was one of ours is counted; what it says is never logged.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/control_impl.h"

const struct control_command control_commands[] = {
    {"capture",
     "capture [pcapng | text] [count N] [snap BYTES] [FILTER]; FILTER: host ADDRESS, port N, tcp, "
     "icmp, arp, drop, comment, joined by and",
     "each frame in and out, with what the stack said about it, until the client closes",
     control_capture},
    {"help", "help [COMMAND]", "what there is to ask", control_help},
    {"limits", "limits", "what one user may have, and what each has", control_limits},
    {"link",
     "link [impair [in | out | both] off | WORD=VALUE...]; WORDs: loss= burst=ENTER%/LEAVE% delay= "
     "jitter= reorder= duplicate= corrupt= mark= rate= limit= seed=",
     "the link: addresses, offloads, frames and bytes; a bad network on it", control_link},
    {"neigh", "neigh [show | add ADDRESS lladdr MAC | del ADDRESS | flush]",
     "who on the link has which address (ARP)", control_neigh},
    {"nstat", "nstat", "the SNMP counters, what was dropped and why", control_nstat},
    {"ps", "ps", "by process: sockets left to the kernel, calls and options refused", control_ps},
    {"route",
     "route [show | get ADDRESS | add ROUTE | replace ROUTE | del PREFIX [via ADDRESS]]; ROUTE: "
     "PREFIX|default "
     "[via ADDRESS] [src ADDRESS] [mtu N] [advmss N] [window N] [initcwnd N] [metric N]",
     "routes", control_route},
    {"ss",
     "ss [all | listening] [info] [kill] [state NAME]... [exclude NAME]... [EXPRESSION]; "
     "EXPRESSION: "
     "sport "
     "= :PORT, dport >= :PORT, src ADDRESS[/N][:PORT], dst != ..., joined by and, or, not, ( )",
     "TCP sockets; connections alone unless told otherwise", control_ss},
    {"status", "status", "xtcpd itself, and how many sockets there are of each kind",
     control_status},
    {"sysctl", "sysctl [NAME | NAME=VALUE]...", "what can be tuned", control_sysctl},
    {"tcp_metrics", "tcp_metrics [show | flush [ADDRESS]]",
     "what is remembered of other hosts: Fast Open's cookies", control_metrics},
    {"trace", "trace [ADDRESS][:PORT]",
     "what happens to connections, a line an event, until the client closes", control_trace},
    {NULL, NULL, NULL, NULL},
};

json_t *control_error(const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	json_t *doc = json_object();
	json_t *string = json_string(text); /* NULL if the request's words are not UTF-8 */
	control_set(doc, "error", string ? string : json_string("not understood"));
	return doc;
}

json_t *control_refuse_change(const struct control_call *call)
{
	if (call->may_change)
		return NULL;
	return control_error("%s: changes are for root and the user of xtcpd only", call->argv[0]);
}

static const struct control_command *find(const char *name)
{
	for (const struct control_command *c = control_commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

json_t *control_misused(json_t *error)
{
	control_set(error, "usage", json_true());
	return error;
}

json_t *control_usage(const struct control_call *call)
{
	return control_misused(control_error("usage: %s", find(call->argv[0])->usage));
}

json_t *control_take_dev(struct control_call *call)
{
	for (int i = 1; i + 1 < call->argc; i++) {
		if (strcmp(call->argv[i], "dev") != 0)
			continue;
		if (strcmp(call->argv[i + 1], call->d->link.name) != 0)
			return control_error("there is no device %.64s: the stack's is %s",
					     call->argv[i + 1], call->d->link.name);
		for (int k = i; k + 2 < call->argc; k++)
			call->argv[k] = call->argv[k + 2];
		call->argc -= 2;
		i--;
	}
	return NULL;
}

json_t *control_done(void)
{
	return json_object();
}

/* False: more words than any request has. */
static bool split(struct control_call *call, char *line)
{
	char *save = NULL;

	for (char *w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
		if (call->argc == CONTROL_WORDS_MAX)
			return false;
		call->argv[call->argc++] = w;
	}
	return true;
}

static json_t *run(struct control_call *call, char *line)
{
	if (!split(call, line))
		return control_error("too many words");
	if (call->argc == 0)
		return control_error("an empty request: try help");
	const struct control_command *command = find(call->argv[0]);
	if (!command)
		return control_error("no such command: %.64s: try help", call->argv[0]);
	return command->run(call);
}

void control_execute(struct daemon *d, char *line, bool may_change, struct control_buffer *out,
		     struct control_stream **stream)
{
	struct control_call call = {.d = d, .may_change = may_change};

	daemon_count(d, XtcpdControlRequests);
	json_t *doc = run(&call, line);
	*stream = call.stream;
	if (*stream)
		return;
	if (json_object_get(doc, "error"))
		daemon_count(d, XtcpdControlErrors);
	control_append_json(out, doc);
	control_append(out, "\n", 1);
	json_decref(doc);
}
