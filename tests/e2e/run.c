/* SPDX-License-Identifier: MIT */
/*
 * Runs the end-to-end scenarios as Check tests, so that a failing one is named, shown with what it
 * said, and counted, and the run ends in Check's totals.
 *
 * A scenario is a script beside this file, or of the lighter ones in programs/. It runs in a process group of its own with LAB set to a
 * name of its own; when it has outlived its time it is asked to end (it clears up then), later
 * killed. Whatever it leaves of its laboratory is taken down here, and is a failure.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_S 15  /* to clear up after SIGTERM */
#define SKIPPED 77  /* exit status: something optional is not on this machine */
#define MARGIN_S 30 /* Check's own limit is this much later than ours */
#define PATH_SIZE 512
#define OUTPUT_MAX 65536 /* of a failed scenario's output, from its end */

/* In the order of the run: first what the others rest on. */
static const struct scenario {
	const char *name;
	int limit_s;
} scenarios[] = {
    {"lab", 30},
    {"http_server", 30},
    {"nginx", 90},
    {"nginx_reload", 60},
    {"redis", 60},
    {"iperf3", 60},
    {"curl", 30},
    {"body", 120},
    {"sshd", 60},
    {"connections", 60},
    {"killed", 60},
    {"fork_exec", 30},
    {"strace", 120},
    {"options", 60},
    {"closed", 30},
    {"no_daemon", 30},
    {"wrapper", 30},
    {"doctor", 30},
    {"rules", 60},
    {"ps", 60},
    {"limits", 90},
    {"interfaces", 30},
    {"wrong_config", 30},
    {"no_tap", 30},
    {"daemon_end", 30},
    {"hostile_rpc", 60},
    {"hostile_frames", 60},
    {"ctl", 30},
    {"exports", 30},
    {"purity", 30},
    {"unit_file", 30},
    {"install", 60},
    {"demo", 120},
    {"md5", 60},
    {"ao", 60},
    {"bad_network", 180},
    {"download", 60},
    {"fastopen", 60},
    {"capture", 120},
    {"programs/curl", 60},
    {"programs/git", 60},
    {"programs/memcached", 60},
    {"programs/nginx_proxy", 60},
    {"programs/nginx_tls", 60},
    {"programs/nginx_upgrade", 60},
    {"programs/openssh", 60},
    {"programs/python", 60},
    {"programs/redis_replication", 60},
    {"programs/redis_tls", 60},
    {"programs/rsync", 60},
    {"programs/socat", 60},
    {"leftovers", 30},
};
#define SCENARIOS (int)(sizeof(scenarios) / sizeof(scenarios[0]))

static pid_t runner; /* in the laboratories' names, so that two runs do not meet */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Waits for the child's end until the deadline: true when it has ended. */
static bool ended_by(int pidfd, double deadline_s)
{
	struct pollfd pfd = {.fd = pidfd, .events = POLLIN};

	for (;;) {
		double left_s = deadline_s - now_s();
		int n = poll(&pfd, 1, left_s > 0 ? (int)(left_s * 1000) + 1 : 0);

		if (n > 0)
			return true;
		if (n == 0 || interrupted)
			return false;
		ck_assert_int_eq(errno, EINTR);
	}
}

static void exec_script(const char *name, int output)
{
	char path[PATH_SIZE];

	setpgid(0, 0);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	snprintf(path, sizeof(path), "tests/e2e/%s.sh", name);
	execl("/bin/bash", "bash", path, NULL);
	_exit(127);
}

/* Wait status of the script; *late when it had to be ended. */
static int run_script(const struct scenario *s, int output, bool *late)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		exec_script(s->name, output);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	ck_assert_int_ge(pidfd, 0);
	*late = !ended_by(pidfd, now_s() + s->limit_s);
	if (*late) {
		interrupted = 0;
		kill(-pid, SIGTERM);
		ended_by(pidfd, now_s() + GRACE_S);
	}
	kill(-pid, SIGKILL); /* what it left in the background */
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	close(pidfd);
	return status;
}

static void show(int output)
{
	static char text[OUTPUT_MAX];
	off_t size = lseek(output, 0, SEEK_END);
	off_t from = size > (off_t)sizeof(text) ? size - (off_t)sizeof(text) : 0;
	ssize_t n = pread(output, text, sizeof(text), from);

	if (n > 0)
		fwrite(text, 1, (size_t)n, stderr);
	fputs("\n", stderr);
}

/* The last line of the output: why a scenario was skipped. */
static void show_reason(const char *name, int output)
{
	char text[256] = "";
	off_t size = lseek(output, 0, SEEK_END);
	off_t from = size > (off_t)sizeof(text) - 1 ? size - (off_t)sizeof(text) + 1 : 0;

	if (pread(output, text, sizeof(text) - 1, from) > 0)
		text[strcspn(text, "\n")] = '\0';
	printf("e2e: %-14s skipped: %s\n", name, text);
}

/* True if the scenario left a laboratory behind; there is none afterwards. */
static bool left_a_lab(const char *lab)
{
	char path[PATH_SIZE + 32];

	snprintf(path, sizeof(path), "/run/netns/xtcp-%s", lab);
	if (access(path, F_OK) < 0)
		return false;
	return system("scripts/lab down") != -1;
}

START_TEST(run_scenario)
{
	const struct scenario *s = &scenarios[_i];
	char lab[PATH_SIZE], path[] = "/tmp/xtcp-e2e-output.XXXXXX";
	int output = mkstemp(path);
	double began_s = now_s();
	bool late;

	ck_assert_int_ge(output, 0);
	unlink(path);
	/* Check passes on to us what ends it: the scenario is ended in order then, too. */
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
	const char *folder = strrchr(s->name, '/');
	snprintf(lab, sizeof(lab), "e2e-%d-%s", (int)runner, folder ? folder + 1 : s->name);
	setenv("LAB", lab, 1);
	int status = run_script(s, output, &late);
	bool left = left_a_lab(lab);

	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED && !left) {
		show_reason(s->name, output);
		return;
	}
	if (late || left || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "e2e: %s FAILED; it said:\n", s->name);
		show(output);
	}
	ck_assert_msg(!late, "%s: not done after %d seconds", s->name, s->limit_s);
	ck_assert_msg(WIFEXITED(status), "%s: killed by signal %d", s->name, WTERMSIG(status));
	ck_assert_msg(WEXITSTATUS(status) == 0, "%s: exit status %d", s->name, WEXITSTATUS(status));
	ck_assert_msg(!left, "%s: left its laboratory behind", s->name);
	printf("e2e: %-14s %.1f s\n", s->name, now_s() - began_s);
	fflush(stdout);
}
END_TEST

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc == 1;
}

static bool known(const char *name)
{
	for (int i = 0; i < SCENARIOS; i++)
		if (!strcmp(scenarios[i].name, name))
			return true;
	return false;
}

static int check_arguments(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (int i = 0; i < SCENARIOS; i++)
			puts(scenarios[i].name);
		return 0;
	}
	for (int i = 1; i < argc; i++) {
		if (!known(argv[i])) {
			fprintf(stderr, "e2e: no scenario %s (--list)\n", argv[i]);
			return 1;
		}
	}
	if (geteuid() != 0) {
		fprintf(stderr, "e2e: network namespaces and TAP devices need root\n");
		return 1;
	}
	return -1;
}

int main(int argc, char **argv)
{
	int status = check_arguments(argc, argv);

	if (status >= 0)
		return status;
	runner = getpid();
	Suite *suite = suite_create("e2e");

	for (int i = 0; i < SCENARIOS; i++) {
		if (!wanted(scenarios[i].name, argc, argv))
			continue;
		TCase *tc = tcase_create(scenarios[i].name);

		tcase_set_timeout(tc, scenarios[i].limit_s + GRACE_S + MARGIN_S);
		tcase_add_loop_test(tc, run_scenario, i, i + 1);
		suite_add_tcase(suite, tc);
	}
	SRunner *sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
