/* SPDX-License-Identifier: MIT */
/* dup, fork, exec, descriptor passing, threads and death. */
#include "tests/parity/parity.h"

static void dup_shares(void)
{
	char buf[16];
	struct pair p = accepted();
	int d = dup(p.fd);
	close(p.fd);
	say("write", write(d, "dup", 3));
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
	close(d);
	say("EOF", peer_recv(buf, sizeof(buf)));
}

static void dup2_over(void)
{
	char c;
	struct pair p = accepted();
	int null = open("/dev/null", O_RDWR);
	say("dup2", dup2(null, p.fd) < 0 ? -1 : 0);
	say("peer sees", peer_recv(&c, 1));
	say("read", read(p.fd, &c, 1));
}

static void fork_serves(void)
{
	char buf[16];
	struct pair p = accepted();
	pid_t pid = fork();
	if (pid == 0) {
		write(p.fd, "child", 5);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
	say("parent still", write(p.fd, "parent", 6));
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
}

static void exec_serves(void)
{
	char buf[32];
	struct pair p = accepted();
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p.fd, 1);
		execlp("echo", "echo", "from an exec'ed program", NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	close(p.fd);
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
	say("EOF", peer_recv(buf, sizeof(buf)));
}

static void listener_inherited(void)
{
	char buf[16];
	int l = tcp();
	try_bind(l, ME, PORT);
	pid_t pid = fork();
	if (pid == 0) {
		listen(l, 4);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	say("peer", peer_connect(PORT));
	int fd = accept(l, NULL, NULL);
	say("write", write(fd, "x", 1));
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
}

static int pass(int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	int ends[2], got = -1;
	struct iovec iov = {"x", 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = u.buf,
			   .msg_controllen = sizeof(u.buf)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	char byte;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || sendmsg(ends[0], &m, 0) < 0)
		return -1;
	close(fd);
	iov.iov_base = &byte;
	if (recvmsg(ends[1], &m, 0) == 1)
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return got;
}

static void passed_over_unix(void)
{
	char buf[16];
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	struct pair p = accepted();
	int fd = pass(p.fd);
	say("write", write(fd, "passed", 6));
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
	getsockname(fd, (struct sockaddr *)&a, &len);
	say_addr("name", &a, len);
}

static void killed(void)
{
	char c;
	struct pair p = accepted();
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	close(p.fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	say("peer sees", peer_recv(&c, 1));
}

static void stdio_over_socket(void)
{
	char buf[64];
	struct pair p = accepted();
	FILE *f = fdopen(p.fd, "r+");
	peer_send("a line\n");
	say("fgets", fgets(buf, sizeof(buf), f) != NULL);
	printf("%s", buf);
	fprintf(f, "answer %d\n", 42);
	fflush(f);
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
	fclose(f);
	say("EOF", peer_recv(buf, sizeof(buf)));
}

static void close_range_closes(void)
{
	char c;
	struct pair p = accepted();
	say("close_range", close_range((unsigned)p.fd, (unsigned)p.fd, 0));
	say("peer sees", peer_recv(&c, 1));
	say("write", write(p.fd, "x", 1));
}

const struct story process_stories[] = {
    {"process-dup", dup_shares},
    {"process-dup2-over", dup2_over},
    {"process-fork", fork_serves},
    {"process-exec", exec_serves},
    {"process-listener-inherited", listener_inherited},
    {"process-passed", passed_over_unix},
    {"process-killed", killed},
    {"process-stdio", stdio_over_socket},
    {"process-close-range", close_range_closes},
    {NULL, NULL},
};
