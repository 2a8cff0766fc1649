/* SPDX-License-Identifier: MIT */
/* The peer: a child on the kernel's stack, told what to do over a pipe, by raw system calls. */
#include "tests/parity/parity.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum verb {
	V_LISTEN,
	V_ACCEPT,
	V_CONNECT,
	V_SEND,
	V_SEND_N,
	V_SEND_OOB,
	V_RECV_OOB,
	V_RECV,
	V_RECV_ALL,
	V_SHUTDOWN,
	V_CLOSE,
	V_RESET,
	V_CLOSE_LISTENER,
	V_FASTOPEN,
};

struct order {
	int verb, arg;
	char bytes[256];
};
struct answer {
	int result;
	char bytes[4096];
};

static int channel = -1;

static long raw(long rc)
{
	return rc < 0 ? -errno : rc;
}

static long raw_close(int *fd)
{
	long rc = *fd >= 0 ? syscall(SYS_close, *fd) : 0;
	*fd = -1;
	return rc;
}

static long do_listen(int *l, int port)
{
	struct sockaddr_in a = addr_of(PEER, port);
	int one = 1;
	raw_close(l);
	*l = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	syscall(SYS_setsockopt, *l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	long rc = raw(syscall(SYS_bind, *l, &a, sizeof(a)));
	return rc ? rc : raw(syscall(SYS_listen, *l, 16));
}

static long do_fastopen(int l)
{
	int qlen = 5;
	int ctl = (int)syscall(SYS_openat, AT_FDCWD, "/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY);
	long n = syscall(SYS_write, ctl, "3", 1);
	syscall(SYS_close, ctl);
	if (n != 1)
		return -EPERM;
	return raw(syscall(SYS_setsockopt, l, IPPROTO_TCP, TCP_FASTOPEN, &qlen, sizeof(qlen)));
}

static long do_connect(int *fd, int port)
{
	struct sockaddr_in a = addr_of(ME, port);
	*fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return -raw(syscall(SYS_connect, *fd, &a, sizeof(a)));
}

static long do_send(int fd, const char *p, size_t n, int flags)
{
	return raw(syscall(SYS_sendto, fd, p, n, flags | MSG_NOSIGNAL, NULL, 0));
}

static long do_send_n(int fd, int n)
{
	char buf[4096];
	int sent = 0;
	while (sent < n) {
		int k = n - sent < (int)sizeof(buf) ? n - sent : (int)sizeof(buf);
		for (int i = 0; i < k; i++)
			buf[i] = (char)('a' + (sent + i) % 26);
		long rc = do_send(fd, buf, (size_t)k, 0);
		if (rc < 0)
			return rc;
		sent += (int)rc;
	}
	return sent;
}

static long do_recv_oob(int fd)
{
	struct pollfd p = {fd, POLLPRI, 0};
	char c;
	syscall(SYS_ppoll, &p, 1, NULL, NULL, 0);
	long rc = raw(syscall(SYS_recvfrom, fd, &c, 1, MSG_OOB, NULL, NULL));
	return rc == 1 ? c : rc;
}

static long do_recv_all(int fd)
{
	char buf[65536];
	long total = 0, n;
	while ((n = raw(syscall(SYS_read, fd, buf, sizeof(buf)))) > 0)
		total += n;
	return n < 0 ? n : total;
}

static long obey(const struct order *o, struct answer *a, int *l, int *fd)
{
	struct linger hard = {1, 0};
	switch (o->verb) {
	case V_LISTEN:
		return do_listen(l, o->arg);
	case V_FASTOPEN:
		return do_fastopen(*l);
	case V_ACCEPT:
		*fd = (int)syscall(SYS_accept4, *l, NULL, NULL, SOCK_CLOEXEC);
		return *fd < 0 ? -errno : 0;
	case V_CONNECT:
		return do_connect(fd, o->arg);
	case V_SEND:
		return do_send(*fd, o->bytes, strlen(o->bytes), 0);
	case V_SEND_N:
		return do_send_n(*fd, o->arg);
	case V_SEND_OOB:
		return do_send(*fd, o->bytes, strlen(o->bytes), MSG_OOB);
	case V_RECV_OOB:
		return do_recv_oob(*fd);
	case V_RECV:
		return raw(syscall(SYS_read, *fd, a->bytes, (size_t)o->arg));
	case V_RECV_ALL:
		return do_recv_all(*fd);
	case V_SHUTDOWN:
		return raw(syscall(SYS_shutdown, *fd, o->arg));
	case V_CLOSE:
		return raw_close(fd);
	case V_RESET:
		syscall(SYS_setsockopt, *fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		return raw_close(fd);
	case V_CLOSE_LISTENER:
		return raw_close(l);
	}
	return -ENOSYS;
}

static void serve(int fd_orders)
{
	struct order o;
	struct answer a;
	int l = -1, fd = -1;
	while (syscall(SYS_read, fd_orders, &o, sizeof(o)) == (long)sizeof(o)) {
		a.result = (int)obey(&o, &a, &l, &fd);
		syscall(SYS_write, fd_orders, &a, sizeof(a));
	}
	_exit(0);
}

void peer_start(void)
{
	const char *ns = getenv("PARITY_PEER_NS");
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		exit(2);
	pid_t pid = fork();
	if (pid < 0)
		exit(2);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int at = ns ? open(ns, O_RDONLY | O_CLOEXEC) : -1;
		if (ns && (at < 0 || setns(at, CLONE_NEWNET) < 0))
			_exit(2);
		close(ends[0]);
		serve(ends[1]);
	}
	close(ends[1]);
	channel = ends[0];
}

static int tell_peer(struct order *o, char *to, int max)
{
	struct answer a;
	if (syscall(SYS_write, channel, o, sizeof(*o)) != (long)sizeof(*o) ||
	    syscall(SYS_read, channel, &a, sizeof(a)) != (long)sizeof(a)) {
		printf("the peer is gone\n");
		exit(2);
	}
	if (to && a.result > 0)
		memcpy(to, a.bytes, (size_t)(a.result < max ? a.result : max));
	return a.result;
}

static int simple(int verb, int arg)
{
	struct order o = {.verb = verb, .arg = arg};
	return tell_peer(&o, NULL, 0);
}

static int with_bytes(int verb, const char *bytes)
{
	struct order o = {.verb = verb};
	snprintf(o.bytes, sizeof(o.bytes), "%s", bytes);
	return tell_peer(&o, NULL, 0);
}

int peer_listen(int port)
{
	return simple(V_LISTEN, port);
}
/* The sysctl is that of the namespace the peer is in. */
int peer_listen_fastopen(int port)
{
	int err = simple(V_LISTEN, port);
	return err ? err : simple(V_FASTOPEN, 0);
}
int peer_accept(void)
{
	return simple(V_ACCEPT, 0);
}
int peer_connect(int port)
{
	return simple(V_CONNECT, port);
}
int peer_send(const char *bytes)
{
	return with_bytes(V_SEND, bytes);
}
int peer_send_n(int n)
{
	return simple(V_SEND_N, n);
}
int peer_send_oob(const char *byte)
{
	return with_bytes(V_SEND_OOB, byte);
}
int peer_recv_oob(void)
{
	return simple(V_RECV_OOB, 0);
}
int peer_recv(char *to, int max)
{
	struct order o = {.verb = V_RECV, .arg = max < 4096 ? max : 4096};
	return tell_peer(&o, to, max);
}
int peer_recv_all(void)
{
	return simple(V_RECV_ALL, 0);
}
int peer_shutdown(int how)
{
	return simple(V_SHUTDOWN, how);
}
int peer_close(void)
{
	return simple(V_CLOSE, 0);
}
int peer_reset(void)
{
	return simple(V_RESET, 0);
}
int peer_close_listener(void)
{
	return simple(V_CLOSE_LISTENER, 0);
}
