/* SPDX-License-Identifier: MIT */
/*
 * Stories about sockets, told twice: once on the kernel's stack, once on ours. What a story prints
 * must be equal line for line.
 *
 * Theory of operation: the program under test is this process: its libc calls go to the kernel
 * or, with the shim preloaded, to the private stack; its address is ME either way. The other
 * host, PEER, is always the kernel's: a forked child that makes raw system calls (which no shim
 * can interpose), in the network namespace PARITY_PEER_NS names when it is set. A story prints
 * results, errnos, masks and bytes, never a time, an ephemeral port or a descriptor's number.
 */
#ifndef XTCP_TESTS_PARITY_H
#define XTCP_TESTS_PARITY_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ME "10.77.0.2"
#define PEER "10.77.0.1"
#define SILENT "10.77.0.78" /* on the link, and answers nothing */
#define PORT story_port

extern int story_port; /* each story has ports of its own: no TIME_WAIT of another is met */

struct story {
	const char *name;
	void (*tell)(void);
};

extern const struct story bind_stories[], connect_stories[], accept_stories[], data_stories[],
    poll_stories[], option_stories[], name_stories[], process_stories[], state_in_stories[],
    state_out_stories[], state_control_stories[], signal_stories[], fcntl_stories[], flag_stories[],
    vector_stories[], time_stories[], thread_stories[], fd_stories[], fastopen_stories[],
    epoll_stories[], sweep_stories[], stdio_stories[];

int story_helper(const char *how); /* story_fd.c: this program run by itself */

/* say.c: what a story prints */
void say(const char *what, long rc); /* "what: 0" or "what: -1 ENAME" (errno) */
void say_mask(const char *what, int mask);
void say_addr(const char *what, const struct sockaddr_in *a, socklen_t len);
void say_bytes(const char *what, const void *p, ssize_t n);
void say_text(const char *text);

/* Sockets of the program under test. */
struct sockaddr_in addr_of(const char *ip, int port);
int tcp(void);		 /* socket(AF_INET, SOCK_STREAM, 0), or the story ends */
int listening(int port); /* reuseaddr, bound to ME, listen(8) */
int try_bind(int fd, const char *ip, int port);
int try_connect(int fd, const char *ip, int port);
int mask_of(int fd, int wait_ms);	/* every poll bit now, or within wait_ms if there is none */
int wait_for(int fd, int events);	/* polls up to 5 s for any of events; the mask */
bool wait_a_moment(int fd, int events); /* 100 ms: were any of events there? */
void wait_for_bits(int fd, int bits, int ms); /* until all of these are there */
void settle(int fd);			      /* until the FINs that were sent are acknowledged */
void nonblocking(int fd);
int so_error(int fd);
struct pair {
	int listener, fd; /* ours: the accepted socket */
};
struct pair accepted(void);  /* the peer has connected to PORT, accepted; the peer's end is 0 */
int connected_to_peer(void); /* we connected to the peer's listener; its end is accepted */

/* states.c: a call tried on a new socket in every state; says the state, and SIGPIPE if it came */
void in_every_state(void (*try_it)(int fd));

/*
 * act.c: what happens while the story is blocked in a call: between meanwhile...() and done() it
 * makes the call. The act is done by another process, once the story sleeps.
 */
void meanwhile(void (*act)(void));
void meanwhile_signal(int sig);				 /* until the call has returned */
void meanwhile_signals_then(int sig, void (*act)(void)); /* three times, then the act */
void done(void);
void until_asleep(pid_t pid, pid_t tid);
void catch (int sig, int flags); /* a handler that counts */
int times_caught(void);

/* peer.c: the other host. Each answers when it is done. */
void peer_start(void);
int peer_listen(int port);	    /* errno or 0 */
int peer_listen_fastopen(int port); /* TCP_FASTOPEN, and the kernel's sysctl for it */
int peer_accept(void);
int peer_connect(int port); /* to ME; 0 or errno */
int peer_send(const char *bytes);
int peer_send_n(int n);		      /* n bytes of a known pattern; the count sent */
int peer_send_oob(const char *bytes); /* the last of them is urgent */
int peer_recv_oob(void);	      /* the byte, or -errno */
int peer_recv(char *to, int max);     /* one read; 0 EOF, -errno */
int peer_recv_all(void);	      /* until EOF: the count, or -errno */
int peer_shutdown(int how);
int peer_close(void);
int peer_reset(void); /* SO_LINGER 0, close */
int peer_close_listener(void);

#endif
