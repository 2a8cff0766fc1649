/* SPDX-License-Identifier: MIT */
/* Every call that sends, in every state of a socket. */
#include "tests/parity/parity.h"

#include <sys/sendfile.h>

static void writes(int fd)
{
	say("write", write(fd, "x", 1));
	say("again", write(fd, "x", 1));
}

static void writevs(int fd)
{
	struct iovec v[2] = {{"foo", 3}, {"bar", 3}};
	say("writev", writev(fd, v, 2));
}

static void sends(int fd)
{
	say("send", send(fd, "x", 1, 0));
	say("nosignal", send(fd, "x", 1, MSG_NOSIGNAL));
}

static void sends_dontwait(int fd)
{
	say("dontwait", send(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static void sends_more(int fd)
{
	say("more", send(fd, "x", 1, MSG_MORE | MSG_NOSIGNAL));
}

static void sends_oob(int fd)
{
	say("oob", send(fd, "x", 1, MSG_OOB | MSG_NOSIGNAL));
}

static void sends_unknown_flag(int fd)
{
	say("flag", send(fd, "x", 1, 0x1000 | MSG_NOSIGNAL));
	say("confirm", send(fd, "x", 1, MSG_CONFIRM | MSG_NOSIGNAL));
	say("eor", send(fd, "x", 1, MSG_EOR | MSG_NOSIGNAL));
	say("dontroute", send(fd, "x", 1, MSG_DONTROUTE | MSG_NOSIGNAL));
}

static void sendtos(int fd)
{
	struct sockaddr_in a = addr_of(PEER, PORT);
	say("sendto", sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof(a)));
	say("short", sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&a, 3));
	say("huge", sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&a, 4096));
	say("bad", sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)16, sizeof(a)));
}

static void sendmsgs(int fd)
{
	struct iovec iov = {"abc", 3};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	say("sendmsg", sendmsg(fd, &m, 0));
	struct sockaddr_in a = addr_of(PEER, PORT);
	m.msg_name = &a;
	m.msg_namelen = sizeof(a);
	say("with a name", sendmsg(fd, &m, MSG_NOSIGNAL));
}

static void sendmmsgs(int fd)
{
	struct iovec iov[2] = {{"abc", 3}, {"de", 2}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
	int n = sendmmsg(fd, m, 2, MSG_NOSIGNAL);
	say("sendmmsg", n);
	for (int i = 0; i < n; i++)
		say("length", m[i].msg_len);
}

static void writes_nothing(int fd)
{
	say("write 0", write(fd, "", 0));
	say("send 0", send(fd, "", 0, MSG_NOSIGNAL));
	say("send 0 oob", send(fd, "", 0, MSG_NOSIGNAL | MSG_OOB));
	say("writev 0", writev(fd, NULL, 0));
	struct msghdr m = {0};
	say("sendmsg 0", sendmsg(fd, &m, MSG_NOSIGNAL));
	say("sendmmsg 0", sendmmsg(fd, NULL, 0, 0));
}

static void writes_from_nowhere(int fd)
{
	void *volatile nowhere = (void *)16;
	say("write", write(fd, nowhere, 3));
	say("send", send(fd, nowhere, 3, MSG_NOSIGNAL));
}

static void writes_after_error_is_read(int fd)
{
	say("SO_ERROR", so_error(fd));
	say("write", send(fd, "x", 1, MSG_NOSIGNAL));
	say("write", send(fd, "x", 1, MSG_NOSIGNAL));
}

static void sends_then_reads(int fd)
{
	char c;
	say("send", send(fd, "x", 1, MSG_NOSIGNAL));
	say("recv", recv(fd, &c, 1, 0));
}

static int a_file(void)
{
	char name[] = "/tmp/parityXXXXXX";
	int file = mkstemp(name);
	unlink(name);
	write(file, "from a file", 11);
	lseek(file, 0, SEEK_SET);
	return file;
}

static void sendfiles(int fd)
{
	int file = a_file();
	off_t at = 0;
	say("sendfile", sendfile(fd, file, &at, 11));
	say("offset", at);
	say("0 bytes", sendfile(fd, file, &at, 0));
	close(file);
}

static void sendfiles_from(int fd)
{
	int file = a_file();
	say("from the socket", sendfile(file, fd, NULL, 3));
	close(file);
}

static void splices_out(int fd)
{
	int p[2];
	pipe(p);
	write(p[1], "abc", 3);
	say("splice", splice(p[0], NULL, fd, NULL, 3, SPLICE_F_NONBLOCK));
	close(p[0]);
	close(p[1]);
}

static void splices_in(int fd)
{
	int p[2];
	char buf[16];
	pipe(p);
	nonblocking(p[0]);
	say("splice", splice(fd, NULL, p[1], NULL, 3, SPLICE_F_NONBLOCK));
	say_bytes("pipe", buf, read(p[0], buf, sizeof(buf)));
	close(p[0]);
	close(p[1]);
}

static void tees(int fd)
{
	int p[2];
	pipe(p);
	say("tee in", tee(fd, p[1], 3, SPLICE_F_NONBLOCK));
	say("tee out", tee(p[0], fd, 3, SPLICE_F_NONBLOCK));
	close(p[0]);
	close(p[1]);
}

#define STORY(fn)                                                                                  \
	static void fn##_everywhere(void)                                                          \
	{                                                                                          \
		in_every_state(fn);                                                                \
	}
STORY(writes)
STORY(writevs)
STORY(sends)
STORY(sends_dontwait)
STORY(sends_more)
STORY(sends_oob)
STORY(sends_unknown_flag)
STORY(sendtos)
STORY(sendmsgs)
STORY(sendmmsgs)
STORY(writes_nothing)
STORY(writes_from_nowhere)
STORY(writes_after_error_is_read)
STORY(sends_then_reads)
STORY(sendfiles)
STORY(sendfiles_from)
STORY(splices_out)
STORY(splices_in)
STORY(tees)

const struct story state_out_stories[] = {
    {"state-write", writes_everywhere},
    {"state-writev", writevs_everywhere},
    {"state-send", sends_everywhere},
    {"state-send-dontwait", sends_dontwait_everywhere},
    {"state-send-more", sends_more_everywhere},
    {"state-send-oob", sends_oob_everywhere},
    {"state-send-flags", sends_unknown_flag_everywhere},
    {"state-sendto", sendtos_everywhere},
    {"state-sendmsg", sendmsgs_everywhere},
    {"state-sendmmsg", sendmmsgs_everywhere},
    {"state-write-nothing", writes_nothing_everywhere},
    {"state-write-bad-pointer", writes_from_nowhere_everywhere},
    {"state-write-after-so-error", writes_after_error_is_read_everywhere},
    {"state-send-then-recv", sends_then_reads_everywhere},
    {"state-sendfile", sendfiles_everywhere},
    {"state-sendfile-from", sendfiles_from_everywhere},
    {"state-splice-out", splices_out_everywhere},
    {"state-splice-in", splices_in_everywhere},
    {"state-tee", tees_everywhere},
    {NULL, NULL},
};
