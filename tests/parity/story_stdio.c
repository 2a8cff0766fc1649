/* SPDX-License-Identifier: MIT */
/* stdio over a socket, and sockets passed to others. */
#include "tests/parity/parity.h"

static char buf[256];

static void lines_in(void)
{
	struct pair p = accepted();
	FILE *f = fdopen(p.fd, "r");
	peer_send("one\ntwo\nthr");
	peer_send("ee\n");
	peer_close();
	while (fgets(buf, sizeof(buf), f))
		printf("%s", buf);
	say("end", feof(f) != 0);
	say("error", ferror(f) != 0);
}

static void characters(void)
{
	struct pair p = accepted();
	FILE *f = fdopen(p.fd, "r");
	peer_send("ab");
	int c = getc(f);
	printf("%c\n", c);
	ungetc('z', f);
	printf("%c%c\n", getc(f), getc(f));
	peer_close();
	say("end", getc(f) == EOF);
}

static void getline_and_getdelim(void)
{
	char *line = NULL;
	size_t room = 0;
	struct pair p = accepted();
	FILE *f = fdopen(p.fd, "r");
	peer_send("a line\nfield;");
	say("getline", getline(&line, &room, f));
	say("getdelim", getdelim(&line, &room, ';', f));
	free(line);
}

static void buffered_out(void)
{
	struct pair p = accepted();
	FILE *f = fdopen(p.fd, "w");
	fprintf(f, "%d bottles", 99);
	say("flush", fflush(f));
	say_bytes("peer", buf, peer_recv(buf, 64));
	fputs(" of beer", f);
	say("close", fclose(f));
	say_bytes("peer", buf, peer_recv(buf, 64));
	say("EOF", peer_recv(buf, 64));
}

static void unbuffered_and_by_lines(void)
{
	struct pair p = accepted();
	FILE *f = fdopen(p.fd, "w");
	setvbuf(f, NULL, _IOLBF, 0);
	fputs("a line\n", f);
	say_bytes("peer", buf, peer_recv(buf, 64));
	setvbuf(f, NULL, _IONBF, 0);
	putc('x', f);
	say_bytes("peer", buf, peer_recv(buf, 64));
}

static void formatted_to_a_descriptor(void)
{
	struct pair p = accepted();
	say("dprintf", dprintf(p.fd, "%s %d", "number", 7));
	say_bytes("peer", buf, peer_recv(buf, 64));
}

static void error_of_a_stream(void)
{
	struct pair p = accepted();
	FILE *f = fdopen(p.fd, "r");
	nonblocking(p.fd);
	say("nothing there", fgets(buf, sizeof(buf), f) ? 0 : -1);
	say("error", ferror(f) != 0);
	clearerr(f);
	peer_send("now\n");
	wait_for(p.fd, POLLIN);
	say("fgets", fgets(buf, sizeof(buf), f) != NULL);
}

static void both_ways(void)
{
	struct pair p = accepted();
	FILE *in = fdopen(p.fd, "r"), *out = fdopen(dup(p.fd), "w");
	peer_send("ping\n");
	fgets(buf, sizeof(buf), in);
	fprintf(out, "pong to %s", buf);
	fclose(out);
	say_bytes("peer", buf, peer_recv(buf, 64));
	fclose(in);
	say("EOF", peer_recv(buf, 64));
}

static void seeking(void)
{
	struct pair p = accepted();
	FILE *f = fdopen(p.fd, "r+");
	say("fseek", fseek(f, 0, SEEK_SET));
	say("ftell", ftell(f));
}

/* --- descriptors passed on */

static int pass(int over, const int *fds, int count)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} u = {0};
	struct iovec iov = {"x", 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = u.bytes,
			   .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, (size_t)count * sizeof(int));
	return sendmsg(over, &m, 0) < 0 ? -1 : 0;
}

static int take(int over, int *fds, int count, int flags)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} u;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = u.bytes,
			   .msg_controllen = sizeof(u.bytes)};
	if (recvmsg(over, &m, flags) != 1)
		return -1;
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), (size_t)count * sizeof(int));
	return 0;
}

static void passed_listener(void)
{
	int ends[2], l = listening(PORT), got = -1;
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	say("pass", pass(ends[0], &l, 1));
	close(l);
	say("connects while under way", peer_connect(PORT));
	say("take", take(ends[1], &got, 1, 0));
	say("accept", accept(got, NULL, NULL) < 0 ? -1 : 0);
}

static void passed_fresh(void)
{
	int ends[2], fd = tcp(), got = -1;
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
	pass(ends[0], &fd, 1);
	close(fd);
	say("take", take(ends[1], &got, 1, MSG_CMSG_CLOEXEC));
	say("cloexec", fcntl(got, F_GETFD));
	peer_listen(PORT);
	say("connect", try_connect(got, PEER, PORT));
}

static void passed_several(void)
{
	int ends[2], fds[3], got[3];
	struct pair p = accepted();
	fds[0] = p.listener;
	fds[1] = p.fd;
	fds[2] = tcp();
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	say("pass", pass(ends[0], fds, 3));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	say("take", take(ends[1], got, 3, 0));
	say("write", write(got[1], "x", 1));
	say_bytes("peer", buf, peer_recv(buf, 64));
	say("bind", try_bind(got[2], ME, PORT + 1));
	peer_connect(PORT);
	say("accept", accept(got[0], NULL, NULL) < 0 ? -1 : 0);
}

static void passed_to_a_child(void)
{
	int ends[2], got = -1;
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	pid_t pid = fork();
	if (pid == 0) {
		take(ends[1], &got, 1, 0);
		_exit(write(got, "from the child", 14) != 14);
	}
	struct pair p = accepted();
	pass(ends[0], &p.fd, 1);
	close(p.fd);
	say_bytes("peer", buf, peer_recv(buf, 64));
	waitpid(pid, NULL, 0);
	say("EOF", peer_recv(buf, 64));
}

static void never_taken(void)
{
	int ends[2];
	struct pair p = accepted();
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	pass(ends[0], &p.fd, 1);
	close(p.fd);
	close(ends[0]);
	close(ends[1]);
	say("EOF", peer_recv(buf, 64));
}

const struct story stdio_stories[] = {
    {"stdio-lines", lines_in},
    {"stdio-characters", characters},
    {"stdio-getline", getline_and_getdelim},
    {"stdio-buffered", buffered_out},
    {"stdio-unbuffered", unbuffered_and_by_lines},
    {"stdio-dprintf", formatted_to_a_descriptor},
    {"stdio-error", error_of_a_stream},
    {"stdio-both-ways", both_ways},
    {"stdio-seek", seeking},
    {"passed-listener", passed_listener},
    {"passed-fresh", passed_fresh},
    {"passed-several", passed_several},
    {"passed-to-child", passed_to_a_child},
    {"passed-never-taken", never_taken},
    {NULL, NULL},
};
