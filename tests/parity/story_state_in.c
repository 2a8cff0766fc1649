/* SPDX-License-Identifier: MIT */
/* Every call that receives, in every state of a socket. */
#include "tests/parity/parity.h"

static char buf[64];

static void reads(int fd)
{
	say_bytes("read", buf, read(fd, buf, sizeof(buf)));
	say_bytes("again", buf, read(fd, buf, sizeof(buf)));
}

static void readvs(int fd)
{
	struct iovec v[2] = {{buf, 2}, {buf + 2, 8}};
	say_bytes("readv", buf, readv(fd, v, 2));
	say("again", readv(fd, v, 2));
}

static void recvs(int fd)
{
	say_bytes("recv", buf, recv(fd, buf, sizeof(buf), 0));
	say("again", recv(fd, buf, sizeof(buf), 0));
}

static void peeks(int fd)
{
	say_bytes("peek", buf, recv(fd, buf, sizeof(buf), MSG_PEEK));
	say_bytes("peek again", buf, recv(fd, buf, sizeof(buf), MSG_PEEK));
	say_bytes("recv", buf, recv(fd, buf, sizeof(buf), 0));
}

static void recvs_dontwait(int fd)
{
	say_bytes("dontwait", buf, recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
}

static void recvs_waitall(int fd)
{
	say_bytes("waitall", buf, recv(fd, buf, sizeof(buf), MSG_WAITALL));
}

static void recvs_trunc(int fd)
{
	say("trunc", recv(fd, NULL, 2, MSG_TRUNC));
	say_bytes("rest", buf, recv(fd, buf, sizeof(buf), 0));
}

static void recvs_oob(int fd)
{
	say("oob", recv(fd, buf, 1, MSG_OOB));
}

static void recvs_oob_peek(int fd)
{
	say("oob peek", recv(fd, buf, 1, MSG_OOB | MSG_PEEK));
}

static void recvs_errqueue(int fd)
{
	say("errqueue", recv(fd, buf, sizeof(buf), MSG_ERRQUEUE));
	say_bytes("recv", buf, recv(fd, buf, sizeof(buf), 0));
}

static void recvs_unknown_flag(int fd)
{
	say_bytes("flag", buf, recv(fd, buf, sizeof(buf), 0x1000));
}

static void recvfroms(int fd)
{
	struct sockaddr_in a = {.sin_port = 7};
	socklen_t len = sizeof(a);
	say_bytes("recvfrom", buf, recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&a, &len));
	say("length", len);
	say("untouched", a.sin_port == 7);
}

static void recvmsgs(int fd)
{
	struct sockaddr_in a = {0};
	char control[64];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {.msg_name = &a,
			   .msg_namelen = sizeof(a),
			   .msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control),
			   .msg_flags = 0x55};
	say_bytes("recvmsg", buf, recvmsg(fd, &m, 0));
	say("name length", m.msg_namelen);
	say("control length", (long)m.msg_controllen);
	say("flags", m.msg_flags);
}

static void recvmsgs_without_name(int fd)
{
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_namelen = 5};
	say_bytes("recvmsg", buf, recvmsg(fd, &m, 0));
	say("name length", m.msg_namelen);
}

static void recvmmsgs(int fd)
{
	struct iovec iov[2] = {{buf, 2}, {buf + 2, 8}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
	int n = recvmmsg(fd, m, 2, 0, NULL);
	say("recvmmsg", n);
	for (int i = 0; i < n; i++)
		say("length", m[i].msg_len);
	say("again", recvmmsg(fd, m, 2, 0, NULL));
}

static void reads_nothing(int fd)
{
	say("read 0", read(fd, buf, 0));
	say("recv 0", recv(fd, buf, 0, 0));
	say("recv 0 peek", recv(fd, buf, 0, MSG_PEEK));
	say("readv 0", readv(fd, NULL, 0));
	struct msghdr m = {0};
	say("recvmsg 0", recvmsg(fd, &m, 0));
}

static void reads_into_nowhere(int fd)
{
	void *volatile nowhere = (void *)16;
	say("read", read(fd, nowhere, 3));
	say("recv", recv(fd, nowhere, 3, 0));
	say_bytes("afterwards", buf, recv(fd, buf, sizeof(buf), 0));
}

static void reads_after_error_is_read(int fd)
{
	say("SO_ERROR", so_error(fd));
	say("SO_ERROR", so_error(fd));
	say_bytes("read", buf, read(fd, buf, sizeof(buf)));
	say("SO_ERROR", so_error(fd));
}

static void stories_pread(int fd)
{
	say("pread", pread(fd, buf, 1, 0));
	say("lseek", lseek(fd, 0, SEEK_SET));
}

#define STORY(fn)                                                                                  \
	static void fn##_everywhere(void)                                                          \
	{                                                                                          \
		in_every_state(fn);                                                                \
	}
STORY(reads)
STORY(readvs)
STORY(recvs)
STORY(peeks)
STORY(recvs_dontwait)
STORY(recvs_waitall)
STORY(recvs_trunc)
STORY(recvs_oob)
STORY(recvs_oob_peek)
STORY(recvs_errqueue)
STORY(recvs_unknown_flag)
STORY(recvfroms)
STORY(recvmsgs)
STORY(recvmsgs_without_name)
STORY(recvmmsgs)
STORY(reads_nothing)
STORY(reads_into_nowhere)
STORY(reads_after_error_is_read)
STORY(stories_pread)

const struct story state_in_stories[] = {
    {"state-read", reads_everywhere},
    {"state-readv", readvs_everywhere},
    {"state-recv", recvs_everywhere},
    {"state-recv-peek", peeks_everywhere},
    {"state-recv-dontwait", recvs_dontwait_everywhere},
    {"state-recv-waitall", recvs_waitall_everywhere},
    {"state-recv-trunc", recvs_trunc_everywhere},
    {"state-recv-oob", recvs_oob_everywhere},
    {"state-recv-oob-peek", recvs_oob_peek_everywhere},
    {"state-recv-errqueue", recvs_errqueue_everywhere},
    {"state-recv-unknown-flag", recvs_unknown_flag_everywhere},
    {"state-recvfrom", recvfroms_everywhere},
    {"state-recvmsg", recvmsgs_everywhere},
    {"state-recvmsg-nameless", recvmsgs_without_name_everywhere},
    {"state-recvmmsg", recvmmsgs_everywhere},
    {"state-read-nothing", reads_nothing_everywhere},
    {"state-read-bad-pointer", reads_into_nowhere_everywhere},
    {"state-read-after-so-error", reads_after_error_is_read_everywhere},
    {"state-pread", stories_pread_everywhere},
    {NULL, NULL},
};
