/* SPDX-License-Identifier: MIT */
/*
 * The wire between a program (the shim) and xtcpd: fixed-size records over AF_UNIX streams.
 *
 * Theory of operation
 *
 *   F  the program's descriptor, an AF_UNIX SOCK_STREAM socket bound to an abstract name that
 *      begins with RPC_MARK (how the shim, in any process, knows it for ours)
 *   E  the other end, held by xtcpd
 *   Q  a short-lived connection of the shim to the same listening path, one request each
 *
 * Everybody connects to the listening path (RPC_PATH, or the abstract name RPC_ABSTRACT_PREFIX +
 * path for programs that have chrooted) and sends one struct rpc_request with descriptor F
 * attached (SCM_RIGHTS). The kernel's SO_COOKIE of F, which xtcpd reads from the descriptor it was
 * handed, is the socket's identity: a request is honoured from whoever holds F and from no one
 * else.
 *
 *   RPC_ATTACH    first record on F's own connection: "this connection is F's". E is the accepted
 *                 end. flags/pid come from SO_PEERCRED. No reply.
 *   RPC_CONNECT   on F itself, after ATTACH (or as the first record: it attaches as well): address
 *                 in addr, and pad_bytes bytes of padding follow in the same stream, which xtcpd
 *                 leaves unread until the connection is made (then F is writable) or refused (E is
 *                 closed with the padding unread: F shows ERR and HUP). From then on the stream
 *                 is the connection's bytes. No reply: the shim waits for POLLOUT, and asks
 *                 RPC_GETERR on failure. With RPC_FLAG_FASTOPEN the stream's first arg bytes come
 *                 before the padding, for the SYN to take along. A socket with TCP_FASTOPEN_CONNECT
 *                 may be writable at once: its SYN waits for what the program writes, which the shim announces
 *                 (RPC_FASTOPEN) where it can.
 *   everything    on a Q, with F attached. BIND, LISTEN, GETSOCKOPT, GETNAME, GETPEER, GETERR,
 *   else          UNLISTEN, DISCONNECT, LINGER, FASTOPEN are answered by one struct rpc_reply; SETSOCKOPT
 *                 only if RPC_FLAG_REPLY is set. By then xtcpd has closed its copy of F, which
 *                 would keep a closed F in the program's epoll sets: so the shim waits. xtcpd
 *                 handles requests in the order in which the connections were made, so ATTACH,
 *                 SETSOCKOPT and BIND of one thread stay in order. An option that cannot fail is not
 *                 asked for: it goes down F (inband.h). Before a request is carried out, what F
 *                 has said before it is read.
 *
 * A listener's F receives one struct rpc_accept per established connection, each with the new
 * descriptor attached (already marked: its own abstract name is a struct rpc_name, so getsockname
 * and getpeername of an accepted socket need no request). Where the connection's other end is on the
 * same stack, that descriptor may be the E of the program that connected: it has the name of
 * xtcpd's listening socket, and is known for ours by its peer's name. LISTEN carries padding too (pad_bytes
 * on F, sent by the shim before the request), so that a listener never polls writable.
 *
 * When xtcpd has closed E, it keeps the socket's last error by cookie for a while: GETERR reads
 * and clears it.
 *
 * Every multi-byte field is in host order except what is inside sockaddr_in. A record of the wrong
 * size, magic, version or type, or with a stray descriptor, closes the connection it came by.
 */
#ifndef XTCP_RPC_H
#define XTCP_RPC_H

#include <netinet/in.h>
#include <stdint.h>

#define RPC_MAGIC 0x50544358u
#define RPC_VERSION 2

#define RPC_PATH "/run/xtcp/xtcpd.sock"
#define RPC_CONTROL_PATH "/run/xtcp/control.sock"
#define RPC_ENV_SOCKET "XTCP_SOCKET"
/* Abstract names begin with a NUL that is not part of these. */
#define RPC_MARK "xtcp/"	     /* F: "\0xtcp/" + anything unique, or a struct rpc_name */
#define RPC_ABSTRACT_PREFIX "xtcpd:" /* listening name: "\0xtcpd:" + path */

#define RPC_VALUE_MAX 512

/* In the stream of bytes: as many descriptors as this sum says are attached to a struct rpc_inband
 * (inband.h), or to the end of a write that had MSG_MORE, MSG_EOR or both. Which they are means
 * nothing. */
enum {
	RPC_MARK_OPTION = 1,
	RPC_MARK_MORE = 2,
	RPC_MARK_EOR = 3,
	RPC_MARK_BOTH = 4,
	RPC_MARKS_MAX = 4
};

/* What a descriptor of ours is used for is kept with it, in SO_MAX_PACING_RATE (shim/shim.h): this,
 * with an enum f_state in its last byte. */
#define RPC_STATE_MAGIC 0x7874637000000000ull /* "xtcp" */
#define RPC_STATE_CONNECTED 2
#define RPC_STATE_LOCAL 0x80000000ull /* xtcpd: the other end is on this stack, and may have E */
#define RPC_STATE_STREAM                                                                           \
	0x40000000ull /* xtcpd: E is and stays its own; once F is writable, what is
					  written is the connection's */

enum rpc_type {
	RPC_ATTACH = 1,
	RPC_CONNECT,
	RPC_BIND,
	RPC_LISTEN,	/* backlog in arg */
	RPC_SETSOCKOPT, /* level, name, value. Reply: of TCP_NOTSENT_LOWAT arg, what holds now */
	RPC_GETSOCKOPT, /* level, name; value_len: room, value what is in it. Reply: value */
	RPC_GETNAME,	/* reply: addr */
	RPC_GETPEER,	/* reply: addr, or error ENOTCONN */
	RPC_GETERR,	/* reply: error, cleared by reading (SO_ERROR) */
	RPC_UNLISTEN, /* shutdown() of a listener, or of F while it is connecting; EISCONN: no more */
	RPC_DISCONNECT, /* F is given up, with a second descriptor F' that takes its place and is
			   not attached yet: options and the bound address are kept for F'. Reply:
			   arg = the error that is still to be told, addr = where F was bound, or
			   port 0; then xtcpd closes E */
	RPC_LINGER,  /* sent before close(): F must not be attached a second time by a reply. arg:
			seconds. Then the shim closes F and half-closes Q (shutdown(SHUT_WR)):
			xtcpd closes its copy of F and knows whether that was the last. Reply
			when the FIN is acknowledged, on error, at the time's end, or at once
			when somebody else holds F */
	RPC_OUTQ,    /* SIOCOUTQ. Reply: arg = bytes written and not acknowledged; asked with arg 1
			(SIOCOUTQNSD): written and not sent */
	RPC_REFUSED, /* the shim refused a call: value names it, arg is the errno; level, name of an
			option. For xtcpctl ps. The descriptor is the connection itself. No reply */
	RPC_OPTIONS, /* the options kept (RPC_FLAG_KEEP), from the arg-th on. Reply: value, a row of
			struct rpc_option; arg, where to go on, 0 at the end; addr, the local
			address, port 0 while it has none */
	RPC_LATE,    /* a write (arg 0: of nothing) has failed, though no error is known. Reply: arg
			1 if it is to count as sent: the first one after the peer has closed, as on
			TCP */
	RPC_FELL,    /* a rule left a socket to the kernel: addr, arg (enum rule_use), value: which
			rule. The descriptor is the connection itself. No reply */
	RPC_INTERFACE, /* the descriptor is the connection itself. Reply: struct rpc_interface */
	RPC_FASTOPEN,  /* MSG_FASTOPEN to addr. Reply: arg = bytes the SYN could take along. With
			  RPC_FLAG_FASTOPEN, of a socket whose SYN waits for what is written: the
			  first write is of arg bytes. Reply: arg = bytes that are to follow on F, in
			  front of pad_bytes of padding; EISCONN: nothing waits any more */
	RPC_URGENT,    /* the program is about to send an urgent byte (MSG_OOB). Reply */
	RPC_TYPE_MAX
};

enum {
	RPC_FLAG_REPLY = 1,    /* SETSOCKOPT: wait for the result */
	RPC_FLAG_KEEP = 2,     /* SETSOCKOPT: note it, the socket may be left to the kernel */
	RPC_FLAG_FASTOPEN = 4, /* CONNECT: MSG_FASTOPEN; arg bytes follow in front of the padding */
	RPC_FLAG_MORE = 8,     /* ... and what the SYN does not take, once it is connected */
};

#define RPC_HEAD_MAX 4096 /* bytes in front of padding; Linux, too, puts no more into a SYN */

struct rpc_request {
	uint32_t magic; /* RPC_MAGIC */
	uint16_t version, type;
	uint32_t flags;
	uint32_t pad_bytes;
	int32_t arg;
	int32_t level, name;
	uint32_t value_len; /* <= RPC_VALUE_MAX */
	struct sockaddr_in addr;
	uint32_t addr_len; /* as the program gave it; checked by the shim */
	uint32_t reserved; /* 0 */
	uint8_t value[RPC_VALUE_MAX];
};

struct rpc_reply {
	uint32_t magic;
	uint16_t version, type; /* of the request */
	int32_t error;		/* 0 or a positive errno */
	int32_t arg;
	uint32_t value_len;
	uint32_t reserved;
	struct sockaddr_in addr;
	uint8_t value[RPC_VALUE_MAX];
};

/* An option in the value of RPC_OPTIONS' reply; len bytes of its value follow. */
struct rpc_option {
	int32_t level, name;
	uint32_t len;
};

/* The stack's side of the link. */
#define RPC_INTERFACE_ADDRESSES 8
struct rpc_interface_address {
	uint32_t v4; /* network order, as in sockaddr_in */
	uint32_t prefix_len;
};
struct rpc_interface {
	char name[16]; /* of the TAP; NUL-terminated */
	uint8_t mac[6];
	uint16_t addresses;
	uint32_t mtu_bytes;
	struct rpc_interface_address address[RPC_INTERFACE_ADDRESSES];
};

/* Pushed down a listener's stream, with one descriptor. */
struct rpc_accept {
	uint32_t magic;
	uint16_t version, reserved;
	uint64_t id; /* counts up per listener: the order of arrival */
	struct sockaddr_in local, remote;
	uint8_t pad[16]; /* 0: a record is 64 bytes */
};

/* The abstract name (after the leading NUL) of an accepted socket's descriptor. */
struct rpc_name {
	char mark[8]; /* "xtcp/A1" + NUL */
	uint64_t id;  /* unique in xtcpd's life */
	struct sockaddr_in local, remote;
};
#define RPC_NAME_MARK "xtcp/A1"

/*
 * TCP_NOTSENT_LOWAT: what waits in F has not been sent either. F is writable while no more than half
 * of the mark waits there, and xtcpd takes no more than the other half; so a program that is told to
 * write has no more than the mark unsent. To be given to F's SO_SNDBUF, which
 * the kernel doubles, and of which AF_UNIX lets a quarter be in use.
 */
#define RPC_F_SNDBUF_MAX 106496 /* the kernel's own default */
static inline int rpc_notsent_sndbuf(uint32_t mark)
{
	return mark == 0 || mark > RPC_F_SNDBUF_MAX ? RPC_F_SNDBUF_MAX : (int)mark;
}

_Static_assert(sizeof(struct rpc_request) == 56 + RPC_VALUE_MAX, "rpc_request");
_Static_assert(sizeof(struct rpc_reply) == 40 + RPC_VALUE_MAX, "rpc_reply");
_Static_assert(sizeof(struct rpc_interface) == 92, "rpc_interface");
_Static_assert(sizeof(struct rpc_accept) == 64, "rpc_accept");
_Static_assert(sizeof(struct rpc_name) == 48, "rpc_name");

#endif
