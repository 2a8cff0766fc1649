/* SPDX-License-Identifier: MIT */
/* What stories print and the few helpers they share. */
#include "tests/parity/parity.h"

void say(const char *what, long rc)
{
	if (rc < 0)
		printf("%s: -1 %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, rc);
}

void say_text(const char *text)
{
	printf("%s\n", text);
}

void say_mask(const char *what, int mask)
{
	static const struct {
		int bit;
		const char *name;
	} bits[] = {{POLLIN, "IN"},   {POLLPRI, "PRI"},	    {POLLOUT, "OUT"},  {POLLERR, "ERR"},
		    {POLLHUP, "HUP"}, {POLLRDHUP, "RDHUP"}, {POLLNVAL, "NVAL"}};
	printf("%s:", what);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (mask & bits[i].bit)
			printf(" %s", bits[i].name);
	printf("%s\n", mask ? "" : " nothing");
}

void say_addr(const char *what, const struct sockaddr_in *a, socklen_t len)
{
	char ip[INET_ADDRSTRLEN] = "?";
	inet_ntop(AF_INET, &a->sin_addr, ip, sizeof(ip));
	int port = ntohs(a->sin_port);
	if (port >= story_port && port < story_port + 10)
		printf("%s: family %d %s:PORT+%d length %u\n", what, a->sin_family, ip,
		       port - story_port, len);
	else if (port >= 32768)
		printf("%s: family %d %s:ephemeral length %u\n", what, a->sin_family, ip, len);
	else
		printf("%s: family %d %s:%d length %u\n", what, a->sin_family, ip, port, len);
}

void say_bytes(const char *what, const void *p, ssize_t n)
{
	if (n < 0)
		say(what, n);
	else
		printf("%s: %zd \"%.*s\"\n", what, n, (int)(n < 64 ? n : 64), (const char *)p);
}

struct sockaddr_in addr_of(const char *ip, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

int tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0) {
		say("socket", fd);
		exit(2);
	}
	return fd;
}

int try_bind(int fd, const char *ip, int port)
{
	struct sockaddr_in a = addr_of(ip, port);
	return bind(fd, (struct sockaddr *)&a, sizeof(a));
}

int try_connect(int fd, const char *ip, int port)
{
	struct sockaddr_in a = addr_of(ip, port);
	return connect(fd, (struct sockaddr *)&a, sizeof(a));
}

int listening(int port)
{
	int fd = tcp(), one = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (try_bind(fd, ME, port) < 0 || listen(fd, 8) < 0) {
		say("listening", -1);
		exit(2);
	}
	return fd;
}

int mask_of(int fd, int wait_ms)
{
	struct pollfd p = {fd, POLLIN | POLLPRI | POLLOUT | POLLRDHUP, 0};
	poll(&p, 1, wait_ms);
	return p.revents;
}

int wait_for(int fd, int events)
{
	struct pollfd p = {fd, (short)events, 0};
	poll(&p, 1, 5000);
	return mask_of(fd, 0);
}

bool wait_a_moment(int fd, int events)
{
	struct pollfd p = {fd, (short)events, 0};
	return poll(&p, 1, 100) > 0;
}

/* One bit after the other: together, one that is always there would end the wait. */
void wait_for_bits(int fd, int bits, int ms)
{
	for (int bit = 1; bit <= bits; bit <<= 1) {
		struct pollfd p = {fd, (short)(bits & bit), 0};
		if (bits & bit)
			poll(&p, 1, ms);
	}
}

static bool has_unacknowledged_fin(int fd)
{
	struct tcp_info i = {0};
	socklen_t len = sizeof(i);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len);
	return i.tcpi_state == TCP_FIN_WAIT1 || i.tcpi_state == TCP_CLOSING ||
	       i.tcpi_state == TCP_LAST_ACK;
}

void settle(int fd)
{
	for (int ms = 0; ms < 5000 && has_unacknowledged_fin(fd); ms++)
		poll(NULL, 0, 1);
}

void nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int so_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -1;
	return err;
}

struct pair accepted(void)
{
	struct pair p = {.listener = listening(PORT)};
	int err = peer_connect(PORT);
	if (err)
		printf("the peer's connect: %s\n", strerrorname_np(err));
	p.fd = accept(p.listener, NULL, NULL);
	if (p.fd < 0) {
		say("accept", -1);
		exit(2);
	}
	return p;
}

int connected_to_peer(void)
{
	int fd = tcp();
	if (peer_listen(PORT) || try_connect(fd, PEER, PORT) < 0 || peer_accept()) {
		say("connected_to_peer", -1);
		exit(2);
	}
	return fd;
}
