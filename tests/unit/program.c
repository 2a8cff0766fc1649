/* SPDX-License-Identifier: MIT */
/* See program.h. */
#include "tests/unit/program.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/accept_push.h"
#include "daemon/log.h"
#include "tests/unit/suites.h"

struct daemon d;
static char dir[64];

static bool no_link(void *ctx, const struct frame_out *f)
{
	(void)ctx;
	(void)f;
	return true;
}

void program_setup(void)
{
	static const struct stack_ops ops = {.transmit = no_link, .accept_unread = accept_unread};
	struct stack_config config = {.mac = {{2, 0, 0, 0, 0, 1}},
				      .mtu_bytes = 1500,
				      .tso_max_bytes = 65000,
				      .tx_csum_offload = true,
				      .pkt_limit_bytes = 64 << 20,
				      .seed = {7}};

	memset(&d, 0, sizeof(d));
	d.link.source.fd = d.direct.source.fd = d.signals.fd = -1;
	strcpy(dir, "/tmp/xtcp-test-sockets.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	config_defaults(&d.config);
	snprintf(d.config.path, sizeof(d.config.path), "%s/x.sock", dir);
	d.identity.uid = getuid();
	d.socket_gid = getgid();
	capture_init(&d);
	ck_assert_int_eq(loop_init(&d.loop), 0);
	impairment_init(&d);
	ck_assert_int_eq(sockets_init(&d), 0);
	ck_assert_int_eq(tombstones_init(&d.tombstones, 64), 0);
	ck_assert_int_eq(tombstones_init(&d.ghosts, 64), 0);
	processes_init(&d.processes);
	d.stack = stack_create(&config, &ops, &d, d.loop.now_us);
	ck_assert_ptr_nonnull(d.stack);
	ck_assert_int_eq(stack_addr_add(d.stack, 10u << 24 | 2, 24), 0);
	ck_assert_int_eq(rpc_server_start(&d), 0);
	log_set_level(LOG_ERR);
}

void program_teardown(void)
{
	daemon_stop(&d);
	rmdir(dir);
}

void run(void)
{
	for (int quiet = 0, i = 0; quiet < 2 && i < 10000; i++) {
		d.busy = true;
		daemon_turn(&d);
		quiet = d.busy ? 0 : quiet + 1;
	}
}

void run_until(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	uint64_t limit = loop_clock_us() + 20000000;

	d.busy = true;
	while (poll(&p, 1, 0) == 0) {
		ck_assert_uint_lt(loop_clock_us(), limit);
		daemon_turn(&d);
	}
}

/* --- a program's side of the wire */

void send_request(int to, const struct rpc_request *req, int f)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {(void *)req, sizeof(*req)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &f, sizeof(f));
	ck_assert_int_eq((int)sendmsg(to, &msg, MSG_NOSIGNAL), (int)sizeof(*req));
}

struct rpc_request request(uint16_t type)
{
	return (struct rpc_request){.magic = RPC_MAGIC, .version = RPC_VERSION, .type = type};
}

void connect_path(int fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", d.config.path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
}

int new_socket(void)
{
	static int serial;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, RPC_MARK "unit/%d/%d",
			 (int)getpid(), serial++);
	int f = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(f, (struct sockaddr *)&sun,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)),
			 0);
	return f;
}

int attached(void)
{
	struct rpc_request req = request(RPC_ATTACH);
	int f = new_socket();
	connect_path(f);
	send_request(f, &req, f);
	run();
	return f;
}

struct rpc_reply ask(int f, const struct rpc_request *req)
{
	struct rpc_reply reply = {.error = -1};
	int q = socket(AF_UNIX, SOCK_STREAM, 0);
	connect_path(q);
	send_request(q, req, f);
	run();
	ck_assert_int_eq((int)recv(q, &reply, sizeof(reply), MSG_DONTWAIT), (int)sizeof(reply));
	ck_assert_uint_eq(reply.magic, RPC_MAGIC);
	ck_assert_uint_eq(reply.type, req->type);
	close(q);
	return reply;
}

int ask_error(int f, uint16_t type)
{
	struct rpc_request req = request(type);
	return ask(f, &req).error;
}

struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

void write_padding(int f)
{
	static char pad[PAD_BYTES];
	ck_assert_int_eq((int)send(f, pad, sizeof(pad), MSG_NOSIGNAL), (int)sizeof(pad));
}

int listening(uint16_t *port, int backlog)
{
	struct rpc_request req = request(RPC_BIND);
	int f = attached();
	req.addr = loopback(0);
	struct rpc_reply reply = ask(f, &req);
	ck_assert_int_eq(reply.error, 0);
	*port = ntohs(reply.addr.sin_port);
	ck_assert_uint_ne(*port, 0);
	req = request(RPC_LISTEN);
	req.arg = backlog;
	req.pad_bytes = PAD_BYTES;
	write_padding(f);
	ck_assert_int_eq(ask(f, &req).error, 0);
	return f;
}

void connect_from(int f, uint16_t port)
{
	struct rpc_request req = request(RPC_CONNECT);
	req.addr = loopback(port);
	req.addr_len = sizeof(req.addr);
	req.pad_bytes = PAD_BYTES;
	send_request(f, &req, f);
	write_padding(f);
}

int connecting(uint16_t port)
{
	int f = new_socket();
	connect_path(f);
	connect_from(f, port);
	return f;
}

int take(int listener, struct rpc_accept *record)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {record, sizeof(*record)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(listener, &msg, MSG_DONTWAIT) != sizeof(*record))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

void connection(int *listener, int *client, int *server)
{
	uint16_t port;
	struct rpc_accept record;
	*listener = listening(&port, 16);
	*client = connecting(port);
	run();
	*server = take(*listener, &record);
	ck_assert_int_ge(*server, 0);
}

short polled(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI};
	poll(&p, 1, 0);
	return p.revents;
}

void close_all(int a, int b, int c)
{
	close(a);
	close(b);
	close(c);
	run();
	ck_assert_uint_eq(d.sockets.count, 0);
	ck_assert(list_empty(&d.sockets.users));
}
