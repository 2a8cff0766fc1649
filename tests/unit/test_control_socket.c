/* SPDX-License-Identifier: MIT */
/* The control socket itself, with clients that send in pieces, too much, or never read. */
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

/* --- the socket */

static struct daemon *serve(void)
{
	struct daemon *d = bench_new();

	snprintf(d->config.control_path, sizeof(d->config.control_path),
		 "/tmp/xtcp-test-control.%d", (int)getpid());
	ck_assert_int_eq(control_start(d), 0);
	return d;
}

static void turn(struct daemon *d)
{
	loop_wait(&d->loop, 0);
	timer_wheel_advance(&d->loop.wheel, d->loop.now_us, d);
	loop_dispatch(&d->loop);
}

static int client(struct daemon *d)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, d->config.control_path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void say(int fd, const char *data)
{
	ck_assert_int_eq((int)send(fd, data, strlen(data), MSG_NOSIGNAL), (int)strlen(data));
}

/* The next line, the daemon turning meanwhile; NULL at the end. To be freed. */
static char *hear(struct daemon *d, int fd)
{
	size_t len = 0, cap = 1 << 20;
	char *line = malloc(cap);

	for (int turns = 0; turns < 100000;) {
		ssize_t n = recv(fd, line + len, 1, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			free(line);
			return NULL;
		}
		if (n < 0) {
			turn(d);
			turns++;
			continue;
		}
		if (line[len++] == '\n') {
			line[len] = '\0';
			return line;
		}
		ck_assert_uint_lt(len, cap - 1);
	}
	ck_abort_msg("no answer");
	return NULL;
}

static void heard(struct daemon *d, int fd, const char *part)
{
	char *line = hear(d, fd);

	ck_assert_ptr_nonnull(line);
	ck_assert_msg(strstr(line, part) != NULL, "%s is not in: %.200s", part, line);
	free(line);
}

static void closed(struct daemon *d, int fd)
{
	ck_assert_ptr_null(hear(d, fd));
	close(fd);
}

START_TEST(requests_of_one_connection_are_answered_in_order)
{
	struct daemon *d = serve();
	int fd = client(d);

	say(fd, "status\nsysctl tcp_sack\r\nfrob\nss\n");
	heard(d, fd, "\"uptime_ms\"");
	heard(d, fd, "\"net.ipv4.tcp_sack\":\"1\"");
	heard(d, fd, "\"error\"");
	heard(d, fd, "{\"sockets\":[]}");
	say(fd, "sta");
	turn(d);
	say(fd, "tus\n");
	heard(d, fd, "\"uptime_ms\"");
	close(fd);
	turn(d);
	bench_free(d);
}
END_TEST

START_TEST(a_last_line_needs_no_newline)
{
	struct daemon *d = serve();
	int fd = client(d);

	say(fd, "status");
	shutdown(fd, SHUT_WR);
	heard(d, fd, "\"uptime_ms\"");
	closed(d, fd);
	bench_free(d);
}
END_TEST

START_TEST(a_line_too_long_ends_the_connection)
{
	struct daemon *d = serve();
	char line[CONTROL_LINE_MAX + 100];
	int fd = client(d);

	memset(line, 'a', sizeof(line));
	line[CONTROL_LINE_MAX] = '\n';
	line[CONTROL_LINE_MAX + 1] = '\0';
	say(fd, line);
	heard(d, fd, "no such command");
	line[CONTROL_LINE_MAX] = line[CONTROL_LINE_MAX + 1] = 'a';
	line[sizeof(line) - 1] = '\0';
	say(fd, line);
	heard(d, fd, "at most 1024 bytes");
	closed(d, fd);
	bench_free(d);
}
END_TEST

START_TEST(a_nul_is_no_request)
{
	struct daemon *d = serve();
	int fd = client(d);

	ck_assert_int_eq((int)send(fd, "ss\0all\n", 7, 0), 7);
	heard(d, fd, "\"error\"");
	close(fd);
	bench_free(d);
}
END_TEST

START_TEST(a_client_that_never_reads_is_not_read_from)
{
	struct daemon *d = serve();
	int fd = client(d), other = client(d);
	size_t sent = 0;

	for (int idle = 0; idle < 1000;) {
		ssize_t n = send(fd, "nstat\n", 6, MSG_NOSIGNAL);
		idle = n < 0 ? idle + 1 : 0;
		sent += n > 0 ? (size_t)n : 0;
		ck_assert_uint_lt(sent, 16 << 20);
		turn(d);
	}
	uint64_t requests = d->counter[XtcpdControlRequests];
	ck_assert_uint_lt(requests, sent / 6);
	say(other, "status\n");
	heard(d, other, "\"uptime_ms\"");
	ck_assert_uint_eq(d->counter[XtcpdControlRequests], requests + 1);
	for (int i = 0; i < 10; i++) /* it goes on where it was */
		heard(d, fd, "TcpExtListenDrops");
	close(fd);
	close(other);
	turn(d);
	bench_free(d);
}
END_TEST

START_TEST(a_request_of_one_who_left_is_carried_out)
{
	struct daemon *d = serve();
	int fd = client(d);

	say(fd, "sysctl tcp_sack=0\nsysctl tcp_timestamps=0\n");
	close(fd);
	turn(d);
	turn(d);
	ck_assert_uint_eq(stack_sysctls(d->stack)->tcp_sack, 0);
	ck_assert_uint_eq(stack_sysctls(d->stack)->tcp_timestamps, 0);
	bench_free(d);
}
END_TEST

START_TEST(one_who_leaves_in_mid_answer_costs_nothing)
{
	struct daemon *d = serve();

	for (uint16_t port = 1000; port < 4000; port++)
		bench_listen(d, port, 1);
	int fd = client(d);
	say(fd, "ss all info\n");
	for (int i = 0; i < 5; i++)
		turn(d);
	close(fd);
	turn(d);
	fd = client(d);
	say(fd, "ss listening\n");
	heard(d, fd, "LISTEN");
	close(fd);
	bench_free(d); /* the sanitizer looks for what is left */
}
END_TEST

START_TEST(a_stream_goes_on_until_its_client_shuts_down)
{
	struct daemon *d = serve();
	int fd = client(d);

	say(fd, "capture text\n");
	for (int i = 0; i < 20; i++)
		turn(d);
	ck_assert(d->capture.on);
	for (int i = 0; i < 3; i++) {
		link_input(d, bench_runt(d));
		heard(d, fd, "# dropped: FRAME_TOO_SHORT");
	}
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	heard(d, fd, "{\"captured\":3,\"lost\":0}");
	closed(d, fd);
	ck_assert(!d->capture.on);
	bench_free(d);
}
END_TEST

START_TEST(one_who_leaves_a_stream_listens_no_more)
{
	struct daemon *d = serve();
	int fd[CAPTURE_LISTENERS_MAX + 1];

	for (int i = 0; i <= CAPTURE_LISTENERS_MAX; i++) {
		fd[i] = client(d);
		say(fd[i], "trace\n");
		turn(d);
		turn(d);
	}
	heard(d, fd[CAPTURE_LISTENERS_MAX], "8 listen already");
	for (int i = 0; i <= CAPTURE_LISTENERS_MAX; i++) {
		ck_assert(d->capture.on || i == CAPTURE_LISTENERS_MAX);
		close(fd[i]);
		turn(d);
	}
	ck_assert(!d->capture.on);
	bench_free(d);
}
END_TEST

START_TEST(the_client_still_for_longest_makes_room)
{
	struct daemon *d = serve();
	int fd[80];

	for (int i = 0; i < 80; i++) {
		fd[i] = client(d);
		turn(d);
		if (i < 80 - 1)
			continue;
		say(fd[i], "status\n");
		heard(d, fd[i], "uptime_ms");
	}
	closed(d, fd[0]);
	for (int i = 1; i < 80; i++)
		close(fd[i]);
	bench_free(d);
}
END_TEST

START_TEST(the_path_has_its_mode_and_goes_with_the_daemon)
{
	struct daemon *d = serve();
	char path[CONFIG_PATH_MAX];

	strcpy(path, d->config.control_path);
	ck_assert_int_eq(access(path, F_OK), 0);
	control_stop(d);
	ck_assert_int_eq(access(path, F_OK), -1);
	bench_free(d);
}
END_TEST

Suite *control_socket_suite(void)
{
	Suite *s = suite_create("control socket");
	TCase *t = tcase_create("socket");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, requests_of_one_connection_are_answered_in_order);
	tcase_add_test(t, a_last_line_needs_no_newline);
	tcase_add_test(t, a_line_too_long_ends_the_connection);
	tcase_add_test(t, a_nul_is_no_request);
	tcase_add_test(t, a_client_that_never_reads_is_not_read_from);
	tcase_add_test(t, a_request_of_one_who_left_is_carried_out);
	tcase_add_test(t, one_who_leaves_in_mid_answer_costs_nothing);
	tcase_add_test(t, a_stream_goes_on_until_its_client_shuts_down);
	tcase_add_test(t, one_who_leaves_a_stream_listens_no_more);
	tcase_add_test(t, the_client_still_for_longest_makes_room);
	tcase_add_test(t, the_path_has_its_mode_and_goes_with_the_daemon);
	suite_add_tcase(s, t);
	return s;
}
