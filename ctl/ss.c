/* SPDX-License-Identifier: MIT */
/*
 * `ss`: TCP sockets as ss(8) prints them. Flags say what is shown of each and, with the filter,
 * which ones: that part travels to xtcpd, so that what is not wanted is not sent.
 */
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ss.h"

struct ss_options {
	bool all, listening, numeric, info, processes, timers, extended, no_header, one_line, kill;
	bool tcp, ipv4, others, ipv6; /* which sockets; none of these: all there are */
};

static const struct option longs[] = {
    {"all", no_argument, NULL, 'a'},	 {"listening", no_argument, NULL, 'l'},
    {"tcp", no_argument, NULL, 't'},	 {"numeric", no_argument, NULL, 'n'},
    {"info", no_argument, NULL, 'i'},	 {"processes", no_argument, NULL, 'p'},
    {"options", no_argument, NULL, 'o'}, {"extended", no_argument, NULL, 'e'},
    {"summary", no_argument, NULL, 's'}, {"no-header", no_argument, NULL, 'H'},
    {"ipv4", no_argument, NULL, '4'},	 {"ipv6", no_argument, NULL, '6'},
    {"udp", no_argument, NULL, 'u'},	 {"raw", no_argument, NULL, 'w'},
    {"unix", no_argument, NULL, 'x'},	 {"oneline", no_argument, NULL, 'O'},
    {"kill", no_argument, NULL, 'K'},	 {NULL, 0, NULL, 0},
};

/* --- one socket */

static const char *port_text(const struct ss_options *o, long long port, char text[32])
{
	const struct servent *service = NULL;

	if (port == 0)
		return "*";
	if (!o->numeric)
		service = getservbyport((int)((port & 0xff) << 8 | (port >> 8 & 0xff)), "tcp");
	if (service)
		snprintf(text, 32, "%s", service->s_name);
	else
		snprintf(text, 32, "%lld", port);
	return text;
}

/* As ss has it: "1min59sec", "2.345ms", "450ms". */
static void time_text(char *text, size_t size, long long ms)
{
	long long seconds = ms / 1000, minutes = seconds / 60;
	int n = 0;

	seconds %= 60;
	ms = minutes || seconds > 9 ? 0 : ms % 1000;
	if (minutes > 9)
		seconds = 0;
	text[0] = '\0';
	if (minutes)
		n = snprintf(text, size, "%lldmin", minutes);
	if (seconds)
		n += snprintf(text + n, size - (size_t)n, "%lld%s", seconds, ms ? "." : "sec");
	if (ms)
		snprintf(text + n, size - (size_t)n, "%03lldms", ms);
}

static void put_users(FILE *f, const json_t *row)
{
	const json_t *users = json_object_get(row, "users"), *process;
	size_t i;
	json_t *user;

	if (json_array_size(users)) {
		fputs("users:(", f);
		json_array_foreach(users, i, user) fprintf(
		    f, "%s(\"%s\",pid=%lld,fd=%lld)", i ? "," : "", get_string(user, "name", "?"),
		    get_int(user, "pid"), get_int(user, "fd"));
		fputs(") ", f);
	} else if ((process = json_object_get(row, "process"))) {
		fprintf(f, "users:((\"%s\",pid=%lld)) ", get_string(process, "name", "?"),
			get_int(process, "pid"));
	}
}

static void put_timer(FILE *f, const json_t *timer)
{
	char left[64];

	if (!timer)
		return;
	time_text(left, sizeof(left), get_int(timer, "expires_ms"));
	fprintf(f, "timer:(%s,%s,%lld) ", get_string(timer, "name", "?"), left,
		get_int(timer, "retransmits"));
}

static void put_details(FILE *f, const json_t *row)
{
	if (get_int(row, "uid"))
		fprintf(f, "uid:%lld ", get_int(row, "uid"));
	if (has(row, "cookie"))
		fprintf(f, "sk:%llx ", get_int(row, "cookie"));
}

/* The Process column; to be freed. */
static char *details(const struct ss_options *o, const json_t *row)
{
	char *text = NULL, *info = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	if (o->processes)
		put_users(f, row);
	if (o->timers)
		put_timer(f, json_object_get(row, "timer"));
	if (o->extended)
		put_details(f, row);
	if (o->info && o->one_line && (info = ss_info_text(row)))
		fputs(info, f);
	free(info);
	fclose(f);
	return text;
}

static void add_row(struct columns *c, const struct ss_options *o, const json_t *row)
{
	char recv_q[24], send_q[24], lport[32], pport[32];
	char *process = details(o, row), *info = o->info && !o->one_line ? ss_info_text(row) : NULL;

	snprintf(recv_q, sizeof(recv_q), "%lld", get_int(row, "recv_q"));
	snprintf(send_q, sizeof(send_q), "%lld", get_int(row, "send_q"));
	const char *cells[] = {
	    get_string(row, "state", "?"),
	    recv_q,
	    send_q,
	    get_string(row, "local_address", "?"),
	    port_text(o, get_int(row, "local_port"), lport),
	    get_string(row, "peer_address", "?"),
	    port_text(o, get_int(row, "peer_port"), pport),
	    process ? process : "",
	};
	columns_row(c, cells, info);
	free(process);
	free(info);
}

static void print_sockets(const struct ss_options *o, const json_t *doc)
{
	static const char *const head[] = {"State", "Recv-Q",	    "Send-Q", "Local Address",
					   "Port",  "Peer Address", "Port",   "Process"};
	struct columns c = {
	    .count = 8,
	    .right = {[3] = true, [5] = true},
	    .gap = {"", " ", " ", " ", ":", " ", ":", " "},
	};
	size_t i;
	json_t *row;

	if (!o->no_header)
		columns_row(&c, head, NULL);
	json_array_foreach(json_object_get(doc, "sockets"), i, row) add_row(&c, o, row);
	columns_print(&c);
	json_decref(c.rows);
}

/* --- -s */

static void print_summary(const json_t *doc)
{
	const json_t *n = json_object_get(doc, "sockets");
	long long sockets = get_int(n, "total") - get_int(n, "timewait");

	printf("Total: %lld\nTCP:   %lld (estab %lld, listen %lld, syn-recv %lld, orphaned %lld, "
	       "timewait %lld)\n",
	       get_int(n, "of_programs"), sockets + get_int(n, "timewait"),
	       get_int(n, "established"), get_int(n, "listeners"), get_int(n, "syn_recv"),
	       get_int(n, "orphaned"), get_int(n, "timewait"));
}

/* --- the command */

/* Of what was asked for there may be none on this stack: UDP, IPv6. */
static bool shows_any(const struct ss_options *o)
{
	return (o->tcp || !o->others) && (o->ipv4 || !o->ipv6);
}

static json_t *no_sockets(void)
{
	json_t *doc = json_object();

	json_object_set_new(doc, "sockets", json_array());
	return doc;
}

static int show(const struct ctl *ctl, const struct ss_options *o, const char *line)
{
	int status = CTL_OK;
	json_t *doc = shows_any(o) ? ctl_ask(ctl, line, &status) : no_sockets();

	if (!doc)
		return status;
	if (o->processes)
		ss_add_users(doc);
	if (ctl->json)
		ctl_print_json(doc);
	else
		print_sockets(o, doc);
	json_decref(doc);
	return status;
}

/* False: not one of ours. */
static bool take_flag(struct ss_options *o, int c)
{
	switch (c) {
	case 'a':
		return o->all = true;
	case 'l':
		return o->listening = true;
	case 'n':
		return o->numeric = true;
	case 'i':
		return o->info = true;
	case 'p':
		return o->processes = true;
	case 'o':
		return o->timers = true;
	case 'e':
		return o->extended = o->timers = true;
	case 'H':
		return o->no_header = true;
	case 'O':
		return o->one_line = true;
	case 'K':
		return o->kill = true;
	case 't':
		return o->tcp = true;
	case '4':
		return o->ipv4 = true;
	case '6':
		return o->ipv6 = true;
	default:
		return c == 'u' || c == 'w' || c == 'x' ? o->others = true : false;
	}
}

int cmd_ss(const struct ctl *ctl, int argc, char **argv)
{
	struct ss_options o = {.all = false};
	struct ctl_line line = {.len = 0};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "altnpioesHOK46uwx", longs, NULL)) != -1) {
		if (c == 's')
			return ctl_show(ctl, "status", print_summary);
		if (!take_flag(&o, c))
			return help_wrong_flag(argv);
	}
	line_word(&line, "ss");
	if (o.all)
		line_word(&line, "all");
	else if (o.listening)
		line_word(&line, "listening");
	if (o.info)
		line_word(&line, "info");
	if (o.kill)
		line_word(&line, "kill");
	ss_filter(&line, argc - optind, argv + optind);
	int status = line_check(&line);
	return status == CTL_OK ? show(ctl, &o, line.text) : status;
}
