/* SPDX-License-Identifier: MIT */
/* Descriptors: copies, other programs, running out of them. */
#include "tests/parity/parity.h"

#include <spawn.h>
#include <sys/resource.h>

extern char **environ;
static char buf[256];

static void say_peer(void)
{
	say_bytes("peer", buf, peer_recv(buf, sizeof(buf)));
}

static void say_eof(void)
{
	say("EOF", peer_recv(buf, sizeof(buf)));
}

static void dup3_flags(void)
{
	struct pair p = accepted();
	say("cloexec", dup3(p.fd, 50, O_CLOEXEC));
	say("flag", fcntl(50, F_GETFD));
	say("itself", dup3(p.fd, p.fd, 0));
	say("bad flags", dup3(p.fd, 51, O_APPEND));
	say("dup2 itself", dup2(p.fd, p.fd) == p.fd);
	close(p.fd);
	say("write", write(50, "x", 1));
	say_peer();
}

static void dup2_over_a_listener(void)
{
	struct pair p = accepted();
	say("dup2", dup2(p.fd, p.listener) == p.listener);
	printf("refused: %s\n", strerrorname_np(peer_connect(PORT)));
}

static void dup2_over_a_connection(void)
{
	struct pair p = accepted();
	int second = tcp();
	peer_listen(PORT + 1);
	say("connect", try_connect(second, PEER, PORT + 1));
	say("dup2", dup2(second, p.fd) == p.fd);
	say_eof();
	peer_accept();
	close(second);
	say("write", write(p.fd, "x", 1));
	say_peer();
}

static void dup_before_connect(void)
{
	int fd = tcp(), d = dup(fd);
	peer_listen(PORT);
	say("connect the copy", try_connect(d, PEER, PORT));
	peer_accept();
	say("write to the first", write(fd, "x", 1));
	say_peer();
	say("connect the first", try_connect(fd, PEER, PORT));
}

static void dup_before_listen(void)
{
	int fd = tcp(), d = dup(fd);
	say("bind", try_bind(fd, ME, PORT));
	say("listen", listen(d, 4));
	peer_connect(PORT);
	say("accept", accept(fd, NULL, NULL) < 0 ? -1 : 0);
}

static void dup_of_refused(void)
{
	int fd = tcp(), d = dup(fd);
	say("connect", try_connect(fd, PEER, PORT));
	peer_listen(PORT);
	say("by the copy", try_connect(d, PEER, PORT));
	peer_accept();
	say("write", write(fd, "x", 1));
	say_peer();
}

static void options_outlive_a_refusal(void)
{
	int fd = tcp(), v = 1;
	struct timeval tv = {5, 0};
	socklen_t len = sizeof(v);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	say("bind", try_bind(fd, ME, PORT + 5));
	say("connect", try_connect(fd, PEER, PORT));
	v = 0;
	say("get", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &len));
	say("nodelay", v);
	len = sizeof(tv);
	getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	say("limit", tv.tv_sec);
	struct sockaddr_in a;
	len = sizeof(a);
	getsockname(fd, (struct sockaddr *)&a, &len);
	say("port", ntohs(a.sin_port) - PORT);
	peer_listen(PORT);
	say("connect", try_connect(fd, PEER, PORT));
	getsockname(fd, (struct sockaddr *)&a, &len);
	say("port", ntohs(a.sin_port) - PORT);
}

static void options_outlive_a_dissolution(void)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int v = 1, fd = connected_to_peer();
	socklen_t len = sizeof(v);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, sizeof(v));
	say("dissolve", connect(fd, &none, sizeof(none)));
	v = 0;
	say("get", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, &len));
	say("keepalive", v);
}

static void epoll_outlives_a_refusal(void)
{
	int fd = tcp(), ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = 42};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	say("connect", try_connect(fd, PEER, PORT));
	peer_listen(PORT);
	say("connect", try_connect(fd, PEER, PORT));
	peer_accept();
	peer_send("abc");
	e.data.u32 = 0;
	say("epoll", epoll_wait(ep, &e, 1, 5000));
	say("data", e.data.u32);
}

static void close_range_cloexec(void)
{
	struct pair p = accepted();
	say("close_range", close_range((unsigned)p.fd, (unsigned)p.fd, CLOSE_RANGE_CLOEXEC));
	say("flag", fcntl(p.fd, F_GETFD));
	say("write", write(p.fd, "x", 1));
	say_peer();
}

static void closefrom_closes(void)
{
	struct pair p = accepted();
	pid_t pid = fork();
	if (pid == 0) {
		closefrom(p.fd < p.listener ? p.fd : p.listener);
		_exit(write(p.fd, "x", 1) < 0 && errno == EBADF);
	}
	int status;
	waitpid(pid, &status, 0);
	say("bad descriptor", WEXITSTATUS(status));
	say("still the parent's", write(p.fd, "x", 1));
	say_peer();
}

/* --- fork before and after each step */

static void fork_before_socket(void)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = tcp();
		peer_listen(PORT);
		say("child connects", try_connect(fd, PEER, PORT));
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void fork_between_bind_and_connect(void)
{
	int fd = tcp();
	peer_listen(PORT);
	say("bind", try_bind(fd, ME, PORT + 2));
	pid_t pid = fork();
	if (pid == 0)
		_exit(try_connect(fd, PEER, PORT) != 0);
	waitpid(pid, NULL, 0);
	peer_accept();
	say("parent writes", write(fd, "x", 1));
	say_peer();
	say("connect again", try_connect(fd, PEER, PORT));
}

static void fork_between_listen_and_accept(void)
{
	int l = listening(PORT), status;
	peer_connect(PORT);
	pid_t pid = fork();
	if (pid == 0)
		_exit(accept(l, NULL, NULL) < 0);
	waitpid(pid, &status, 0);
	say("child", WEXITSTATUS(status));
	say_eof();
	peer_connect(PORT);
	say("parent", accept(l, NULL, NULL) < 0 ? -1 : 0);
}

static void fork_while_connecting(void)
{
	int fd = tcp();
	nonblocking(fd);
	peer_listen(PORT);
	say("connect", try_connect(fd, PEER, PORT));
	pid_t pid = fork();
	if (pid == 0) {
		wait_for(fd, POLLOUT);
		_exit(so_error(fd) || write(fd, "x", 1) != 1);
	}
	waitpid(pid, NULL, 0);
	peer_accept();
	say_peer();
}

static void forked_listener_lives_on(void)
{
	int l = listening(PORT), ends[2];
	char c;
	pipe(ends);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[1]);
		read(ends[0], &c, 1);
		_exit(0);
	}
	close(l);
	say("still listens", peer_connect(PORT));
	close(ends[1]);
	waitpid(pid, NULL, 0);
	printf("no more: %s\n", strerrorname_np(peer_connect(PORT)));
}

/* --- other programs */

static void spawn_to_the_end(const char *const *argv, const posix_spawn_file_actions_t *how)
{
	pid_t pid;
	int status = -1, rc = posix_spawnp(&pid, argv[0], how, NULL, (char **)argv, environ);
	if (rc == 0)
		waitpid(pid, &status, 0);
	say("spawned", rc);
	say("status", WEXITSTATUS(status));
}

static void spawned_with_stdout(void)
{
	const char *argv[] = {"echo", "spawned", NULL};
	posix_spawn_file_actions_t how;
	struct pair p = accepted();
	posix_spawn_file_actions_init(&how);
	posix_spawn_file_actions_adddup2(&how, p.fd, 1);
	posix_spawn_file_actions_addclose(&how, p.fd);
	spawn_to_the_end(argv, &how);
	say_peer();
}

static void vforked(void)
{
	struct pair p = accepted();
	pid_t pid = vfork();
	if (pid == 0) {
		dup2(p.fd, 1);
		execlp("echo", "echo", "vforked", NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	say_peer();
	say("write", write(p.fd, "x", 1));
	say_peer();
}

static void cloexec_closes(void)
{
	struct pair p = accepted();
	const char *argv[] = {"true", NULL};
	fcntl(p.fd, F_SETFD, FD_CLOEXEC);
	pid_t pid = fork();
	if (pid == 0) {
		execvp(argv[0], (char **)argv);
		_exit(1);
	}
	close(p.fd);
	waitpid(pid, NULL, 0);
	say_eof();
}

static void shell_reads_and_writes(void)
{
	struct pair p = accepted();
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p.fd, 0);
		dup2(p.fd, 1);
		execlp("sh", "sh", "-c", "read line; echo \"got $line\"", NULL);
		_exit(1);
	}
	close(p.fd);
	peer_send("a line\n");
	say_peer();
	waitpid(pid, NULL, 0);
	say_eof();
}

static void cat_echoes(void)
{
	struct pair p = accepted();
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p.fd, 0);
		dup2(p.fd, 1);
		execlp("cat", "cat", NULL);
		_exit(1);
	}
	close(p.fd);
	peer_send("echo this");
	say_peer();
	peer_shutdown(SHUT_WR);
	waitpid(pid, NULL, 0);
	say_eof();
}

/* Without the shim it is a descriptor that reads and writes. */
static void without_preloading(void)
{
	struct pair p = accepted();
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p.fd, 0);
		dup2(p.fd, 1);
		execlp("env", "env", "-u", "LD_PRELOAD", "sh", "-c", "read x; echo \"$x back\"",
		       NULL);
		_exit(1);
	}
	close(p.fd);
	peer_send("there and\n");
	say_peer();
	waitpid(pid, NULL, 0);
	say_eof();
}

static void run_self(const char *how, int fd)
{
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	dup2(fd, 3);
	execl("/proc/self/exe", "parity", how, NULL);
	_exit(1);
}

static void socket_activation(void)
{
	int l = listening(PORT);
	pid_t pid = fork();
	if (pid == 0)
		run_self("--listen-fds", l);
	close(l);
	say("peer", peer_connect(PORT));
	say_peer();
	waitpid(pid, NULL, 0);
	say_eof();
}

static void connection_on_3(void)
{
	struct pair p = accepted();
	pid_t pid = fork();
	if (pid == 0)
		run_self("--look-at-3", p.fd);
	waitpid(pid, NULL, 0);
	say_peer();
}

/* --- none left */

static int all_taken(void)
{
	struct rlimit rl;
	int fd, last = -1;
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &rl);
	while ((fd = dup(0)) >= 0)
		last = fd;
	return last;
}

static void no_socket_left(void)
{
	int last = all_taken();
	say("socket", socket(AF_INET, SOCK_STREAM, 0));
	say("dup", dup(0));
	close(last);
	say("socket", socket(AF_INET, SOCK_STREAM, 0) < 0 ? -1 : 0);
}

static void calls_without_descriptors(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int one = 1, fd = tcp(), l = tcp();
	peer_listen(PORT + 1);
	all_taken();
	say("setsockopt", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	say("bind", try_bind(fd, ME, PORT + 2));
	say("getsockname", getsockname(fd, (struct sockaddr *)&a, &len));
	say("connect", try_connect(fd, PEER, PORT + 1));
	say("getpeername", getpeername(fd, (struct sockaddr *)&a, &len));
	say("SO_ERROR", so_error(fd));
	say("shutdown", shutdown(fd, SHUT_WR));
	say("bind", try_bind(l, ME, PORT));
	say("listen", listen(l, 4));
	say("peer", peer_connect(PORT));
	say("accept", accept(l, NULL, NULL));
	say("close", close(fd));
	say("accept", accept(l, NULL, NULL) < 0 ? -1 : 0);
}

static void zero_is_a_descriptor(void)
{
	close(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	say("socket", fd);
	peer_listen(PORT);
	say("connect", try_connect(fd, PEER, PORT));
	peer_accept();
	say("write", write(0, "x", 1));
	say_peer();
}

static void many_sockets(void)
{
	int n = 0, fds[300];
	for (int i = 0; i < 300; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		n += fds[i] >= 0 && try_bind(fds[i], ME, 0) == 0;
	}
	say("bound", n);
	for (int i = 0; i < 300; i++)
		n -= close(fds[i]) == 0;
	say("left", n);
}

const struct story fd_stories[] = {
    {"dup3-flags", dup3_flags},
    {"dup2-over-listener", dup2_over_a_listener},
    {"dup2-over-connection", dup2_over_a_connection},
    {"dup-before-connect", dup_before_connect},
    {"dup-before-listen", dup_before_listen},
    {"dup-of-refused", dup_of_refused},
    {"refused-keeps-options", options_outlive_a_refusal},
    {"dissolved-keeps-options", options_outlive_a_dissolution},
    {"refused-stays-in-epoll", epoll_outlives_a_refusal},
    {"close-range-cloexec", close_range_cloexec},
    {"closefrom", closefrom_closes},
    {"fork-before-socket", fork_before_socket},
    {"fork-between-bind-and-connect", fork_between_bind_and_connect},
    {"fork-between-listen-and-accept", fork_between_listen_and_accept},
    {"fork-while-connecting", fork_while_connecting},
    {"fork-listener-lives-on", forked_listener_lives_on},
    {"spawn-with-stdout", spawned_with_stdout},
    {"vfork", vforked},
    {"exec-cloexec", cloexec_closes},
    {"exec-shell", shell_reads_and_writes},
    {"exec-cat", cat_echoes},
    {"exec-without-preload", without_preloading},
    {"exec-socket-activation", socket_activation},
    {"exec-connection-on-3", connection_on_3},
    {"none-left-for-socket", no_socket_left},
    {"none-left-for-calls", calls_without_descriptors},
    {"descriptor-zero", zero_is_a_descriptor},
    {"many-sockets", many_sockets},
    {NULL, NULL},
};

/* --- what run_self() runs */

int story_helper(const char *how)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int on = -1;
	if (strcmp(how, "--listen-fds") == 0) {
		const char *fds = getenv("LISTEN_FDS");
		socklen_t on_len = sizeof(on);
		getsockopt(3, SOL_SOCKET, SO_ACCEPTCONN, &on, &on_len);
		int fd = accept(3, NULL, NULL);
		dprintf(fd, "%s listens %d", fds ? fds : "none", on);
		return 0;
	}
	if (strcmp(how, "--look-at-3") == 0) {
		int rc = getpeername(3, (struct sockaddr *)&a, &len);
		dprintf(3, "peer %d %d %d", rc, a.sin_family, a.sin_addr.s_addr == inet_addr(PEER));
		return 0;
	}
	return -1;
}
