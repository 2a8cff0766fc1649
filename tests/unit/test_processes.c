/* SPDX-License-Identifier: MIT */
/* What xtcpd remembers of what programs were denied: counted, bounded, and gone with its process. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/credentials.h"
#include "daemon/processes.h"
#include "tests/unit/suites.h"

static struct processes p;

static void up(void)
{
	processes_init(&p);
}

static void down(void)
{
	processes_destroy(&p);
}

static struct ucred who(pid_t pid)
{
	return (struct ucred){.pid = pid, .uid = 1000};
}

static void note(pid_t pid, int name, uint64_t now_us)
{
	struct ucred cred = who(pid);
	struct process_note n = {
	    .kind = NOTE_REFUSED, .level = 6, .name = name, .error = ENOPROTOOPT, .text = "x"};
	processes_note(&p, &cred, &n, now_us);
}

/* The last to be heard of. */
static struct process *first(void)
{
	ck_assert(!list_empty(&p.all));
	return container_of(p.all.next, struct process, node);
}

/* A child that waits for its end. */
static pid_t child(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(the_same_is_counted)
{
	note(getpid(), 1, 0);
	note(getpid(), 2, 0);
	note(getpid(), 1, 0);
	ck_assert_uint_eq(p.count, 1);
	ck_assert_int_eq(first()->pid, getpid());
	ck_assert_uint_eq(first()->uid, 1000);
	ck_assert_uint_eq(first()->notes, 2);
	ck_assert_uint_eq(first()->note[0].count, 2);
	ck_assert_uint_eq(first()->note[1].count, 1);
	ck_assert_uint_ne(first()->comm[0], '\0');
}
END_TEST

START_TEST(more_than_can_be_kept_is_only_counted)
{
	for (int i = 0; i < PROCESS_NOTES_MAX + 5; i++)
		note(getpid(), i, 0);
	ck_assert_uint_eq(first()->notes, PROCESS_NOTES_MAX);
	ck_assert_uint_eq(first()->missed, 5);
}
END_TEST

START_TEST(who_talks_too_fast_waits_for_the_next_second)
{
	for (int i = 0; i < PROCESS_NOTES_PER_SECOND + 9; i++)
		note(getpid(), 1, 999999);
	/* the first made the entry */
	ck_assert_uint_eq(first()->note[0].count, PROCESS_NOTES_PER_SECOND + 1);
	ck_assert_uint_eq(first()->missed, 8);
	note(getpid(), 1, 1000000);
	ck_assert_uint_eq(first()->note[0].count, PROCESS_NOTES_PER_SECOND + 2);
}
END_TEST

START_TEST(who_is_gone_is_dropped)
{
	pid_t pid = child();

	note(getpid(), 1, 0);
	note(pid, 1, 0);
	ck_assert_uint_eq(p.count, 2);
	processes_sweep(&p);
	ck_assert_uint_eq(p.count, 2);
	end(pid);
	processes_sweep(&p);
	ck_assert_uint_eq(p.count, 1);
	ck_assert_int_eq(first()->pid, getpid());
	note(pid, 1, 0); /* heard too late */
	ck_assert_uint_eq(p.count, 1);
}
END_TEST

START_TEST(a_number_used_again_is_another_process)
{
	note(getpid(), 1, 0);
	first()->began--;
	note(getpid(), 2, 0);
	ck_assert_uint_eq(p.count, 1);
	ck_assert_uint_eq(first()->notes, 1);
	ck_assert_int_eq(first()->note[0].name, 2);
}
END_TEST

START_TEST(the_one_still_for_longest_makes_room)
{
	pid_t pids[PROCESSES_MAX];

	note(getpid(), 1, 0);
	for (int i = 0; i < PROCESSES_MAX; i++)
		pids[i] = child();
	for (int i = 0; i < PROCESSES_MAX - 1; i++)
		note(pids[i], 1, 0);
	note(getpid(), 1, 0); /* now pids[0] is */
	ck_assert_uint_eq(p.count, PROCESSES_MAX);
	note(pids[PROCESSES_MAX - 1], 1, 0);
	ck_assert_uint_eq(p.count, PROCESSES_MAX);
	ck_assert_int_eq(container_of(p.all.prev, struct process, node)->pid, pids[1]);
	for (int i = 0; i < PROCESSES_MAX; i++)
		end(pids[i]);
	processes_sweep(&p);
	ck_assert_uint_eq(p.count, 1);
}
END_TEST

START_TEST(a_process_began_once)
{
	pid_t pid = child();

	ck_assert_uint_ne(process_began(getpid()), 0);
	ck_assert_uint_eq(process_began(getpid()), process_began(getpid()));
	ck_assert_uint_le(process_began(getpid()), process_began(pid));
	end(pid);
	ck_assert_uint_eq(process_began(pid), 0);
}
END_TEST

Suite *processes_suite(void)
{
	Suite *s = suite_create("processes");
	TCase *tc = tcase_create("processes");

	tcase_add_checked_fixture(tc, up, down);
	tcase_add_test(tc, the_same_is_counted);
	tcase_add_test(tc, more_than_can_be_kept_is_only_counted);
	tcase_add_test(tc, who_talks_too_fast_waits_for_the_next_second);
	tcase_add_test(tc, who_is_gone_is_dropped);
	tcase_add_test(tc, a_number_used_again_is_another_process);
	tcase_add_test(tc, the_one_still_for_longest_makes_room);
	tcase_add_test(tc, a_process_began_once);
	suite_add_tcase(s, tc);
	return s;
}
