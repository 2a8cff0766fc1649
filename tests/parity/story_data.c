/* SPDX-License-Identifier: MIT */
/* Bytes: every way of sending and receiving them, and the ends of a connection. */
#include <linux/sockios.h>

#include "tests/parity/parity.h"

#include <sys/sendfile.h>

static void echo(void)
{
	char buf[16];
	struct pair p = accepted();
	peer_send("hello");
	say_bytes("read", buf, read(p.fd, buf, sizeof(buf)));
	say("write", write(p.fd, "world", 5));
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
}

static void vectors(void)
{
	char a[3], b[16];
	struct iovec out[2] = {{"foo", 3}, {"bar", 3}}, in[2] = {{a, 3}, {b, 16}};
	struct pair p = accepted();
	say("writev", writev(p.fd, out, 2));
	say_bytes("peer reads", b, peer_recv(b, sizeof(b)));
	peer_send("abcdef");
	say("readv", readv(p.fd, in, 2));
	say_bytes("a", a, 3);
	say_bytes("b", b, 3);
	say("zero", writev(p.fd, out, 0));
	volatile int minus_one = -1;
	say("bad count", writev(p.fd, out, minus_one));
}

static void message_calls(void)
{
	char buf[16] = "";
	struct sockaddr_in from = {0};
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {
	    .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	struct pair p = accepted();
	peer_send("abc");
	say("recvmsg", recvmsg(p.fd, &m, 0));
	say("namelen", m.msg_namelen);
	say("flags", m.msg_flags);
	iov.iov_len = 3;
	m.msg_name = NULL;
	m.msg_namelen = 0;
	say("sendmsg", sendmsg(p.fd, &m, 0));
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
}

static void names_ignored(void)
{
	char buf[16];
	struct sockaddr_in a = addr_of("9.9.9.9", 9), from;
	socklen_t len = sizeof(from);
	struct pair p = accepted();
	say("sendto", sendto(p.fd, "abc", 3, 0, (struct sockaddr *)&a, sizeof(a)));
	say("sendto garbage", sendto(p.fd, "def", 3, 0, (struct sockaddr *)"xx", 2));
	memset(buf, 0, sizeof(buf));
	peer_recv(buf, 3);
	peer_send("hi");
	say("recvfrom", recvfrom(p.fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len));
	say("length", len);
}

static void peek(void)
{
	char buf[16];
	struct pair p = accepted();
	peer_send("abcdef");
	say_bytes("peek", buf, recv(p.fd, buf, 3, MSG_PEEK));
	say_bytes("recv", buf, recv(p.fd, buf, 3, 0));
	say_bytes("recv", buf, recv(p.fd, buf, 3, 0));
	say("dontwait", recv(p.fd, buf, 3, MSG_DONTWAIT));
}

static void truncation(void)
{
	char buf[16];
	struct pair p = accepted();
	peer_send("abcdef");
	wait_for(p.fd, POLLIN);
	say("discard 2", recv(p.fd, buf, 2, MSG_TRUNC));
	say("discard 2 into nothing", recv(p.fd, NULL, 2, MSG_TRUNC));
	say_bytes("rest", buf, recv(p.fd, buf, sizeof(buf), 0));
}

static void waitall(void)
{
	char buf[16];
	struct pair p = accepted();
	peer_send("abc");
	pid_t pid = fork();
	if (pid == 0) {
		usleep(100000);
		peer_send("def");
		_exit(0);
	}
	say_bytes("waitall", buf, recv(p.fd, buf, 6, MSG_WAITALL));
	waitpid(pid, NULL, 0);
	peer_send("gh");
	peer_close();
	say_bytes("cut short", buf, recv(p.fd, buf, 6, MSG_WAITALL));
}

static void bad_pointers(void)
{
	struct pair p = accepted();
	void *volatile nowhere = (void *)16;
	peer_send("abc");
	wait_for(p.fd, POLLIN);
	say("read", read(p.fd, nowhere, 3));
	say("write", write(p.fd, nowhere, 3));
	say("zero bytes", read(p.fd, NULL, 0));
	say("write zero", write(p.fd, "", 0));
}

static void unconnected(void)
{
	char c;
	int fd = tcp();
	signal(SIGPIPE, SIG_IGN);
	say("read", read(fd, &c, 1));
	say("recv", recv(fd, &c, 1, 0));
	say("write", write(fd, "x", 1));
	say("send", send(fd, "x", 1, 0));
	say("send nosignal", send(fd, "x", 1, MSG_NOSIGNAL));
	say("shutdown", shutdown(fd, SHUT_WR));
	say("shutdown 9", shutdown(fd, 9));
}

static void half_close_ours(void)
{
	char buf[16];
	struct pair p = accepted();
	say("shutdown", shutdown(p.fd, SHUT_WR));
	say("peer reads", peer_recv(buf, sizeof(buf)));
	say_mask("mask", mask_of(p.fd, 0));
	peer_send("still");
	say_bytes("read", buf, read(p.fd, buf, sizeof(buf)));
	say("write", send(p.fd, "x", 1, MSG_NOSIGNAL));
	peer_close();
	say_mask("both", wait_for(p.fd, POLLHUP));
	say("read", read(p.fd, buf, sizeof(buf)));
}

static void half_close_theirs(void)
{
	char buf[16];
	struct pair p = accepted();
	peer_shutdown(SHUT_WR);
	say_mask("mask", wait_for(p.fd, POLLIN));
	say("read", read(p.fd, buf, sizeof(buf)));
	say("write", write(p.fd, "late", 4));
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
	say("SO_ERROR", so_error(p.fd));
}

static void shutdown_read(void)
{
	char buf[16];
	struct pair p = accepted();
	say("shutdown", shutdown(p.fd, SHUT_RD));
	say("read", read(p.fd, buf, sizeof(buf)));
	say("write", write(p.fd, "x", 1));
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
}

/* Connected without blocking, and written to until there is no more room. */
static void shutdown_full(void)
{
	static char block[65536];
	int fd = tcp();
	nonblocking(fd);
	say("peer listens", peer_listen(PORT));
	say("connect", try_connect(fd, PEER, PORT));
	wait_for(fd, POLLOUT);
	ssize_t n;
	do
		while ((n = write(fd, block, sizeof(block))) > 0)
			;
	while (mask_of(fd, 300) & POLLOUT);
	while ((n = write(fd, block, sizeof(block))) > 0)
		; /* the kernel may have room that it does not call writable */
	say("write", n);
	say("shutdown", shutdown(fd, SHUT_WR));
	say("write", send(fd, "x", 1, MSG_NOSIGNAL));
}

static void reset_idle(void)
{
	char c;
	struct pair p = accepted();
	peer_reset();
	wait_for(p.fd, POLLIN);
	say("read", read(p.fd, &c, 1));
	say("read again", read(p.fd, &c, 1));
	say("send", send(p.fd, "x", 1, MSG_NOSIGNAL));
	say("SO_ERROR", so_error(p.fd));
}

static void reset_so_error(void)
{
	char c;
	struct pair p = accepted();
	peer_reset();
	wait_for(p.fd, POLLIN);
	say("SO_ERROR", so_error(p.fd));
	say("SO_ERROR again", so_error(p.fd));
	say("read", read(p.fd, &c, 1));
}

static void reset_send(void)
{
	struct pair p = accepted();
	peer_reset();
	wait_for(p.fd, POLLIN);
	say("send", send(p.fd, "x", 1, MSG_NOSIGNAL));
	say("send again", send(p.fd, "x", 1, MSG_NOSIGNAL));
}

static void write_after_peer_closed(void)
{
	struct pair p = accepted();
	peer_close();
	wait_for(p.fd, POLLIN);
	say("first", send(p.fd, "x", 1, MSG_NOSIGNAL));
	wait_for(p.fd, POLLERR | POLLHUP);
	say("second", send(p.fd, "x", 1, MSG_NOSIGNAL));
	say("third", send(p.fd, "x", 1, MSG_NOSIGNAL));
}

static void close_with_unread(void)
{
	char c;
	struct pair p = accepted();
	peer_send("unread");
	wait_for(p.fd, POLLIN);
	close(p.fd);
	int rc = peer_recv(&c, 1);
	printf("peer reads: %s\n", rc < 0 ? strerrorname_np(-rc) : rc ? "data" : "EOF");
}

static void close_clean(void)
{
	char c;
	struct pair p = accepted();
	close(p.fd);
	say("peer reads", peer_recv(&c, 1));
}

static void close_linger_zero(void)
{
	char c;
	struct linger hard = {1, 0};
	struct pair p = accepted();
	say("linger", setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(p.fd);
	int rc = peer_recv(&c, 1);
	printf("peer reads: %s\n", rc < 0 ? strerrorname_np(-rc) : rc ? "data" : "EOF");
}

static void sigpipe_is_raised(void)
{
	int status;
	struct pair p = accepted();
	shutdown(p.fd, SHUT_WR);
	pid_t pid = fork();
	if (pid == 0) {
		write(p.fd, "x", 1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	say("killed by", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void fionread(void)
{
	int n = -1;
	struct pair p = accepted();
	say("ioctl", ioctl(p.fd, FIONREAD, &n));
	say("bytes", n);
	peer_send("abcdef");
	wait_for(p.fd, POLLIN);
	ioctl(p.fd, FIONREAD, &n);
	say("bytes", n);
}

static void bulk_in(void)
{
	char buf[65536];
	long total = 0, wrong = 0;
	struct pair p = accepted();
	pid_t pid = fork();
	if (pid == 0) {
		peer_send_n(3000000);
		peer_close();
		_exit(0);
	}
	ssize_t n;
	while ((n = read(p.fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			wrong += buf[i] != (char)('a' + (total + i) % 26);
		total += n;
	}
	say("bytes", total);
	say("wrong bytes", wrong);
	waitpid(pid, NULL, 0);
}

static void bulk_out(void)
{
	char buf[65536];
	struct pair p = accepted();
	memset(buf, 'z', sizeof(buf));
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 40; i++)
			for (size_t at = 0; at < sizeof(buf);)
				at += (size_t)write(p.fd, buf + at, sizeof(buf) - at);
		_exit(0);
	}
	close(p.fd);
	say("peer received", peer_recv_all());
	waitpid(pid, NULL, 0);
}

static void nonblocking_full(void)
{
	char buf[65536] = {0};
	struct pair p = accepted();
	nonblocking(p.fd);
	ssize_t n;
	while ((n = write(p.fd, buf, sizeof(buf))) > 0)
		;
	say("full", n);
	say_mask("mask", mask_of(p.fd, 0));
}

/* The peer reads nothing: how much does a program write that only writes when it is told to? */
static void write_when_told(int fd, int mark)
{
	static const char some[1000];
	int unsent = 0, bad = 0;
	nonblocking(fd);
	for (int i = 0; i < 2000 && wait_a_moment(fd, POLLOUT); i++) {
		ioctl(fd, SIOCOUTQNSD, &unsent);
		bad += unsent > mark;
		while (write(fd, some, sizeof(some)) > 0)
			;
	}
	say("told to write with more than the mark unsent", bad);
	ioctl(fd, SIOCOUTQNSD, &unsent);
	say("something waits", unsent > 0);
	say("more than six times the mark", unsent > 6 * mark);
}

static void notsent_lowat(void)
{
	int mark = 16384, fd = connected_to_peer();
	say("set", setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &mark, sizeof(mark)));
	write_when_told(fd, mark);
}

static void notsent_lowat_inherited(void)
{
	int mark = 32768, is = 0, fd = listening(PORT);
	socklen_t len = sizeof(is);
	say("set", setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &mark, sizeof(mark)));
	say("peer", peer_connect(PORT));
	int got = accept(fd, NULL, NULL);
	getsockopt(got, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &is, &len);
	say("inherited", is);
	write_when_told(got, mark);
}

static void oob_receive(void)
{
	char buf[16];
	int mark = -1;
	struct pair p = accepted();
	peer_send("abc");
	peer_send_oob("!");
	peer_send("def");
	say_mask("mask", wait_for(p.fd, POLLPRI) & POLLPRI);
	say_bytes("before", buf, recv(p.fd, buf, sizeof(buf), 0));
	ioctl(p.fd, SIOCATMARK, &mark);
	say("at mark", mark);
	say_bytes("oob", buf, recv(p.fd, buf, 1, MSG_OOB));
	say_bytes("after", buf, recv(p.fd, buf, sizeof(buf), 0));
	say("oob again", recv(p.fd, buf, 1, MSG_OOB));
}

static void splice_at(const char *what, int fd, int to, size_t n)
{
	say(what, splice(fd, NULL, to, NULL, n, 0));
}

static void oob_splice(void)
{
	int ends[2];
	char buf[16];
	struct pair p = accepted();
	if (pipe(ends))
		say("pipe", -1);
	peer_send("abc");
	peer_send_oob("!");
	say_mask("mask", wait_for(p.fd, POLLPRI) & POLLPRI);
	splice_at("before", p.fd, ends[1], 10);
	splice_at("at it", p.fd, ends[1], 1);
	peer_send("def");
	splice_at("still at it", p.fd, ends[1], 10);
	say_bytes("read", buf, recv(p.fd, buf, sizeof(buf), 0));
	peer_send("ghi");
	splice_at("beyond", p.fd, ends[1], 10);
}

static void oob_none(void)
{
	char c;
	struct pair p = accepted();
	say("oob", recv(p.fd, &c, 1, MSG_OOB));
}

static void ancillary(void)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	struct iovec iov = {"x", 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = u.buf,
			   .msg_controllen = sizeof(u.buf)};
	int zero = 0;
	struct pair p = accepted();
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &zero, sizeof(int));
	say("descriptors over TCP", sendmsg(p.fd, &m, 0));
}

/* TCP_INQ: what recvmsg() says is left. */
static void receive_inq(const char *what, int fd, size_t bytes, size_t room, int flags)
{
	char buf[64];
	int left = -1;
	_Alignas(struct cmsghdr) char control[64] = {0};
	struct iovec iov = {buf, bytes};
	struct msghdr m = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
	say(what, recvmsg(fd, &m, flags));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&left, CMSG_DATA(c), sizeof(left));
	printf("left %d flags %#x control %zu of level %d type %d\n", left, m.msg_flags,
	       m.msg_controllen, c ? c->cmsg_level : -1, c ? c->cmsg_type : -1);
}

static void inq(void)
{
	int on = 1, two = 2;
	socklen_t len = sizeof(two);
	struct pair p = accepted();
	receive_inq("too early", p.fd, 1, 64, MSG_DONTWAIT);
	say("neither on nor off", setsockopt(p.fd, IPPROTO_TCP, TCP_INQ, &two, sizeof(two)));
	say("on", setsockopt(p.fd, IPPROTO_TCP, TCP_INQ, &on, sizeof(on)));
	say("get", getsockopt(p.fd, IPPROTO_TCP, TCP_INQ, &two, &len));
	say("it is", two);
	receive_inq("nothing there", p.fd, 1, 64, MSG_DONTWAIT);
	peer_send_n(100);
	receive_inq("peek", p.fd, 10, 64, MSG_PEEK);
	receive_inq("some", p.fd, 10, 64, 0);
	receive_inq("no room for a number", p.fd, 10, CMSG_LEN(0), 0);
	receive_inq("nor for a header", p.fd, 10, 8, 0);
	receive_inq("just room", p.fd, 10, CMSG_LEN(sizeof(int)), 0);
	receive_inq("most", p.fd, 50, 64, 0);
	receive_inq("all", p.fd, 64, 64, 0);
	peer_send("end");
	peer_close();
	wait_for_bits(p.fd, POLLRDHUP, 5000);
	receive_inq("before the end", p.fd, 2, 64, 0);
	receive_inq("at the end", p.fd, 1, 64, 0);
	receive_inq("the end", p.fd, 1, 64, 0);
	int off = 0;
	say("off", setsockopt(p.fd, IPPROTO_TCP, TCP_INQ, &off, sizeof(off)));
	receive_inq("the end again", p.fd, 1, 64, 0);
}

static void inq_inherited(void)
{
	int on = 1, fd = listening(PORT);
	say("on", setsockopt(fd, IPPROTO_TCP, TCP_INQ, &on, sizeof(on)));
	say("peer", peer_connect(PORT));
	int got = accept(fd, NULL, NULL);
	peer_send("abc");
	receive_inq("accepted", got, 1, 64, 0);
	receive_inq("a copy", dup(got), 1, 64, 0);
}

static void sendfile_out(void)
{
	char name[] = "/tmp/parityXXXXXX", buf[64];
	int file = mkstemp(name);
	off_t at = 0;
	struct pair p = accepted();
	unlink(name);
	if (write(file, "from a file", 11) != 11)
		say("write", -1);
	say("sendfile", sendfile(p.fd, file, &at, 11));
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
}

static void receive_timeout(void)
{
	char c;
	struct timeval tv = {0, 100000};
	struct pair p = accepted();
	setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	say("read", read(p.fd, &c, 1));
}

const struct story data_stories[] = {
    {"data-echo", echo},
    {"data-vectors", vectors},
    {"data-message-calls", message_calls},
    {"data-names-ignored", names_ignored},
    {"data-peek", peek},
    {"data-trunc", truncation},
    {"data-waitall", waitall},
    {"data-bad-pointers", bad_pointers},
    {"data-unconnected", unconnected},
    {"data-half-close-ours", half_close_ours},
    {"data-half-close-theirs", half_close_theirs},
    {"data-shutdown-read", shutdown_read},
    {"data-shutdown-full", shutdown_full},
    {"data-reset-idle", reset_idle},
    {"data-reset-so-error", reset_so_error},
    {"data-reset-send", reset_send},
    {"data-write-after-peer-closed", write_after_peer_closed},
    {"data-close-with-unread", close_with_unread},
    {"data-close-clean", close_clean},
    {"data-close-linger-zero", close_linger_zero},
    {"data-sigpipe", sigpipe_is_raised},
    {"data-fionread", fionread},
    {"data-bulk-in", bulk_in},
    {"data-bulk-out", bulk_out},
    {"data-nonblocking-full", nonblocking_full},
    {"data-notsent-lowat", notsent_lowat},
    {"data-notsent-lowat-inherited", notsent_lowat_inherited},
    {"data-oob-receive", oob_receive},
    {"data-oob-splice", oob_splice},
    {"data-oob-none", oob_none},
    {"data-ancillary", ancillary},
    {"data-inq", inq},
    {"data-inq-inherited", inq_inherited},
    {"data-sendfile", sendfile_out},
    {"data-receive-timeout", receive_timeout},
    {NULL, NULL},
};
