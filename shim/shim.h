/* SPDX-License-Identifier: MIT */
/*
 * What the shim's files share.
 *
 * Theory of operation: a socket of ours is an AF_UNIX stream socket F whose other end xtcpd holds
 * (rpc/rpc.h). Everything about F that the shim needs to know is kept by the kernel, with the open
 * file itself, so that fork, exec, dup and descriptor passing lose nothing:
 *   - that it is ours: its abstract name begins with RPC_MARK, or its peer's does;
 *   - whether it is attached to xtcpd: it has a peer;
 *   - what it is being used for: one word in SO_MAX_PACING_RATE, an option AF_UNIX stores and does
 *     not use (enum f_state). The program's own SO_MAX_PACING_RATE goes to xtcpd.
 * The shim itself has no state but constants found at start-up, and hints (hint.h) that may be
 * wrong. It takes no lock, allocates nothing and starts nothing; every function here is
 * async-signal-safe and keeps errno unless it says that
 * it sets it.
 */
#ifndef XTCP_SHIM_H
#define XTCP_SHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "rpc/rpc.h"

#define EXPORT __attribute__((visibility("default")))
/* An alias libc exports beside the call itself. */
#define ALIAS_OF(name) __attribute__((visibility("default"), alias(#name)))

/* --- real.c: libc's own functions; set before main(), raw system calls until then */
struct ifaddrs;
struct if_nameindex;
struct real_calls {
	int (*socket)(int, int, int);
	int (*bind)(int, const struct sockaddr *, socklen_t);
	int (*listen)(int, int);
	int (*accept4)(int, struct sockaddr *, socklen_t *, int);
	int (*connect)(int, const struct sockaddr *, socklen_t);
	int (*getsockname)(int, struct sockaddr *, socklen_t *);
	int (*getpeername)(int, struct sockaddr *, socklen_t *);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	int (*setsockopt)(int, int, int, const void *, socklen_t);
	int (*shutdown)(int, int);
	int (*close)(int);
	ssize_t (*read)(int, void *, size_t);
	ssize_t (*readv)(int, const struct iovec *, int);
	ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
	ssize_t (*recvmsg)(int, struct msghdr *, int);
	int (*recvmmsg)(int, struct mmsghdr *, unsigned, int, struct timespec *);
	ssize_t (*write)(int, const void *, size_t);
	ssize_t (*writev)(int, const struct iovec *, int);
	ssize_t (*sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	int (*sendmmsg)(int, struct mmsghdr *, unsigned, int);
	ssize_t (*sendfile)(int, int, off_t *, size_t);
	ssize_t (*splice)(int, off64_t *, int, off64_t *, size_t, unsigned);
	int (*ioctl)(int, unsigned long, ...);
	int (*getifaddrs)(struct ifaddrs **);	    /* these have no system call: */
	struct if_nameindex *(*if_nameindex)(void); /* NULL until they are found */
};
extern struct real_calls real;
extern char xtcpd_path[108];	/* XTCP_SOCKET, or RPC_PATH */
extern bool fallback_to_kernel; /* XTCP_FALLBACK=kernel */

/* --- ours.c: what the kernel knows of a descriptor */
enum f_state {
	F_NONE,				   /* fresh, or bound */
	F_CONNECTING,			   /* connect() has been called */
	F_CONNECTED = RPC_STATE_CONNECTED, /* and its success been reported */
	F_LISTENING,
	F_UNLISTENED, /* shutdown() of a listener: to be used again it needs a new F */
};
bool f_is_ours(int fd);
/* The addresses that an accepted socket's name tells; false for every other socket. */
bool f_accepted_name(int fd, struct rpc_name *name);
bool f_attached(int fd);
enum f_state f_state_of(int fd); /* F_NONE for what is not ours */
void f_set_state(int fd, enum f_state state);
/* xtcpd has said that the other end is, or may be, on the same stack. */
bool f_is_local(int fd);
/* Whose what F sends is. */
enum f_stage {
	F_STAGE_OTHER,
	F_STAGE_FRESH,	/* xtcpd's, record by record: neither connected nor listening */
	F_STAGE_PADDED, /* connecting, and then */
	F_STAGE_STREAM, /* a connection whose other end is xtcpd's, and stays so */
};
enum f_stage f_stage_of(int fd);
/* An error that is still to be told, of a socket that is unconnected again; it is cleared by being
 * taken. 0: none. */
void f_set_pending(int fd, int err);
int f_take_pending(int fd);
/* shutdown(SHUT_RD) of a socket that was not connected: reading finds the end. */
void f_set_read_shut(int fd);
/* Options were set that the kernel keeps with F: what accept() gives inherits them. */
void f_note_options(int fd);
bool f_has_options(int fd);
bool f_is_listener(int fd, bool *has_options); /* both at once */
/* TCP_INQ: recvmsg() tells how much is left to read. accept() inherits it. */
void f_set_inq(int fd, bool on);
bool f_tells_inq(int fd);
bool f_read_shut(int fd);
/* It has been used on the stack already, so no rule leaves it to the kernel any more. */
void f_set_decided(int fd);
bool f_decided(int fd);
/* TCP_FASTOPEN_CONNECT of a fresh socket; forgotten with the next f_set_state(). */
void f_set_fast(int fd, bool fast);
bool f_is_fast(int fd);
/* connect() has returned, and the SYN waits for the first write; forgotten likewise. */
void f_set_deferred(int fd);
bool f_is_deferred(int fd);
short f_poll(int fd, short events, int timeout_ms); /* revents; -1 with errno */
bool f_hungup(int fd);
/* A new, unattached F; -1 with errno. flags: SOCK_NONBLOCK, SOCK_CLOEXEC. */
int f_create(int flags);
int f_make(int fd);		 /* of an AF_UNIX socket, which it closes on failure */
int f_take_native_error(int fd); /* AF_UNIX's own SO_ERROR */

/* --- renew.c: a new F in fd's place that keeps its options, its flags and the address it was bound
 * to, with an error still to be told (0: none; -1: what xtcpd has). False with errno. */
bool f_renew(int fd, int pending);

void copy_options(int from, int to); /* those that the kernel keeps, and accept() inherits */

/* --- peek.c */
/* recvmsg() with MSG_PEEK and MSG_WAITALL, of `want` bytes. */
ssize_t peek_all(int fd, struct msghdr *m, size_t want, int flags);
int bytes_to_read(int fd, int *to); /* FIONREAD of a connection */

/* --- inq.c: TCP_INQ: m has been received with `room` bytes for control messages: how much is left */
void inq_tell(int fd, struct msghdr *m, size_t room);

/* --- ask.c: a data call on a descriptor with HINT_ASK. True: *rc is its result already. */
bool ask_before_reading(int fd, int flags, ssize_t *rc);
bool ask_before_writing(int fd, int flags, ssize_t *rc);
/* poll() for POLLOUT, goes on after signals whose handlers say so (SA_RESTART). revents, 0 when
 * SO_SNDTIMEO is over, -1 with errno. */
short f_wait_writable(int fd);

/* --- client.c: talking to xtcpd. False and -1: errno says why (ENETDOWN: nobody there) */
bool xtcpd_present(void);  /* asked once; complains on stderr if not */
bool xtcpd_attach(int fd); /* idempotent */
/* Sends a record on fd's own connection, followed by `len` bytes and req->pad_bytes of padding. */
bool xtcpd_send_own(int fd, struct rpc_request *req, const void *data, size_t len);
bool xtcpd_pad(int fd, const void *head, size_t len, uint32_t bytes); /* padding behind head */
uint32_t f_padding_bytes(int fd);
void rpc_init(struct rpc_request *req, enum rpc_type type);
/* An AF_UNIX stream socket for a moment, also for a program that has no descriptor left. */
int unix_socket(int flags);
/* RPC_DISCONNECT: what xtcpd keeps of fd is fresh's from here on. */
bool xtcpd_hand_over(int fd, int fresh, struct rpc_reply *reply);
void xtcpd_complain_of_restart(void);
/* A request about fd on a connection of its own. reply NULL: waits for nothing. */
bool xtcpd_ask(int fd, struct rpc_request *req, struct rpc_reply *reply);
/* The same, left open for the answer to come later; -1 with errno. */
int xtcpd_ask_open(int fd, struct rpc_request *req);
bool xtcpd_answer(int q, struct rpc_reply *reply);
/* A request that is about no socket. */
bool xtcpd_ask_itself(struct rpc_request *req, struct rpc_reply *reply);
/* Tells xtcpd something about this process, if that can be done at once. Keeps errno. */
void xtcpd_tell(struct rpc_request *req);
/* ... that a call was refused: told once in a process for each `what` (0 to 31). */
void tell_refused(unsigned what, const char *call, int err);
/* The socket's error, which this clears (SO_ERROR); 0 if there is none. */
int xtcpd_take_error(int fd);

/* --- connect.c */
/* Sends RPC_CONNECT, which the first `len` bytes of the stream follow. 0, or -1 with errno. */
int f_start_connect(int fd, const struct sockaddr_in *to, bool fastopen, const void *data,
		    size_t len, bool more);
int f_wait_connected(int fd); /* blocks; 0, or -1 with errno (EINPROGRESS: the time is over) */

/* --- fastopen.c: how many bytes a SYN could take along, or -1; sendmsg() with MSG_FASTOPEN */
int fastopen_room(int fd, const struct sockaddr_in *to);
ssize_t fastopen_send(int fd, const struct msghdr *m, int flags);
/* A write for which the SYN of fd may be waiting. True: it was, and *rc is the write's result. */
bool fastopen_write(int fd, const struct msghdr *m, int flags, ssize_t *rc);

/* --- data_in.c, data_out.c: a kernel call on fd has given n: what TCP would say. Sets errno. */
ssize_t explain_received(int fd, ssize_t n);
/* want: how many bytes it would have been. quiet: no SIGPIPE came. */
#define UNTOLD SIZE_MAX
ssize_t explain_sent(int fd, ssize_t n, size_t want, int flags, bool quiet);
ssize_t broken_pipe(int flags); /* EPIPE, and SIGPIPE */

/* --- inband.c: an option sent along with the bytes (rpc/inband.h). False: xtcpd must be asked. */
bool inband_send(int fd, const struct rpc_request *req);

/* --- marks.c: sendmsg() of a stream's bytes with MSG_MORE or MSG_EOR among the flags */
ssize_t send_marked(int fd, const struct msghdr *m, int flags);

/* --- option_ao.c: getsockopt() whose value goes in as well as out */
bool option_reads_value(int level, int name);
int option_get_reading(int fd, int name, void *val, socklen_t *len);

/* --- copy.c: memory the program points at: false instead of a crash */
bool copy_in(void *to, const void *from, size_t n);
bool copy_out(void *to, const void *from, size_t n);
/* As getsockname() stores an address: truncated to *len, the whole length in *len. -1 with errno.
 */
int put_address(const struct sockaddr_in *from, struct sockaddr *to, socklen_t *len);

#define SOCKADDR_MAX 128 /* sizeof(struct sockaddr_storage): longer is EINVAL to the kernel */

/* NULL, and what a program makes of it by adding to it: for the kernel to say EFAULT. */
static inline bool is_nowhere(const void *p)
{
	return (uintptr_t)p < 4096;
}

static inline int fail(int err)
{
	errno = err;
	return -1;
}

#endif
