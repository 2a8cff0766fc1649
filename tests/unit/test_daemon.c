/* SPDX-License-Identifier: MIT */
/* The daemon's small parts: tombstones, records and their descriptors, the loop, listening files.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/credentials.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/patience.h"
#include "daemon/rpc_record.h"
#include "daemon/tombstone.h"
#include "daemon/unix_listen.h"
#include "tests/unit/bench.h"
#include "tests/unit/suites.h"

/* --- tombstones */

START_TEST(a_tombstone_is_found_until_it_is_the_oldest)
{
	struct tombstones t;
	ck_assert_int_eq(tombstones_init(&t, 4), 0);
	for (uint64_t cookie = 1; cookie <= 4; cookie++)
		tombstone_put(&t, cookie)->error = (int)cookie;
	ck_assert_int_eq(tombstone_find(&t, 1)->error, 1);
	tombstone_put(&t, 5)->error = 5;
	ck_assert_ptr_null(tombstone_find(&t, 1));
	for (uint64_t cookie = 2; cookie <= 5; cookie++)
		ck_assert_int_eq(tombstone_find(&t, cookie)->error, (int)cookie);
	tombstones_destroy(&t);
}
END_TEST

START_TEST(a_second_tombstone_of_one_socket_replaces_the_first)
{
	struct tombstones t;
	ck_assert_int_eq(tombstones_init(&t, 4), 0);
	tombstone_put(&t, 7)->error = ECONNREFUSED;
	tombstone_put(&t, 8);
	ck_assert_int_eq(tombstone_put(&t, 7)->error, 0);
	tombstone_drop(&t, tombstone_find(&t, 7));
	ck_assert_ptr_null(tombstone_find(&t, 7));
	ck_assert_ptr_nonnull(tombstone_find(&t, 8));
	tombstones_destroy(&t);
}
END_TEST

START_TEST(tombstones_of_one_bucket_do_not_mix)
{
	struct tombstones t;
	ck_assert_int_eq(tombstones_init(&t, 8), 0);
	for (uint64_t i = 0; i < 100; i++)
		tombstone_put(&t, i * 8)->error = (int)i;
	for (uint64_t i = 92; i < 100; i++)
		ck_assert_int_eq(tombstone_find(&t, i * 8)->error, (int)i);
	ck_assert_ptr_null(tombstone_find(&t, 91 * 8));
	tombstones_destroy(&t);
}
END_TEST

/* --- records */

static void send_with_fds(int to, const void *data, size_t len, const int *fds, int n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {(void *)data, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (n) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
	}
	ck_assert_int_eq((int)sendmsg(to, &msg, 0), (int)len);
}

static int open_descriptors(void)
{
	int n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(a_record_arrives_with_its_descriptor_and_its_cookie)
{
	int pair[2];
	struct rpc_request sent = {.magic = RPC_MAGIC, .version = RPC_VERSION, .type = RPC_BIND};
	struct rpc_request req;
	struct rpc_received got;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	rpc_receive(pair[1], &req, &got);
	ck_assert_int_eq((int)got.len, -1);
	send_with_fds(pair[0], &sent, sizeof(sent), &pair[0], 1);
	rpc_receive(pair[1], &req, &got);
	ck_assert(rpc_request_valid(&req, got.len));
	ck_assert_int_eq(got.fds, 1);
	ck_assert_uint_eq(got.cookie, socket_cookie(pair[0]));
	ck_assert_uint_ne(got.cookie, socket_cookie(pair[1]));
	rpc_received_close(&got);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(stray_descriptors_are_counted_and_closed)
{
	int pair[2];
	struct rpc_request sent = {.magic = RPC_MAGIC}, req;
	struct rpc_received got;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	int fds[8] = {0, 0, 0, 0, 0, 0, 0, 0}, before = open_descriptors();
	for (int n = 2; n <= 8; n++) {
		send_with_fds(pair[0], &sent, sizeof(sent), fds, n);
		rpc_receive(pair[1], &req, &got);
		ck_assert_int_gt(got.fds, 1);
		rpc_received_close(&got);
		ck_assert_int_eq(open_descriptors(), before);
	}
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(a_descriptor_that_is_no_unix_stream_has_no_cookie)
{
	int inet = socket(AF_INET, SOCK_STREAM, 0), dgram = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_uint_eq(socket_cookie(inet), 0);
	ck_assert_uint_eq(socket_cookie(dgram), 0);
	ck_assert_uint_eq(socket_cookie(-1), 0);
	close(inet);
	close(dgram);
}
END_TEST

START_TEST(a_record_that_is_wrong_anywhere_is_refused)
{
	const struct rpc_request good = {
	    .magic = RPC_MAGIC, .version = RPC_VERSION, .type = RPC_SETSOCKOPT};
	struct rpc_request r = good;
	ck_assert(rpc_request_valid(&r, sizeof(r)));
	ck_assert(!rpc_request_valid(&r, sizeof(r) - 1));
	ck_assert(!rpc_request_valid(&r, -1));
	r.magic++;
	ck_assert(!rpc_request_valid(&r, sizeof(r)));
	r = good;
	r.version++;
	ck_assert(!rpc_request_valid(&r, sizeof(r)));
	r = good;
	r.type = 0;
	ck_assert(!rpc_request_valid(&r, sizeof(r)));
	r.type = RPC_TYPE_MAX;
	ck_assert(!rpc_request_valid(&r, sizeof(r)));
	r = good;
	r.value_len = RPC_VALUE_MAX + 1;
	ck_assert(!rpc_request_valid(&r, sizeof(r)));
	r = good;
	r.flags = RPC_FLAG_MORE << 1;
	ck_assert(!rpc_request_valid(&r, sizeof(r)));
	r = good;
	r.reserved = 1;
	ck_assert(!rpc_request_valid(&r, sizeof(r)));
}
END_TEST

static socklen_t abstract(struct sockaddr_un *sun, const char *name)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	int n = snprintf(sun->sun_path + 1, sizeof(sun->sun_path) - 1, "%s%d", name, (int)getpid());
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

START_TEST(only_the_socket_itself_attaches)
{
	struct sockaddr_un sun;
	socklen_t len = abstract(&sun, "xtcp-test-listen/");
	int l = socket(AF_UNIX, SOCK_STREAM, 0), f = socket(AF_UNIX, SOCK_STREAM, 0),
	    other = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(l, (struct sockaddr *)&sun, len), 0);
	ck_assert_int_eq(listen(l, 5), 0);
	struct sockaddr_un name;
	socklen_t name_len = abstract(&name, RPC_MARK "test/f/");
	ck_assert_int_eq(bind(f, (struct sockaddr *)&name, name_len), 0);
	name_len = abstract(&name, RPC_MARK "test/o/");
	ck_assert_int_eq(bind(other, (struct sockaddr *)&name, name_len), 0);
	ck_assert_int_eq(connect(f, (struct sockaddr *)&sun, len), 0);
	int e = accept(l, NULL, NULL);
	ck_assert(rpc_same_socket(e, f));
	ck_assert(!rpc_same_socket(e, other));
	ck_assert(!rpc_same_socket(e, l));
	close(e);
	close(f);
	close(other);
	close(l);
}
END_TEST

/* --- credentials */

START_TEST(the_files_rule_holds_for_the_abstract_name)
{
	int pair[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct ucred root = {.uid = 0, .gid = 0}, user = {.uid = 4242, .gid = 4242};
	ck_assert(peer_may_write(pair[0], &root, 1, 1, 0));
	ck_assert(peer_may_write(pair[0], &user, 4242, 1, 0600));
	ck_assert(!peer_may_write(pair[0], &user, 4242, 1, 0466));
	ck_assert(peer_may_write(pair[0], &user, 1, 4242, 0660));
	ck_assert(!peer_may_write(pair[0], &user, 1, 4242, 0606));
	ck_assert(peer_may_write(pair[0], &user, 1, 987654, 0666));
	ck_assert(!peer_may_write(pair[0], &user, 1, 987654, 0660));
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* --- the loop */

static int calls;
static struct loop *the_loop;
static struct loop_source *victim;

static void count_call(struct loop_source *src, uint32_t events)
{
	(void)src;
	(void)events;
	calls++;
}

static void remove_other(struct loop_source *src, uint32_t events)
{
	count_call(src, events);
	loop_remove(the_loop, victim);
}

START_TEST(a_source_removed_by_another_is_not_called)
{
	struct loop loop;
	struct loop_source a, b;
	int pair[2];
	ck_assert_int_eq(loop_init(&loop), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	the_loop = &loop;
	victim = &b;
	calls = 0;
	ck_assert_int_eq(loop_add(&loop, &a, pair[0], EPOLLOUT, remove_other), 0);
	ck_assert_int_eq(loop_add(&loop, &b, pair[1], EPOLLOUT, count_call), 0);
	loop_wait(&loop, 0);
	ck_assert_int_eq(loop.batch_len, 2);
	if (loop.batch[0].data.ptr == &b) { /* the order is epoll's: put the remover first */
		loop.batch[0].data.ptr = &a;
		loop.batch[1].data.ptr = &b;
	}
	loop_dispatch(&loop);
	ck_assert_int_eq(calls, 1);
	ck_assert_int_eq(b.fd, -1);
	loop_remove(&loop, &b);
	loop_destroy(&loop);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(the_loop_wakes_at_its_deadline)
{
	struct loop loop;
	ck_assert_int_eq(loop_init(&loop), 0);
	uint64_t until = loop_clock_us() + 2000;
	loop_wait(&loop, until);
	ck_assert_uint_ge(loop.now_us, until);
	ck_assert_int_eq(loop.batch_len, 0);
	loop_destroy(&loop);
}
END_TEST

/* --- listening files */

/* A period in which that many sockets had work, and its end. */
static int policy_after(struct patience *p, unsigned sockets)
{
	static const char at[64][192];
	for (unsigned i = 0; i < sockets; i++)
		patience_saw(p, at[i]);
	patience_turn(p, p->period_began_us + PATIENCE_PERIOD_US - 1);
	patience_turn(p, p->period_began_us + PATIENCE_PERIOD_US);
	return sched_getscheduler(0);
}

START_TEST(with_many_sockets_at_work_the_daemon_waits_for_its_core_and_with_few_it_does_not)
{
	const struct sched_param none = {0};
	struct patience p;
	ck_assert_int_eq(sched_setscheduler(0, SCHED_OTHER, &none), 0);
	patience_start(&p, 1000);
	ck_assert_int_eq(policy_after(&p, 1), SCHED_OTHER);
	ck_assert_int_eq(policy_after(&p, 32), SCHED_BATCH);
	ck_assert_int_eq(policy_after(&p, 32), SCHED_BATCH);
	ck_assert_int_eq(policy_after(&p, 1), SCHED_OTHER);
	ck_assert_int_eq(policy_after(&p, 64), SCHED_BATCH);
	ck_assert_int_eq(policy_after(&p, 0), SCHED_OTHER);
}
END_TEST

START_TEST(a_policy_that_somebody_chose_stays)
{
	const struct sched_param none = {0};
	struct patience p;
	ck_assert_int_eq(sched_setscheduler(0, SCHED_IDLE, &none), 0);
	patience_start(&p, 1000);
	ck_assert_int_eq(policy_after(&p, 32), SCHED_IDLE);
	ck_assert_int_eq(policy_after(&p, 1), SCHED_IDLE);
}
END_TEST

START_TEST(a_dead_daemons_file_is_replaced_and_a_live_ones_is_not)
{
	char dir[] = "/tmp/xtcp-test-listen.XXXXXX", path[64];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/run/x.sock", dir);
	log_set_level(LOG_EMERG);
	int fd = unix_listen(path, 0640, getuid(), (gid_t)-1);
	ck_assert_int_ge(fd, 0);
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	ck_assert_int_eq(unix_listen(path, 0640, getuid(), (gid_t)-1), -EADDRINUSE);
	close(fd); /* dies without unlink() */
	fd = unix_listen(path, 0600, getuid(), (gid_t)-1);
	ck_assert_int_ge(fd, 0);
	close(fd);
	unix_unlink(path);
	ck_assert_int_eq(stat(path, &st), -1);
	FILE *file = fopen(path, "w"); /* something that is not ours to remove */
	ck_assert_ptr_nonnull(file);
	fclose(file);
	ck_assert_int_eq(unix_listen(path, 0600, getuid(), (gid_t)-1), -EADDRINUSE);
	log_set_level(LOG_INFO);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(dir);
}
END_TEST

/* The log's lines go to a pipe. */
struct log_pipe {
	int end[2], saved;
};

static void log_pipe_open(struct log_pipe *p)
{
	p->saved = dup(STDERR_FILENO);
	ck_assert_int_eq(pipe2(p->end, O_NONBLOCK), 0);
	ck_assert_int_eq(dup2(p->end[1], STDERR_FILENO), STDERR_FILENO);
}

static void log_pipe_read(const struct log_pipe *p, char text[512])
{
	ssize_t n = read(p->end[0], text, 511);
	text[n > 0 ? n : 0] = '\0';
}

static void log_pipe_close(struct log_pipe *p)
{
	ck_assert_int_eq(dup2(p->saved, STDERR_FILENO), STDERR_FILENO);
	close(p->saved);
	close(p->end[0]);
	close(p->end[1]);
}

/* What log_at() writes to a pipe that JOURNAL_STREAM names, or that has the inode next to it. */
static void log_line(char line[512], bool right_inode)
{
	struct log_pipe p;
	char named[64];
	struct stat st;
	log_pipe_open(&p);
	ck_assert_int_eq(fstat(p.end[1], &st), 0);
	snprintf(named, sizeof(named), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino + !right_inode);
	setenv("JOURNAL_STREAM", named, 1);
	log_at(LOG_WARNING, "%s", "told");
	unsetenv("JOURNAL_STREAM");
	log_pipe_read(&p, line);
	log_pipe_close(&p);
}

START_TEST(a_priority_is_for_the_journal_alone)
{
	char line[512];
	log_line(line, true);
	ck_assert_str_eq(line, "<4>xtcpd: told\n");
	log_line(line, false); /* redirected since */
	ck_assert_str_eq(line, "xtcpd: told\n");
}
END_TEST

START_TEST(what_may_be_told_often_is_told_once_in_ten_seconds)
{
	struct log_limit l = {0};
	log_set_level(LOG_ERR);
	ck_assert(!log_limited(&l, 5));
	ck_assert(log_limited(&l, 6));
	ck_assert(log_limited(&l, 10000004));
	ck_assert(!log_limited(&l, 10000005));
	ck_assert(log_limited(&l, 10000006));
	log_set_level(LOG_INFO);
}
END_TEST

START_TEST(an_alarm_is_told_at_once_and_then_once_a_minute)
{
	struct daemon *d = bench_new();
	struct log_pipe p;
	char text[512];
	log_pipe_open(&p);
	d->loop.now_us = 1000000;
	alarms_look(d);
	log_pipe_read(&p, text);
	ck_assert_str_eq(text, "");
	d->loop.now_us += 2000000;
	d->counter[XtcpdRpcRefused] += 3;
	alarms_look(d);
	log_pipe_read(&p, text);
	ck_assert_msg(strstr(text, "xtcpd: 3 requests of programs refused") == text, "%s", text);
	for (int i = 0; i < 59; i++) {
		d->loop.now_us += 1000000;
		d->counter[XtcpdRpcRefused]++;
		alarms_look(d);
	}
	log_pipe_read(&p, text);
	ck_assert_str_eq(text, "");
	d->loop.now_us += 1000000;
	alarms_look(d);
	log_pipe_read(&p, text);
	ck_assert_msg(strstr(text, "xtcpd: 59 requests of programs refused") == text, "%s", text);
	d->loop.now_us += 100000000; /* and it has ended */
	alarms_look(d);
	log_pipe_read(&p, text);
	ck_assert_str_eq(text, "");
	log_pipe_close(&p);
	bench_free(d);
}
END_TEST

Suite *daemon_suite(void)
{
	Suite *s = suite_create("daemon");
	TCase *t = tcase_create("tombstones");
	tcase_add_test(t, a_tombstone_is_found_until_it_is_the_oldest);
	tcase_add_test(t, a_second_tombstone_of_one_socket_replaces_the_first);
	tcase_add_test(t, tombstones_of_one_bucket_do_not_mix);
	suite_add_tcase(s, t);
	t = tcase_create("records");
	tcase_add_test(t, a_record_arrives_with_its_descriptor_and_its_cookie);
	tcase_add_test(t, stray_descriptors_are_counted_and_closed);
	tcase_add_test(t, a_descriptor_that_is_no_unix_stream_has_no_cookie);
	tcase_add_test(t, a_record_that_is_wrong_anywhere_is_refused);
	tcase_add_test(t, only_the_socket_itself_attaches);
	tcase_add_test(t, the_files_rule_holds_for_the_abstract_name);
	suite_add_tcase(s, t);
	t = tcase_create("loop and listeners");
	tcase_add_test(t, a_source_removed_by_another_is_not_called);
	tcase_add_test(t, the_loop_wakes_at_its_deadline);
	tcase_add_test(
	    t, with_many_sockets_at_work_the_daemon_waits_for_its_core_and_with_few_it_does_not);
	tcase_add_test(t, a_policy_that_somebody_chose_stays);
	tcase_add_test(t, a_dead_daemons_file_is_replaced_and_a_live_ones_is_not);
	suite_add_tcase(s, t);
	t = tcase_create("log");
	tcase_add_test(t, a_priority_is_for_the_journal_alone);
	tcase_add_test(t, what_may_be_told_often_is_told_once_in_ten_seconds);
	tcase_add_test(t, an_alarm_is_told_at_once_and_then_once_a_minute);
	suite_add_tcase(s, t);
	return s;
}
