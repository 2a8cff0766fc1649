/* SPDX-License-Identifier: MIT */
/* getsockname() and getpeername(). */
#include "tests/parity/parity.h"

static void names_of(const char *what, int fd)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);
	printf("%s\n", what);
	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		say("name", -1);
	else
		say_addr("name", &a, len);
	len = sizeof(a);
	if (getpeername(fd, (struct sockaddr *)&a, &len) < 0)
		say("peer", -1);
	else
		say_addr("peer", &a, len);
}

static void names_in_states(void)
{
	int b = tcp();
	names_of("fresh", tcp());
	try_bind(b, ME, PORT + 3);
	names_of("bound", b);
	struct pair p = accepted();
	names_of("listener", p.listener);
	names_of("accepted", p.fd);
	names_of("bad", 999);
	names_of("not a socket", 0);
}

static void names_connected(void)
{
	names_of("connected", connected_to_peer());
}

/* Not a moment later. */
static void names_connecting(void)
{
	for (int i = 0; i < 20; i++) {
		int fd = tcp(), on = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (i % 2)
			try_bind(fd, ME, 0);
		nonblocking(fd);
		try_connect(fd, SILENT, PORT);
		names_of("connecting", fd);
		close(fd);
	}
}

static void names_after_fin(void)
{
	struct pair p = accepted();
	peer_close();
	wait_for(p.fd, POLLRDHUP);
	names_of("FIN received", p.fd);
	shutdown(p.fd, SHUT_WR);
	wait_for(p.fd, POLLHUP);
}

static void names_after_reset(void)
{
	char c;
	struct pair p = accepted();
	peer_reset();
	wait_for(p.fd, POLLIN);
	say("read", read(p.fd, &c, 1));
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	say("peer", getpeername(p.fd, (struct sockaddr *)&a, &len));
}

static void names_truncated(void)
{
	unsigned char buf[16];
	struct pair p = accepted();
	socklen_t len = 6;
	memset(buf, 0xee, sizeof(buf));
	say("name", getsockname(p.fd, (struct sockaddr *)buf, &len));
	say("length", len);
	say("byte 5", buf[5]);
	say("byte 6", buf[6]);
	len = (socklen_t)-1;
	say("negative", getsockname(p.fd, (struct sockaddr *)buf, &len));
	say("NULL", getsockname(p.fd, NULL, &len));
}

const struct story name_stories[] = {
    {"names-in-states", names_in_states},
    {"names-connected", names_connected},
    {"names-connecting", names_connecting},
    {"names-after-fin", names_after_fin},
    {"names-after-reset", names_after_reset},
    {"names-truncated", names_truncated},
    {NULL, NULL},
};
