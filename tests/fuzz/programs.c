/* SPDX-License-Identifier: MIT */
/*
 * Programs, and xtcpd's own code around one stack that talks to itself (tests/unit/program.h): descriptors
 * are attached, bound, connected, passed along, closed; requests come with any fields and any descriptors, whole
 * or in part; bytes, records among them and urgent ones go down F. At the end everything is closed, and
 * xtcpd has no socket left.
 */
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/log.h"
#include "rpc/inband.h"
#include "stack/base/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/program.h"

#define FDS 12
#define STEPS_MAX 120
#define PORT_FIRST 1000

struct play {
	struct reader in;
	int fd[FDS]; /* F's, copies of them, connections of requests; -1: none */
};

static uint8_t u8(struct play *p)
{
	return read_u8(&p->in);
}

static int *slot(struct play *p)
{
	return &p->fd[u8(p) % FDS];
}

static void put(struct play *p, int fd)
{
	int *s = slot(p);
	if (*s >= 0)
		close(*s);
	*s = fd;
}

/* With as many copies of these descriptors as it says. */
static void send_with(int to, const void *data, size_t len, const int *fds, unsigned count,
		      int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {(void *)data, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (count > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	(void)sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT | flags);
}

static struct rpc_request any_request(struct play *p)
{
	static const int levels[] = {1, 0, 6, 41};
	struct rpc_request req = request((uint16_t)(u8(p) % (RPC_TYPE_MAX + 1)));
	uint8_t how = u8(p);
	req.flags = u8(p);
	req.arg = (int8_t)u8(p);
	req.level = levels[how & 3];
	req.name = u8(p);
	req.value_len = how & 4 ? (uint32_t)u8(p) * 4 : 4;
	for (uint32_t i = 0; i < (how & 8 ? 64 : 2); i++)
		req.value[i] = u8(p);
	req.addr = loopback((uint16_t)(PORT_FIRST + (how >> 4 & 3)));
	if (how & 0x40)
		req.addr.sin_addr.s_addr = (uint32_t)u8(p) << 24 | 10;
	req.pad_bytes = how & 0x80 ? u8(p) : 0;
	req.addr_len = sizeof(req.addr);
	return req;
}

/* --- what a program does */

static void op_attach(struct play *p)
{
	struct rpc_request req = request(RPC_ATTACH);
	int f = new_socket();
	connect_path(f);
	send_with(f, &req, sizeof(req), &f, 1, 0);
	put(p, f);
}

static void op_request(struct play *p)
{
	uint8_t how = u8(p);
	int q = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), f = *slot(p), g = *slot(p);
	struct rpc_request req = any_request(p);
	int fds[4] = {f >= 0 ? f : q, g >= 0 ? g : q, q, q};
	size_t len = how & 0x80 ? u8(p) * 4u % (sizeof(req) + 1) : sizeof(req);
	connect_path(q);
	send_with(q, &req, len, fds, (how & 3) == 3 ? how >> 2 & 3 : (how & 3) + 1, 0);
	if (how & 0x20) { /* stays, for an answer that is never read, or for more */
		put(p, q);
		return;
	}
	run();
	close(q);
}

/* On F itself, as connect() does, and without F: one that lies unread in its own stream would keep itself
 * alive, which only MaxPerUser= bounds. */
static void op_on_itself(struct play *p)
{
	int f = *slot(p);
	struct rpc_request req = any_request(p);
	if (f >= 0)
		send_with(f, &req, sizeof(req), NULL, 0, 0);
}

static void op_connect(struct play *p)
{
	int f = new_socket();
	connect_path(f);
	connect_from(f, (uint16_t)(PORT_FIRST + u8(p) % 4));
	put(p, f);
}

static void op_listen(struct play *p)
{
	struct rpc_request req = request(RPC_BIND);
	int f = attached();
	uint8_t how = u8(p);
	req.addr = loopback((uint16_t)(PORT_FIRST + how % 4));
	ask(f, &req);
	req = request(RPC_LISTEN);
	req.arg = how >> 2;
	req.pad_bytes = PAD_BYTES;
	write_padding(f);
	ask(f, &req);
	put(p, f);
}

static void op_accept(struct play *p)
{
	struct rpc_accept record;
	char buffer[256], control[CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov = {buffer, sizeof(record)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int f = *slot(p);
	if (f < 0 || recvmsg(f, &msg, MSG_DONTWAIT) <= 0)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			put(p, fd);
		}
}

static void op_write(struct play *p)
{
	static char bytes[70000];
	int f = *slot(p);
	uint8_t how = u8(p);
	size_t len = how & 1 ? u8(p) * 256u : u8(p);
	int event = eventfd(0, EFD_CLOEXEC), fds[4] = {event, event, event, event};
	if (f >= 0)
		send_with(f, bytes, len, fds, how >> 1 & 3, how & 8 ? MSG_OOB : 0);
	close(event);
}

static void op_record(struct play *p)
{
	static const int levels[] = {1, 0, 6, 41};
	int f = *slot(p);
	uint8_t how = u8(p);
	int event = eventfd(0, EFD_CLOEXEC), fds[4] = {event, event, event, event};
	struct rpc_inband rec = {.magic = RPC_INBAND_MAGIC,
				 .version = RPC_VERSION,
				 .value_len = how & 0x20 ? u8(p) : 4,
				 .level = levels[how & 3],
				 .name = u8(p)};
	for (unsigned i = 0; i < (how & 0x40 ? RPC_INBAND_VALUE_MAX : 2); i++)
		rec.value[i] = u8(p);
	size_t len = how & 0x10 ? u8(p) % sizeof(rec) : sizeof(rec);
	if (f >= 0)
		send_with(f, &rec, len, fds, how >> 2 & 3, 0);
	close(event);
}

static void op_read(struct play *p)
{
	char buffer[65536];
	int f = *slot(p);
	uint8_t how = u8(p);
	if (f >= 0)
		(void)recv(f, buffer, how & 1 ? sizeof(buffer) : how,
			   MSG_DONTWAIT | (how & 2 ? MSG_OOB : 0));
}

static void op_end(struct play *p)
{
	int *s = slot(p);
	uint8_t how = u8(p);
	if (*s < 0)
		return;
	if (how & 3) {
		shutdown(*s, (how & 3) - 1);
		return;
	}
	close(*s);
	*s = -1;
}

static void op_copy(struct play *p)
{
	int f = *slot(p);
	if (f >= 0)
		put(p, dup(f));
}

static void op_turn(struct play *p)
{
	(void)p;
	run();
}

typedef void op_fn(struct play *p);
static op_fn *const ops[] = {op_attach, op_request, op_request, op_on_itself, op_connect,
			     op_listen, op_accept,  op_write,	op_record,    op_read,
			     op_end,	op_copy,    op_turn};

static void end(struct play *p)
{
	for (unsigned i = 0; i < FDS; i++)
		if (p->fd[i] >= 0)
			close(p->fd[i]);
	run();
	direct_sweep(&d); /* what has vanished unseen: daemon/direct.h */
	run();
	FUZZ_CHECK(d.sockets.count == 0 && list_empty(&d.sockets.users));
	program_teardown();
}

void fuzz_programs(const uint8_t *data, size_t len)
{
	struct play p = {.in = reader_of(data, len)};
	program_setup();
	log_set_level(LOG_EMERG);
	d.config.direct = u8(&p) & 1;
	FUZZ_CHECK(direct_start(&d) == 0);
	for (unsigned i = 0; i < FDS; i++)
		p.fd[i] = -1;
	for (int step = 0; step < STEPS_MAX && reader_left(&p.in) > 0; step++) {
		uint8_t op = u8(&p);
		ops[op % 16 % (sizeof(ops) / sizeof(ops[0]))](&p);
		if (!(op & 0x80))
			run();
	}
	end(&p);
}
