/* SPDX-License-Identifier: MIT */
/*
 * Every option number there is, at each level: what getsockopt() and setsockopt() answer for several
 * lengths and values, and what is read back. What Linux has and the private stack refuses is told by
 * one story, sweep-refused, and left out of the others; so are values that differ from host to host.
 */
#include "tests/parity/parity.h"

/* Those that every kernel has that this can be run on, configuration apart. */
static int last_option(int level)
{
	return level == SOL_SOCKET ? 75 : level == IPPROTO_IP ? 47 : 37;
}

static unsigned char value[1024];

/* Refused by the private stack, or of the host: buffers that grow, the default of congestion
 * control, clocks. */
static const unsigned char left_out_socket[] = {
    5,	7,  8,	16, 17, 18, 25, 26, 27, 28, 29, 32, 33, 34, 35, 36, 37, 41, 42, 44, 46, 48, 49, 50,
    51, 52, 53, 56, 59, 60, 61, 62, 63, 64, 65, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 80, 82, 83};
static const unsigned char left_out_ip[] = {3,	4,  5,	9,  11, 15, 16, 17, 19, 21, 22, 25, 26, 32,
					    33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46,
					    47, 48, 49, 50, 51, 52, 64, 65, 66, 67, 80, 83};
static const unsigned char left_out_tcp[] = {10, 13, 17, 19, 20, 21, 22, 24, 26, 27, 28, 29, 31,
					     33, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46};

static bool is_left_out_of(int level, int name)
{
	const unsigned char *list = level == SOL_SOCKET	  ? left_out_socket
				    : level == IPPROTO_IP ? left_out_ip
							  : left_out_tcp;
	size_t n = level == SOL_SOCKET	 ? sizeof(left_out_socket)
		   : level == IPPROTO_IP ? sizeof(left_out_ip)
					 : sizeof(left_out_tcp);
	return memchr(list, name, n) != NULL;
}

static bool is_of_this_host(int level, int name)
{
	if (level == SOL_SOCKET)
		return name == SO_COOKIE || name == 71 /* SO_NETNS_COOKIE */ ||
		       name == SO_INCOMING_CPU || name == SO_INCOMING_NAPI_ID ||
		       name == 55 /* SO_MEMINFO */;
	if (level == IPPROTO_TCP)
		return name == TCP_INFO || name == TCP_TIMESTAMP || name == TCP_CC_INFO;
	return false;
}

static void get_one(int fd, int level, int name, socklen_t room)
{
	socklen_t len = room;
	memset(value, 0xee, sizeof(value));
	int rc = getsockopt(fd, level, name, value, &len);
	printf("%d/%d room %u: ", level, name, room);
	if (rc < 0) {
		printf("%s\n", strerrorname_np(errno));
		return;
	}
	printf("length %u", len);
	for (socklen_t i = 0; i < len && i < 8 && !is_of_this_host(level, name); i++)
		printf(" %02x", value[i]);
	printf("\n");
}

static void get_all(int fd, int level)
{
	for (int name = 0; name <= last_option(level); name++)
		if (!is_left_out_of(level, name))
			get_one(fd, level, name, 4);
}

static void get_all_lengths(int fd, int level)
{
	static const socklen_t rooms[] = {0, 1, 2, 8, 64};
	for (int name = 0; name <= last_option(level); name++)
		for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
			if (!is_left_out_of(level, name))
				get_one(fd, level, name, rooms[i]);
}

/* Not tried: they detach programs, change how the story itself runs, or need a file. */
static bool is_left_out(int level, int name)
{
	return level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO);
}

static void set_one(int fd, int level, int name, int v, socklen_t len)
{
	if (is_left_out(level, name))
		return;
	memset(value, 0, sizeof(value));
	memcpy(value, &v, sizeof(v));
	int rc = setsockopt(fd, level, name, value, len);
	printf("%d/%d = %d (%u): %s\n", level, name, v, len, rc < 0 ? strerrorname_np(errno) : "0");
}

static void set_all(int (*make)(void), int level, int v, socklen_t len)
{
	for (int name = 0; name <= last_option(level); name++) {
		if (is_left_out_of(level, name))
			continue;
		int fd = make();
		set_one(fd, level, name, v, len);
		get_one(fd, level, name, 4);
		close(fd);
	}
}

static void get_socket_fresh(void)
{
	get_all(tcp(), SOL_SOCKET);
}
static void get_socket_lengths(void)
{
	get_all_lengths(tcp(), SOL_SOCKET);
}
static void get_socket_connected(void)
{
	get_all(accepted().fd, SOL_SOCKET);
}
static void get_socket_listening(void)
{
	get_all(listening(PORT), SOL_SOCKET);
}
static void get_ip_fresh(void)
{
	get_all(tcp(), IPPROTO_IP);
}
static void get_ip_lengths(void)
{
	get_all_lengths(tcp(), IPPROTO_IP);
}
static void get_ip_connected(void)
{
	get_all(accepted().fd, IPPROTO_IP);
}
static void get_tcp_fresh(void)
{
	get_all(tcp(), IPPROTO_TCP);
}
static void get_tcp_lengths(void)
{
	get_all_lengths(tcp(), IPPROTO_TCP);
}
static void get_tcp_connected(void)
{
	get_all(accepted().fd, IPPROTO_TCP);
}
static void get_tcp_listening(void)
{
	get_all(listening(PORT), IPPROTO_TCP);
}

static void set_socket_one(void)
{
	set_all(tcp, SOL_SOCKET, 1, 4);
}
static void set_socket_zero(void)
{
	set_all(tcp, SOL_SOCKET, 0, 4);
}
static void set_socket_negative(void)
{
	set_all(tcp, SOL_SOCKET, -1, 4);
}
static void set_socket_byte(void)
{
	set_all(tcp, SOL_SOCKET, 1, 1);
}
static void set_socket_none(void)
{
	set_all(tcp, SOL_SOCKET, 1, 0);
}
static void set_socket_long(void)
{
	set_all(tcp, SOL_SOCKET, 1, 64);
}
static void set_ip_one(void)
{
	set_all(tcp, IPPROTO_IP, 1, 4);
}
static void set_ip_zero(void)
{
	set_all(tcp, IPPROTO_IP, 0, 4);
}
static void set_ip_negative(void)
{
	set_all(tcp, IPPROTO_IP, -1, 4);
}
static void set_ip_byte(void)
{
	set_all(tcp, IPPROTO_IP, 1, 1);
}
static void set_ip_none(void)
{
	set_all(tcp, IPPROTO_IP, 1, 0);
}
static void set_ip_large(void)
{
	set_all(tcp, IPPROTO_IP, 255, 4);
}
static void set_tcp_one(void)
{
	set_all(tcp, IPPROTO_TCP, 1, 4);
}
static void set_tcp_zero(void)
{
	set_all(tcp, IPPROTO_TCP, 0, 4);
}
static void set_tcp_negative(void)
{
	set_all(tcp, IPPROTO_TCP, -1, 4);
}
static void set_tcp_byte(void)
{
	set_all(tcp, IPPROTO_TCP, 1, 1);
}
static void set_tcp_large(void)
{
	set_all(tcp, IPPROTO_TCP, 100000, 4);
}

static void refused_of(const char *what, int level)
{
	int fd = tcp();
	printf("%s refuses:", what);
	for (int name = 0; name <= last_option(level); name++) {
		socklen_t len = sizeof(value);
		bool get = getsockopt(fd, level, name, value, &len) == 0 || errno != ENOPROTOOPT;
		memset(value, 0, sizeof(value));
		bool set = setsockopt(fd, level, name, value, 4) == 0 || errno != ENOPROTOOPT;
		bool depends = level == SOL_SOCKET && name == 34; /* SO_PEERSEC: on the module */
		if (!get && !set && !depends)
			printf(" %d", name);
	}
	printf("\n");
}

static void refused(void)
{
	refused_of("SOL_SOCKET", SOL_SOCKET);
	refused_of("IPPROTO_IP", IPPROTO_IP);
	refused_of("IPPROTO_TCP", IPPROTO_TCP);
}

static void other_levels(void)
{
	static const int levels[] = {-1,  2,   3,   17,	 IPPROTO_IPV6, 58,  132, 136,
				     255, 256, 269, 282, 283,	       284, 285, 0x7fffffff};
	int fd = tcp();
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		get_one(fd, levels[i], 1, 4);
		set_one(fd, levels[i], 1, 1, 4);
	}
}

static void bad_arguments(void)
{
	void *volatile nowhere = (void *)16;
	int v = 1, fd = tcp();
	socklen_t len = sizeof(v);
	static const int of[][2] = {{SOL_SOCKET, SO_KEEPALIVE}, {SOL_SOCKET, SO_LINGER},
				    {SOL_SOCKET, SO_RCVTIMEO},	{SOL_SOCKET, SO_ERROR},
				    {SOL_SOCKET, SO_TYPE},	{IPPROTO_IP, IP_TOS},
				    {IPPROTO_TCP, TCP_NODELAY}, {IPPROTO_TCP, TCP_CONGESTION},
				    {IPPROTO_TCP, TCP_INFO},	{IPPROTO_TCP, 9999}};
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		printf("- %d/%d\n", of[i][0], of[i][1]);
		say("set from nowhere", setsockopt(fd, of[i][0], of[i][1], nowhere, 16));
		say("set negative", setsockopt(fd, of[i][0], of[i][1], &v, (socklen_t)-1));
		len = 16;
		say("get to nowhere", getsockopt(fd, of[i][0], of[i][1], nowhere, &len));
		say("length nowhere", getsockopt(fd, of[i][0], of[i][1], &v, nowhere));
		len = (socklen_t)-4;
		say("length negative", getsockopt(fd, of[i][0], of[i][1], &v, &len));
	}
}

const struct story sweep_stories[] = {
    {"sweep-get-socket", get_socket_fresh},
    {"sweep-get-socket-lengths", get_socket_lengths},
    {"sweep-get-socket-connected", get_socket_connected},
    {"sweep-get-socket-listening", get_socket_listening},
    {"sweep-get-ip", get_ip_fresh},
    {"sweep-get-ip-lengths", get_ip_lengths},
    {"sweep-get-ip-connected", get_ip_connected},
    {"sweep-get-tcp", get_tcp_fresh},
    {"sweep-get-tcp-lengths", get_tcp_lengths},
    {"sweep-get-tcp-connected", get_tcp_connected},
    {"sweep-get-tcp-listening", get_tcp_listening},
    {"sweep-set-socket-1", set_socket_one},
    {"sweep-set-socket-0", set_socket_zero},
    {"sweep-set-socket-negative", set_socket_negative},
    {"sweep-set-socket-byte", set_socket_byte},
    {"sweep-set-socket-none", set_socket_none},
    {"sweep-set-socket-long", set_socket_long},
    {"sweep-set-ip-1", set_ip_one},
    {"sweep-set-ip-0", set_ip_zero},
    {"sweep-set-ip-negative", set_ip_negative},
    {"sweep-set-ip-byte", set_ip_byte},
    {"sweep-set-ip-none", set_ip_none},
    {"sweep-set-ip-255", set_ip_large},
    {"sweep-set-tcp-1", set_tcp_one},
    {"sweep-set-tcp-0", set_tcp_zero},
    {"sweep-set-tcp-negative", set_tcp_negative},
    {"sweep-set-tcp-byte", set_tcp_byte},
    {"sweep-set-tcp-100000", set_tcp_large},
    {"sweep-other-levels", other_levels},
    {"sweep-bad-arguments", bad_arguments},
    {"sweep-refused", refused},
    {NULL, NULL},
};
