/* SPDX-License-Identifier: MIT */
/* Vectors and messages: their limits, bad pointers in the middle of them, many at once; and bytes
 * moved without touching them: sendfile(), splice(), tee(). */
#include "tests/parity/parity.h"

#include <limits.h>
#include <sys/sendfile.h>

static char buf[4096];
static void *volatile nowhere = (void *)16;

static void empty_ones_between(void)
{
	struct iovec out[5] = {{"", 0}, {"ab", 2}, {NULL, 0}, {"cd", 2}, {"", 0}};
	struct iovec in[3] = {{buf, 0}, {buf, 3}, {buf + 3, 8}};
	struct pair p = accepted();
	say("writev", writev(p.fd, out, 5));
	say_bytes("peer", buf, peer_recv(buf, 64));
	peer_send("efgh");
	say_bytes("readv", buf, readv(p.fd, in, 3));
}

static void too_many(void)
{
	static struct iovec v[IOV_MAX + 1];
	struct msghdr m = {.msg_iov = v, .msg_iovlen = IOV_MAX + 1};
	struct pair p = accepted();
	say("writev", writev(p.fd, v, IOV_MAX + 1));
	say("readv", readv(p.fd, v, IOV_MAX + 1));
	say("sendmsg", sendmsg(p.fd, &m, 0));
	say("recvmsg", recvmsg(p.fd, &m, MSG_DONTWAIT));
	say("as many as may be", writev(p.fd, v, IOV_MAX));
}

static void too_long(void)
{
	struct iovec v[2] = {{buf, SSIZE_MAX}, {buf, SSIZE_MAX}};
	struct pair p = accepted();
	say("writev", writev(p.fd, v, 2) == -1 ? -1 : 0);
	nonblocking(p.fd);
	say("readv", readv(p.fd, v, 2));
}

static void bad_vectors(void)
{
	struct pair p = accepted();
	say("writev", writev(p.fd, nowhere, 2));
	say("readv", readv(p.fd, nowhere, 2));
	struct msghdr m = {.msg_iov = nowhere, .msg_iovlen = 2};
	say("sendmsg", sendmsg(p.fd, &m, 0));
	say("recvmsg", recvmsg(p.fd, &m, MSG_DONTWAIT));
	say("sendmsg nowhere", sendmsg(p.fd, nowhere, 0));
	say("recvmsg nowhere", recvmsg(p.fd, nowhere, MSG_DONTWAIT));
	say("sendmmsg nowhere", sendmmsg(p.fd, nowhere, 1, 0));
	say("recvmmsg nowhere", recvmmsg(p.fd, nowhere, 1, MSG_DONTWAIT, NULL));
}

static void bad_second_part(void)
{
	struct iovec out = {nowhere, 3};
	struct pair p = accepted();
	say("writev", writev(p.fd, &out, 1));
	peer_send("abcdef");
	wait_for(p.fd, POLLIN);
	struct iovec in = {nowhere, 3};
	say("readv", readv(p.fd, &in, 1));
	say_bytes("still there", buf, read(p.fd, buf, 64));
}

static void at_an_offset(void)
{
	struct iovec v = {buf, 4};
	struct pair p = accepted();
	say("pread", pread(p.fd, buf, 4, 0));
	say("pwrite", pwrite(p.fd, buf, 4, 0));
	say("preadv", preadv(p.fd, &v, 1, 0));
	say("pwritev", pwritev(p.fd, &v, 1, 0));
	say("preadv2 at 0", preadv2(p.fd, &v, 1, 0, 0));
	say("preadv2, nowait", preadv2(p.fd, &v, 1, -1, RWF_NOWAIT));
}

static void read_huge(void)
{
	struct pair p = accepted();
	peer_send("abc");
	wait_for(p.fd, POLLIN);
	say("more than an int", recv(p.fd, buf, (size_t)INT_MAX + 10, MSG_DONTWAIT) > 0);
}

static void control_room(void)
{
	char control[256];
	struct iovec v = {buf, 8};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct pair p = accepted();
	peer_send("abc");
	say("recvmsg", recvmsg(p.fd, &m, 0));
	say("control length", (long)m.msg_controllen);
	say("flags", m.msg_flags);
	m.msg_controllen = sizeof(control);
	peer_send("abc");
	say("cmsg cloexec", recvmsg(p.fd, &m, MSG_CMSG_CLOEXEC));
	say("flags", m.msg_flags == MSG_CMSG_CLOEXEC);
}

static void control_to_send(void)
{
	union {
		struct cmsghdr h;
		char bytes[64];
	} c = {.h = {.cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = 77}};
	struct iovec v = {"abc", 3};
	struct msghdr m = {
	    .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = CMSG_SPACE(4)};
	struct pair p = accepted();
	say("unknown of SOL_SOCKET", sendmsg(p.fd, &m, 0));
	c.h.cmsg_level = IPPROTO_IP;
	say("of another level", sendmsg(p.fd, &m, 0));
	c.h.cmsg_len = 2;
	say("too short", sendmsg(p.fd, &m, 0));
	c.h.cmsg_len = 200;
	say("too long", sendmsg(p.fd, &m, 0));
	m.msg_control = nowhere;
	say("nowhere", sendmsg(p.fd, &m, 0));
	c.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(struct ucred)),
			       .cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_CREDENTIALS};
	m.msg_control = &c;
	m.msg_controllen = CMSG_SPACE(sizeof(struct ucred));
	say("credentials", sendmsg(p.fd, &m, 0));
}

static struct mmsghdr many(struct iovec *v)
{
	return (struct mmsghdr){.msg_hdr = {.msg_iov = v, .msg_iovlen = 1}};
}

static void many_sent(void)
{
	struct iovec v[3] = {{"ab", 2}, {"cd", 2}, {"ef", 2}};
	struct mmsghdr m[3] = {many(&v[0]), many(&v[1]), many(&v[2])};
	struct pair p = accepted();
	say("sendmmsg", sendmmsg(p.fd, m, 3, 0));
	char got[16] = "";
	for (int n = 0; n < 6;)
		n += peer_recv(got + n, 6);
	say_bytes("peer", got, 6);
	say("none", sendmmsg(p.fd, m, 0, 0));
}

static void many_sent_one_bad(void)
{
	struct iovec v[2] = {{"ab", 2}, {nowhere, 2}};
	struct mmsghdr m[2] = {many(&v[0]), many(&v[1])};
	struct pair p = accepted();
	say("sendmmsg", sendmmsg(p.fd, m, 2, 0));
	say("the bad one first", sendmmsg(p.fd, m + 1, 1, 0));
}

static void many_received(void)
{
	struct iovec v[3] = {{buf, 2}, {buf + 2, 2}, {buf + 4, 2}};
	struct mmsghdr m[3] = {many(&v[0]), many(&v[1]), many(&v[2])};
	struct pair p = accepted();
	peer_send("abcde");
	wait_for(p.fd, POLLIN);
	say("wait for one", recvmmsg(p.fd, m, 3, MSG_WAITFORONE, NULL));
	say("last", m[2].msg_len);
	struct timespec bad = {0, -1}, soon = {0, 50000000};
	say("bad time", recvmmsg(p.fd, m, 3, MSG_DONTWAIT, &bad));
	peer_send("xy");
	say("in time", recvmmsg(p.fd, m, 1, 0, &soon));
}

static int a_file(size_t bytes)
{
	char name[] = "/tmp/parityXXXXXX";
	int file = mkstemp(name);
	unlink(name);
	for (size_t i = 0; i < bytes; i++)
		buf[i % sizeof(buf)] = (char)('a' + i % 26);
	for (size_t n = 0; n < bytes; n += sizeof(buf))
		write(file, buf, bytes - n < sizeof(buf) ? bytes - n : sizeof(buf));
	lseek(file, 0, SEEK_SET);
	return file;
}

static void sendfile_arguments(void)
{
	int file = a_file(26);
	off_t at = 20;
	struct pair p = accepted();
	say("past the end", sendfile(p.fd, file, &at, 100));
	say("offset", at);
	say("at the end", sendfile(p.fd, file, &at, 100));
	say("own position", sendfile(p.fd, file, NULL, 4));
	say("position", lseek(file, 0, SEEK_CUR));
	at = -1;
	say("negative", sendfile(p.fd, file, &at, 4));
	say("bad offset", sendfile(p.fd, file, nowhere, 4));
	say("bad file", sendfile(p.fd, 999, NULL, 4));
	say("bad socket", sendfile(999, file, NULL, 4));
	say("between sockets", sendfile(p.fd, p.listener, NULL, 4));
	say("0 bytes", sendfile(p.fd, file, NULL, 0));
}

static void sendfile_bulk(void)
{
	int file = a_file(1 << 20);
	struct pair p = accepted();
	off_t at = 0;
	pid_t pid = fork();
	if (pid == 0) {
		while (sendfile(p.fd, file, &at, 1 << 20) > 0)
			;
		_exit(0);
	}
	close(p.fd);
	say("peer received", peer_recv_all());
	waitpid(pid, NULL, 0);
}

static void sendfile_after_reset(void)
{
	int file = a_file(100), status;
	struct pair p = accepted();
	peer_reset();
	wait_for(p.fd, POLLIN);
	pid_t pid = fork();
	if (pid == 0) {
		say("sendfile", sendfile(p.fd, file, NULL, 10));
		fflush(stdout);
		sendfile(p.fd, file, NULL, 10);
		_exit(7);
	}
	waitpid(pid, &status, 0);
	say("killed by", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void splice_through(void)
{
	int ends[2];
	struct pair p = accepted();
	pipe(ends);
	peer_send("through a pipe");
	say("in", splice(p.fd, NULL, ends[1], NULL, 100, SPLICE_F_MOVE));
	say("out", splice(ends[0], NULL, p.fd, NULL, 100, SPLICE_F_MOVE | SPLICE_F_MORE));
	say("flush", send(p.fd, "!", 1, 0));
	char got[32] = "";
	for (int n = 0; n < 15;)
		n += peer_recv(got + n, 15);
	say_bytes("peer", got, 15);
}

static void splice_arguments(void)
{
	int ends[2];
	off_t at = 0;
	struct pair p = accepted();
	pipe(ends);
	say("offset of a socket", splice(p.fd, &at, ends[1], NULL, 10, 0));
	say("no pipe", splice(p.fd, NULL, p.fd, NULL, 10, 0));
	say("bad flags", splice(p.fd, NULL, ends[1], NULL, 10, 0xff00));
	nonblocking(p.fd);
	say("nothing there", splice(p.fd, NULL, ends[1], NULL, 10, SPLICE_F_NONBLOCK));
	say("0 bytes", splice(p.fd, NULL, ends[1], NULL, 0, 0));
	say("bad descriptor", splice(999, NULL, ends[1], NULL, 10, 0));
	say("vmsplice", vmsplice(p.fd, &(struct iovec){buf, 4}, 1, 0));
	say("tee", tee(p.fd, ends[1], 10, 0));
	say("copy_file_range", copy_file_range(p.fd, NULL, ends[1], NULL, 10, 0));
}

static void splice_to_the_end(void)
{
	int ends[2];
	struct pair p = accepted();
	pipe(ends);
	peer_send("last");
	peer_close();
	wait_for_bits(p.fd, POLLRDHUP, 5000);
	say("bytes", splice(p.fd, NULL, ends[1], NULL, 100, 0));
	say("end", splice(p.fd, NULL, ends[1], NULL, 100, 0));
}

const struct story vector_stories[] = {
    {"vector-empty-between", empty_ones_between},
    {"vector-too-many", too_many},
    {"vector-too-long", too_long},
    {"vector-bad", bad_vectors},
    {"vector-bad-part", bad_second_part},
    {"vector-offset", at_an_offset},
    {"vector-huge", read_huge},
    {"message-control-room", control_room},
    {"message-control-sent", control_to_send},
    {"many-sent", many_sent},
    {"many-sent-one-bad", many_sent_one_bad},
    {"many-received", many_received},
    {"sendfile-arguments", sendfile_arguments},
    {"sendfile-bulk", sendfile_bulk},
    {"sendfile-after-reset", sendfile_after_reset},
    {"splice-through", splice_through},
    {"splice-arguments", splice_arguments},
    {"splice-end", splice_to_the_end},
    {NULL, NULL},
};
