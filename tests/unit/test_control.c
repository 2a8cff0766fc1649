/* SPDX-License-Identifier: MIT */
/* What each command of the control socket answers, about a stack in memory. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/control_impl.h"
#include "stack/base/snmp.h"
#include "stack/link/neigh.h"
#include "stack/tcp/tcp.h"
#include "tests/unit/bench.h"
#include "tests/unit/suites.h"

/* --- commands */

/* The answer to a line; *pieces counts how often the stream was asked. */
static json_t *ask_as(struct daemon *d, const char *line, bool may_change, unsigned *pieces)
{
	char copy[CONTROL_LINE_MAX + 1];
	struct control_buffer out = {0};
	struct control_stream *stream = NULL;
	bool more = true;

	snprintf(copy, sizeof(copy), "%s", line);
	control_execute(d, copy, may_change, &out, &stream);
	for (unsigned n = 1; stream && more; n++) {
		more = stream->next(stream, &out);
		if (pieces)
			*pieces = n;
	}
	if (stream)
		stream->free(stream);
	ck_assert(!out.failed && out.len > 0);
	ck_assert_int_eq(out.data[out.len - 1], '\n');
	ck_assert_ptr_eq(memchr(out.data, '\n', out.len), out.data + out.len - 1);
	json_t *doc = json_loadb(out.data, out.len, 0, NULL);
	ck_assert_msg(doc != NULL, "%.*s", (int)out.len, out.data);
	control_buffer_free(&out);
	return doc;
}

static json_t *ask(struct daemon *d, const char *line)
{
	json_t *doc = ask_as(d, line, true, NULL);
	ck_assert_msg(!json_object_get(doc, "error"), "%s: %s", line,
		      json_string_value(json_object_get(doc, "error")));
	return doc;
}

static void refused(struct daemon *d, const char *line)
{
	json_t *doc = ask_as(d, line, true, NULL);
	ck_assert_msg(json_is_string(json_object_get(doc, "error")), "%s: not refused", line);
	json_decref(doc);
}

static const char *text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s ? s : "(missing)";
}

static long long number(const json_t *object, const char *key)
{
	ck_assert_msg(json_is_integer(json_object_get(object, key)), "%s is missing", key);
	return json_integer_value(json_object_get(object, key));
}

/* The row of a list whose `key` is `value`, or NULL. */
static json_t *row_with(const json_t *list, const char *key, const char *value)
{
	size_t i;
	json_t *row;

	json_array_foreach(list, i, row) if (!strcmp(text(row, key), value)) return row;
	return NULL;
}

START_TEST(help_lists_every_command)
{
	struct daemon *d = bench_new();
	json_t *doc = ask(d, "help");
	const json_t *list = json_object_get(doc, "commands");
	size_t n = 0;

	for (; control_commands[n].name; n++)
		ck_assert_ptr_nonnull(row_with(list, "name", control_commands[n].name));
	ck_assert_uint_eq(json_array_size(list), n);
	json_decref(doc);
	doc = ask(d, "help ss");
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "commands")), 1);
	json_decref(doc);
	bench_free(d);
}
END_TEST

static const char *const wrong_lines[] = {
    "",
    " \t\r",
    "frob",
    "SS",
    "link up",
    "nstat x",
    "status x",
    "ss frob",
    "ss state",
    "ss state frob",
    "ss sport 65536",
    "ss src 1.2.3",
    "ss src 1.2.3.4/33",
    "ss sport",
    "ss sport =",
    "ss sport = :http",
    "ss src > 1.2.3.4",
    "ss ( sport = :80",
    "ss sport = :80 )",
    "ss ( )",
    "ss not",
    "ss kill",
    "ss all kill",
    "ss sport = :80 or",
    "ss or sport = :80",
    "ss -x",
    "neigh frob",
    "neigh show dev eth0",
    "route show dev eth0",
    "route add 192.0.2.0/24 dev",
    "neigh add",
    "neigh add 10.77.0.9 lladdr",
    "neigh add 10.77.0.9 lladdr 02:00:00:00:00:0g",
    "neigh add 10.77.0.9 lladdr 01:00:00:00:00:01",
    "neigh add 224.0.0.1 lladdr 02:00:00:00:00:01",
    "neigh add 10.77.0.255 lladdr 02:00:00:00:00:01",
    "neigh add 10.77.0.2 lladdr 02:00:00:00:00:01",
    "neigh add 10.77.0.9 mac 02:00:00:00:00:01",
    "neigh del 10.77.0.200",
    "neigh flush all",
    "tcp_metrics frob",
    "tcp_metrics show all",
    "tcp_metrics flush frob",
    "tcp_metrics flush 10.77.0.9",
    "route add",
    "route add nonsense",
    "route add 10.0.0.0/8 via",
    "route add 10.0.0.1/8 via 10.77.0.1",
    "route add 10.0.0.0/8 via 192.0.2.1",
    "route del 10.0.0.0/8",
    "route get",
    "route get 255.255.255.255",
    "route frob",
    "sysctl net.ipv4.frob",
    "sysctl net.ipv4.frob=1",
    "sysctl net.ipv4.tcp_sack=2",
    "sysctl net.ipv4.tcp_sack=",
    "sysctl =1",
    ("1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 "
     "7 "
     "8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0"),
    "\xff\xfe",
    "sysctl \xff\xfe",
};

START_TEST(a_wrong_line_is_refused_and_counted)
{
	struct daemon *d = bench_new();

	refused(d, wrong_lines[_i]);
	ck_assert_uint_eq(d->counter[XtcpdControlRequests], 1);
	ck_assert_uint_eq(d->counter[XtcpdControlErrors], 1);
	bench_free(d);
}
END_TEST

static const char *const changes[] = {
    "neigh add 10.77.0.9 lladdr 02:00:00:00:00:01",
    "neigh del 10.77.0.1",
    "neigh flush",
    "tcp_metrics flush",
    "route add 10.0.0.0/8 via 10.77.0.1",
    "route del 10.77.0.0/24",
    "route replace default via 10.77.0.1",
    "sysctl net.ipv4.tcp_sack=0",
    "sysctl net.ipv4.tcp_sack = 0",
    "ss kill sport = :80",
};

START_TEST(a_change_needs_the_right_to)
{
	struct daemon *d = bench_new();

	json_t *doc = ask_as(d, changes[_i], false, NULL);
	ck_assert_ptr_nonnull(strstr(text(doc, "error"), "root"));
	json_decref(doc);
	ck_assert_uint_eq(stack_sysctls(d->stack)->tcp_sack, 1);
	json_decref(ask(d, changes[_i]));
	bench_free(d);
}
END_TEST

START_TEST(nstat_has_every_counter_and_reason)
{
	struct daemon *d = bench_new();

	stack_input(d->stack, bench_runt(d));
	json_t *doc = ask(d, "nstat");
	const json_t *counters = json_object_get(doc, "counters");
	ck_assert_uint_eq(json_object_size(counters), SNMP_MAX);
	ck_assert_int_eq(number(counters, "TcpExtListenDrops"), 0);
	ck_assert_int_eq(number(json_object_get(doc, "drops"), "FRAME_TOO_SHORT"), 1);
	ck_assert_uint_eq(json_object_size(json_object_get(doc, "drops")), DROP_MAX - 1);
	ck_assert_int_eq(number(json_object_get(doc, "daemon"), "XtcpdControlRequests"), 1);
	json_decref(doc);
	bench_free(d);
}
END_TEST

START_TEST(link_shows_addresses_and_counts)
{
	struct daemon *d = bench_new();

	stack_input(d->stack, bench_runt(d));
	json_t *doc = ask(d, "link");
	ck_assert_str_eq(text(doc, "name"), "xtcp0");
	ck_assert_int_eq(number(doc, "mtu"), stack_config(d->stack)->mtu_bytes);
	const json_t *inet = json_array_get(json_object_get(doc, "inet"), 0);
	ck_assert_str_eq(text(inet, "address"), "10.77.0.2");
	ck_assert_int_eq(number(inet, "prefix_len"), 24);
	ck_assert_int_eq(number(json_object_get(doc, "rx"), "packets"), 1);
	ck_assert_int_eq(number(json_object_get(doc, "rx"), "dropped"), 1);
	json_decref(doc);
	bench_free(d);
}
END_TEST

START_TEST(neighbours_are_shown_added_deleted_and_flushed)
{
	struct daemon *d = bench_new();

	json_t *doc = ask(d, "neigh");
	json_t *row = row_with(json_object_get(doc, "neighbours"), "dst", "10.77.0.1");
	ck_assert_str_eq(text(row, "state"), "PERMANENT");
	json_decref(doc);

	json_decref(ask(d, "neigh add 10.77.0.9 lladdr 02:00:00:00:00:AB"));
	doc = ask(d, "neigh show");
	row = row_with(json_object_get(doc, "neighbours"), "dst", "10.77.0.9");
	ck_assert_str_eq(text(row, "lladdr"), "02:00:00:00:00:ab");
	json_decref(doc);

	json_decref(ask(d, "neigh flush"));
	json_decref(ask(d, "neigh del 10.77.0.9"));
	doc = ask(d, "neigh");
	ck_assert_ptr_null(row_with(json_object_get(doc, "neighbours"), "dst", "10.77.0.9"));
	ck_assert_ptr_nonnull(row_with(json_object_get(doc, "neighbours"), "dst", "10.77.0.1"));
	json_decref(doc);
	bench_free(d);
}
END_TEST

START_TEST(routes_are_shown_added_used_and_deleted)
{
	struct daemon *d = bench_new();

	json_t *doc = ask(d, "route");
	json_t *row = row_with(json_object_get(doc, "routes"), "dst", "10.77.0.0/24");
	ck_assert_str_eq(text(row, "protocol"), "kernel");
	ck_assert_str_eq(text(row, "scope"), "link");
	json_decref(doc);
	refused(d, "route get 192.0.2.7");

	json_decref(ask(d, "route add 192.0.2.0/24 via 10.77.0.1 mtu 1400 window 8192 metric 5"));
	json_decref(ask(d, "route add default via 10.77.0.3"));
	refused(d, "route add default via 10.77.0.3");
	doc = ask(d, "route show");
	row = row_with(json_object_get(doc, "routes"), "dst", "192.0.2.0/24");
	ck_assert_str_eq(text(row, "gateway"), "10.77.0.1");
	ck_assert_int_eq(number(row, "mtu"), 1400);
	ck_assert_int_eq(number(row, "window"), 8192);
	ck_assert_int_eq(number(row, "metric"), 5);
	ck_assert_ptr_nonnull(row_with(json_object_get(doc, "routes"), "dst", "default"));
	json_decref(doc);

	doc = ask(d, "route get 192.0.2.7");
	row = json_array_get(json_object_get(doc, "routes"), 0);
	ck_assert_str_eq(text(row, "gateway"), "10.77.0.1");
	ck_assert_str_eq(text(row, "prefsrc"), "10.77.0.2");
	ck_assert_int_eq(number(row, "mtu"), 1400);
	json_decref(doc);
	doc = ask(d, "route get 127.0.0.1");
	row = json_array_get(json_object_get(doc, "routes"), 0);
	ck_assert_str_eq(text(row, "type"), "local");
	json_decref(doc);

	json_decref(ask(d, "route replace 192.0.2.0/24 via 10.77.0.9 metric 5"));
	doc = ask(d, "route");
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "routes")), 3);
	row = row_with(json_object_get(doc, "routes"), "dst", "192.0.2.0/24");
	ck_assert_str_eq(text(row, "gateway"), "10.77.0.9");
	ck_assert_ptr_null(json_object_get(row, "mtu"));
	json_decref(doc);
	refused(d, "route replace 192.0.2.0/24 via 192.0.3.1 metric 5");
	refused(d, "route replace 10.77.0.0/24 via 10.77.0.9");		    /* the address's own */
	json_decref(ask(d, "route replace 198.51.100.0/24 via 10.77.0.9")); /* there is none */
	json_decref(ask(d, "route del 198.51.100.0/24"));

	json_decref(ask(d, "route del 192.0.2.0/24"));
	refused(d, "route del 192.0.2.0/24");
	bench_free(d);
}
END_TEST

START_TEST(sysctls_are_listed_read_and_set)
{
	struct daemon *d = bench_new();
	unsigned n = 0;

	json_t *doc = ask(d, "sysctl");
	while (sysctl_name(n))
		n++;
	ck_assert_uint_eq(json_object_size(json_object_get(doc, "sysctls")), n);
	json_decref(doc);

	doc = ask(d, "sysctl tcp_sack net.core.somaxconn");
	ck_assert_str_eq(text(json_object_get(doc, "sysctls"), "net.ipv4.tcp_sack"), "1");
	ck_assert_str_eq(text(json_object_get(doc, "sysctls"), "net.core.somaxconn"), "4096");
	json_decref(doc);

	doc = ask(d, "sysctl net.ipv4.tcp_rmem=8192  65536 1048576");
	ck_assert_str_eq(text(json_object_get(doc, "sysctls"), "net.ipv4.tcp_rmem"),
			 "8192 65536 1048576");
	json_decref(doc);
	ck_assert_uint_eq(stack_sysctls(d->stack)->tcp_rmem[0], 8192);
	json_decref(ask(d, "sysctl tcp_sack = 0"));
	ck_assert_uint_eq(stack_sysctls(d->stack)->tcp_sack, 0);
	bench_free(d);
}
END_TEST

/* --- ss */

static struct tcp_sock *connect_loopback(struct daemon *d, uint16_t port)
{
	struct sock_addr to = {.addr = ip_v4(0x7f000001), .port = port};
	int err;
	struct tcp_sock *sk = tcp_socket(d->stack, NULL, 1000, &err);

	ck_assert_ptr_nonnull(sk);
	ck_assert_int_eq(tcp_connect(sk, &to), 0);
	stack_flush(d->stack);
	stack_advance(d->stack, stack_now_us(d->stack) + 10000);
	stack_flush(d->stack);
	ck_assert_int_eq(tcp_state(sk), TCP_ESTABLISHED);
	return sk;
}

static size_t count(struct daemon *d, const char *line)
{
	json_t *doc = ask(d, line);
	size_t n = json_array_size(json_object_get(doc, "sockets"));
	json_decref(doc);
	return n;
}

START_TEST(ss_shows_a_listener_s_queue)
{
	struct daemon *d = bench_new();

	bench_listen(d, 80, 7);
	connect_loopback(d, 80);
	json_t *doc = ask(d, "ss listening");
	json_t *row = json_array_get(json_object_get(doc, "sockets"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "sockets")), 1);
	ck_assert_str_eq(text(row, "state"), "LISTEN");
	ck_assert_int_eq(number(row, "recv_q"), 1);
	ck_assert_int_eq(number(row, "send_q"), 7);
	ck_assert_str_eq(text(row, "local_address"), "0.0.0.0");
	ck_assert_int_eq(number(row, "local_port"), 80);
	ck_assert_str_eq(text(row, "peer_address"), "0.0.0.0");
	ck_assert_int_eq(number(row, "peer_port"), 0);
	ck_assert_int_eq(number(row, "uid"), 1000);
	json_decref(doc);
	bench_free(d);
}
END_TEST

START_TEST(ss_filters_by_state_port_and_address)
{
	struct daemon *d = bench_new();

	bench_listen(d, 80, 7);
	bench_listen(d, 81, 7);
	connect_loopback(d, 80);
	ck_assert_uint_eq(count(d, "ss"), 2); /* both ends */
	ck_assert_uint_eq(count(d, "ss all"), 4);
	ck_assert_uint_eq(count(d, "ss -a"), 4);
	ck_assert_uint_eq(count(d, "ss -ltn"), 2);
	ck_assert_uint_eq(count(d, "ss state established"), 2);
	ck_assert_uint_eq(count(d, "ss state listening state established"), 4);
	ck_assert_uint_eq(count(d, "ss exclude established"), 2);
	ck_assert_uint_eq(count(d, "ss state time-wait"), 0);
	ck_assert_uint_eq(count(d, "ss sport 80"), 1);
	ck_assert_uint_eq(count(d, "ss dport 80"), 1);
	ck_assert_uint_eq(count(d, "ss all sport 80"), 2);
	ck_assert_uint_eq(count(d, "ss all sport = :80"), 2);
	ck_assert_uint_eq(count(d, "ss all sport != :80"), 2);
	ck_assert_uint_eq(count(d, "ss all not sport eq :80"), 2);
	ck_assert_uint_eq(count(d, "ss all ( sport = :80 or dport = :80 )"), 3);
	ck_assert_uint_eq(count(d, "ss all sport = :80 or dport = :80 and state listening"), 1);
	ck_assert_uint_eq(count(d, "ss all sport = :80 dport != :0"), 1);
	ck_assert_uint_eq(count(d, "ss all not ( sport = :80 or dport = :80 )"), 1);
	ck_assert_uint_eq(count(d, "ss all not not sport = :80"), 2);
	ck_assert_uint_eq(count(d, "ss all sport <= :80"), 2);
	ck_assert_uint_eq(count(d, "ss all sport < :80"), 0);
	ck_assert_uint_eq(count(d, "ss all sport >= 80 and sport < 81"), 2);
	ck_assert_uint_eq(count(d, "ss all sport > 65535 or dport lt 0"), 0);
	ck_assert_uint_eq(count(d, "ss dst 127.0.0.1:80"), 1);
	ck_assert_uint_eq(count(d, "ss all src *:80"), 2);
	ck_assert_uint_eq(count(d, "ss dst != 127.0.0.1:80"), 1);
	ck_assert_uint_eq(count(d, "ss src 127.0.0.0/8"), 2);
	ck_assert_uint_eq(count(d, "ss src 10.77.0.2"), 0);
	ck_assert_uint_eq(count(d, "ss all dst 0.0.0.0/0"), 4);
	refused(
	    d,
	    "ss ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( sport = :80 ) ) ) ) ) ) ) ) ) ) ) ) ) ) ) ) )");
	refused(d, "ss sport 1 sport 1 sport 1 sport 1 sport 1 sport 1 sport 1 sport 1 sport 1 "
		   "sport 1 sport 1 sport 1 sport 1 sport 1 sport 1 sport 1 sport 1 sport 1 "
		   "sport 1 sport 1 sport 1 sport 1 sport 1 sport 1 sport 1");
	bench_free(d);
}
END_TEST

START_TEST(ss_info_is_tcp_info)
{
	struct daemon *d = bench_new();

	bench_listen(d, 80, 7);
	struct tcp_sock *sk = connect_loopback(d, 80);
	struct tcp_info info;
	tcp_get_info(sk, &info);
	json_t *doc = ask(d, "ss info dport 80");
	json_t *row = json_array_get(json_object_get(doc, "sockets"), 0);
	json_t *shown = json_object_get(row, "info");
	ck_assert_str_eq(text(row, "congestion"), "cubic");
	ck_assert_int_eq(number(shown, "snd_mss"), info.tcpi_snd_mss);
	ck_assert_int_eq(number(shown, "rto"), info.tcpi_rto);
	ck_assert_int_eq(number(shown, "snd_cwnd"), info.tcpi_snd_cwnd);
	ck_assert_int_eq(number(shown, "snd_wscale"), info.tcpi_snd_wscale);
	ck_assert(json_is_true(json_object_get(shown, "ts")));
	ck_assert(json_is_true(json_object_get(shown, "sack")));
	ck_assert_int_eq(number(shown, "segs_out"), info.tcpi_segs_out);
	json_decref(doc);
	doc = ask(d, "ss dport 80");
	ck_assert_ptr_null(
	    json_object_get(json_array_get(json_object_get(doc, "sockets"), 0), "info"));
	json_decref(doc);
	bench_free(d);
}
END_TEST

START_TEST(ss_shows_a_half_open_connection)
{
	struct daemon *d = bench_new();
	struct sock_addr to = {.addr = ip_v4(PEER_V4), .port = 9};
	int err;
	struct tcp_sock *sk = tcp_socket(d->stack, NULL, 0, &err);

	ck_assert_int_eq(tcp_connect(sk, &to), 0);
	stack_flush(d->stack);
	json_t *doc = ask(d, "ss state syn-sent");
	json_t *row = json_array_get(json_object_get(doc, "sockets"), 0);
	ck_assert_str_eq(text(row, "state"), "SYN-SENT");
	ck_assert_str_eq(text(row, "peer_address"), "10.77.0.1");
	ck_assert_str_eq(text(json_object_get(row, "timer"), "name"), "on");
	json_decref(doc);
	bench_free(d);
}
END_TEST

START_TEST(ss_of_many_sockets_comes_in_pieces)
{
	struct daemon *d = bench_new();
	unsigned pieces = 0;

	for (uint16_t port = 1000; port < 2000; port++)
		bench_listen(d, port, 1);
	json_t *doc = ask_as(d, "ss all", false, &pieces);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "sockets")), 1000);
	ck_assert_uint_gt(pieces, 10);
	json_decref(doc);
	bench_free(d);
}
END_TEST

START_TEST(ss_is_what_was_there_when_it_was_asked)
{
	struct daemon *d = bench_new();
	struct tcp_sock *sk[100];
	struct control_buffer out = {0};
	struct control_stream *stream = NULL;
	char line[] = "ss all info";

	for (int i = 0; i < 100; i++)
		sk[i] = bench_listen(d, (uint16_t)(1000 + i), 1);
	control_execute(d, line, false, &out, &stream);
	ck_assert_ptr_nonnull(stream);
	ck_assert(stream->next(stream, &out));
	for (int i = 0; i < 100; i++)
		tcp_close(sk[i], false);
	while (stream->next(stream, &out))
		;
	stream->free(stream);
	json_t *doc = json_loadb(out.data, out.len, 0, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "sockets")), 100);
	json_decref(doc);
	control_buffer_free(&out);
	bench_free(d);
}
END_TEST

START_TEST(status_counts_sockets)
{
	struct daemon *d = bench_new();

	bench_listen(d, 80, 7);
	connect_loopback(d, 80);
	json_t *doc = ask(d, "status");
	json_t *n = json_object_get(doc, "sockets");
	ck_assert_int_eq(number(n, "established"), 2);
	ck_assert_int_eq(number(n, "listeners"), 1);
	ck_assert_int_eq(number(doc, "pid"), getpid());
	json_decref(doc);
	bench_free(d);
}
END_TEST

Suite *control_suite(void)
{
	Suite *s = suite_create("control");
	TCase *t = tcase_create("commands");

	tcase_add_test(t, help_lists_every_command);
	tcase_add_loop_test(t, a_wrong_line_is_refused_and_counted, 0,
			    (int)(sizeof(wrong_lines) / sizeof(wrong_lines[0])));
	tcase_add_loop_test(t, a_change_needs_the_right_to, 0,
			    (int)(sizeof(changes) / sizeof(changes[0])));
	tcase_add_test(t, nstat_has_every_counter_and_reason);
	tcase_add_test(t, link_shows_addresses_and_counts);
	tcase_add_test(t, neighbours_are_shown_added_deleted_and_flushed);
	tcase_add_test(t, routes_are_shown_added_used_and_deleted);
	tcase_add_test(t, sysctls_are_listed_read_and_set);
	suite_add_tcase(s, t);

	t = tcase_create("ss");
	tcase_add_test(t, ss_shows_a_listener_s_queue);
	tcase_add_test(t, ss_filters_by_state_port_and_address);
	tcase_add_test(t, ss_info_is_tcp_info);
	tcase_add_test(t, ss_shows_a_half_open_connection);
	tcase_add_test(t, ss_of_many_sockets_comes_in_pieces);
	tcase_add_test(t, ss_is_what_was_there_when_it_was_asked);
	tcase_add_test(t, status_counts_sockets);
	suite_add_tcase(s, t);

	return s;
}
