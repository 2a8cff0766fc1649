/* SPDX-License-Identifier: MIT */
/*
 * packetdrill runs its scripts against a shared object that fills in a table of functions
 * (--so_filename): this one has every socket call go through libxtcp.so, every packet over the
 * Unix datagram link of the xtcpd that serves this script.
 *
 * Theory of operation: libxtcp.so is preloaded into packetdrill (tests/packetdrill/run), so that
 * calls it makes beside the table are the shim's too; packetdrill loads us with RTLD_DEEPBIND,
 * where a plain call would find libc, so the shim's functions are looked up by name. --so_flags is
 * the directory that holds the sockets of this script's xtcpd. Whatever changes something waits
 * until xtcpd has carried it out (settle.c).
 *
 * struct interface is packetdrill's binary interface (packetdrill.h of its sources): the order and
 * the types of the members are its own, the names ours.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/packetdrill/under_test.h"

typedef const struct sockaddr address;

struct interface {
	void *user;
	void (*free)(void *);
	int (*socket)(void *, int domain, int type, int protocol);
	int (*bind)(void *, int fd, address *, socklen_t);
	int (*listen)(void *, int fd, int backlog);
	int (*accept)(void *, int fd, struct sockaddr *, socklen_t *);
	int (*connect)(void *, int fd, address *, socklen_t);
	ssize_t (*read)(void *, int fd, void *, size_t);
	ssize_t (*readv)(void *, int fd, const struct iovec *, int);
	ssize_t (*recv)(void *, int fd, void *, size_t, int flags);
	ssize_t (*recvfrom)(void *, int fd, void *, size_t, int flags, struct sockaddr *,
			    socklen_t *);
	ssize_t (*recvmsg)(void *, int fd, struct msghdr *, int flags);
	ssize_t (*write)(void *, int fd, const void *, size_t);
	ssize_t (*writev)(void *, int fd, const struct iovec *, int);
	ssize_t (*send)(void *, int fd, const void *, size_t, int flags);
	ssize_t (*sendto)(void *, int fd, const void *, size_t, int flags, address *, socklen_t);
	ssize_t (*sendmsg)(void *, int fd, const struct msghdr *, int flags);
	int (*fcntl)(void *, int fd, int command, ...);
	int (*ioctl)(void *, int fd, unsigned long request, ...);
	int (*close)(void *, int fd);
	int (*shutdown)(void *, int fd, int how);
	int (*getsockopt)(void *, int fd, int level, int name, void *, socklen_t *);
	int (*setsockopt)(void *, int fd, int level, int name, const void *, socklen_t);
	int (*poll)(void *, struct pollfd *, nfds_t, int timeout_ms);
	int (*netdev_send)(void *, const void *, size_t);
	int (*netdev_receive)(void *, void *, size_t *, long long *time_us);
	int (*usleep)(void *, useconds_t);
	int (*gettimeofday)(void *, struct timeval *, struct timezone *);
	int (*epoll_create)(void *, int size);
	int (*epoll_ctl)(void *, int epfd, int op, int fd, struct epoll_event *);
	int (*epoll_wait)(void *, int epfd, struct epoll_event *, int max, int timeout_ms);
	int (*pipe)(void *, int fds[2]);
	int (*splice)(void *, int in, loff_t *, int out, loff_t *, size_t, unsigned flags);
};

/* What is called through the shim. */
#define SHIMMED(X)                                                                                 \
	X(socket)                                                                                  \
	X(bind)                                                                                    \
	X(listen)                                                                                  \
	X(accept)                                                                                  \
	X(connect)                                                                                 \
	X(read)                                                                                    \
	X(readv)                                                                                   \
	X(recv)                                                                                    \
	X(recvfrom)                                                                                \
	X(recvmsg)                                                                                 \
	X(write)                                                                                   \
	X(writev)                                                                                  \
	X(send)                                                                                    \
	X(sendto)                                                                                  \
	X(sendmsg)                                                                                 \
	X(ioctl)                                                                                   \
	X(close)                                                                                   \
	X(shutdown)                                                                                \
	X(getsockopt)                                                                              \
	X(setsockopt)                                                                              \
	X(splice)

struct under_test {
	int control;
	struct netdev *netdev;
#define MEMBER(name) __typeof__(name) *name;
	SHIMMED(MEMBER)
#undef MEMBER
};

/* A call of the shim's, the end of its consequences, its result. */
#define CALL(name, ...)                                                                            \
	struct under_test *t = user;                                                               \
	__typeof__(t->name(__VA_ARGS__)) result = t->name(__VA_ARGS__);                            \
	settle(t->control);                                                                        \
	return result

static int do_socket(void *user, int domain, int type, int protocol)
{
	CALL(socket, domain, type, protocol);
}

static int do_bind(void *user, int fd, address *a, socklen_t len)
{
	CALL(bind, fd, a, len);
}

static int do_listen(void *user, int fd, int backlog)
{
	CALL(listen, fd, backlog);
}

static int do_accept(void *user, int fd, struct sockaddr *a, socklen_t *len)
{
	CALL(accept, fd, a, len);
}

static int do_connect(void *user, int fd, address *a, socklen_t len)
{
	CALL(connect, fd, a, len);
}

static ssize_t do_read(void *user, int fd, void *p, size_t n)
{
	CALL(read, fd, p, n);
}

static ssize_t do_readv(void *user, int fd, const struct iovec *iov, int n)
{
	CALL(readv, fd, iov, n);
}

static ssize_t do_recv(void *user, int fd, void *p, size_t n, int flags)
{
	CALL(recv, fd, p, n, flags);
}

static ssize_t do_recvfrom(void *user, int fd, void *p, size_t n, int flags, struct sockaddr *a,
			   socklen_t *len)
{
	CALL(recvfrom, fd, p, n, flags, a, len);
}

static ssize_t do_recvmsg(void *user, int fd, struct msghdr *m, int flags)
{
	CALL(recvmsg, fd, m, flags);
}

static ssize_t do_write(void *user, int fd, const void *p, size_t n)
{
	CALL(write, fd, p, n);
}

static ssize_t do_writev(void *user, int fd, const struct iovec *iov, int n)
{
	CALL(writev, fd, iov, n);
}

static ssize_t do_send(void *user, int fd, const void *p, size_t n, int flags)
{
	CALL(send, fd, p, n, flags);
}

static ssize_t do_sendto(void *user, int fd, const void *p, size_t n, int flags, address *a,
			 socklen_t len)
{
	CALL(sendto, fd, p, n, flags, a, len);
}

static ssize_t do_sendmsg(void *user, int fd, const struct msghdr *m, int flags)
{
	CALL(sendmsg, fd, m, flags);
}

static int do_fcntl(void *user, int fd, int command, ...)
{
	va_list ap;

	(void)user;
	va_start(ap, command);
	long argument = va_arg(ap, long); /* packetdrill's is a long, or not looked at */
	va_end(ap);
	return fcntl(fd, command, argument);
}

static int do_ioctl(void *user, int fd, unsigned long request, ...)
{
	va_list ap;

	va_start(ap, request);
	void *argument = va_arg(ap, void *);
	va_end(ap);
	CALL(ioctl, fd, request, argument);
}

static int do_close(void *user, int fd)
{
	CALL(close, fd);
}

static int do_shutdown(void *user, int fd, int how)
{
	CALL(shutdown, fd, how);
}

static int do_getsockopt(void *user, int fd, int level, int name, void *value, socklen_t *len)
{
	CALL(getsockopt, fd, level, name, value, len);
}

static int do_setsockopt(void *user, int fd, int level, int name, const void *value, socklen_t len)
{
	CALL(setsockopt, fd, level, name, value, len);
}

static int do_splice(void *user, int in, loff_t *in_at, int out, loff_t *out_at, size_t n,
		     unsigned flags)
{
	/* packetdrill hands over where it keeps the script's offset; 0 there stands for none. */
	loff_t *from = in_at && *in_at ? in_at : NULL, *to = out_at && *out_at ? out_at : NULL;
	struct under_test *t = user;
	int result = (int)t->splice(in, from, out, to, n, flags);
	settle(t->control);
	return result;
}

static int do_poll(void *user, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	(void)user;
	return poll(fds, n, timeout_ms);
}

static int do_epoll_create(void *user, int size)
{
	(void)user;
	return epoll_create(size);
}

static int do_epoll_ctl(void *user, int epfd, int op, int fd, struct epoll_event *event)
{
	(void)user;
	return epoll_ctl(epfd, op, fd, event);
}

static int do_epoll_wait(void *user, int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	(void)user;
	return epoll_wait(epfd, events, max, timeout_ms);
}

static int do_pipe(void *user, int fds[2])
{
	(void)user;
	return pipe(fds);
}

static int do_usleep(void *user, useconds_t us)
{
	(void)user;
	return usleep(us);
}

static int do_gettimeofday(void *user, struct timeval *tv, struct timezone *tz)
{
	(void)user;
	return gettimeofday(tv, tz);
}

static int do_netdev_send(void *user, const void *packet, size_t len)
{
	struct under_test *t = user;

	if (!netdev_send(t->netdev, packet, len))
		return -1;
	settle(t->control);
	return 0;
}

/* packetdrill asks again and again when told of a failure: a packet that never comes ends it. */
static int do_netdev_receive(void *user, void *packet, size_t *size, long long *time_us)
{
	struct under_test *t = user;

	*size = netdev_receive(t->netdev, packet, *size, time_us);
	if (*size)
		return 0;
	fprintf(stderr, "xtcp under packetdrill: no packet for %d seconds\n", PACKET_WAIT_S);
	_exit(EXIT_FAILURE);
}

static void do_free(void *user)
{
	struct under_test *t = user;

	close(t->control);
	netdev_close(t->netdev);
	free(t);
}

static void look_up_shim(struct under_test *t)
{
	static const struct {
		const char *name;
		size_t offset;
	} members[] = {
#define ROW(name) {#name, offsetof(struct under_test, name)},
	    SHIMMED(ROW)
#undef ROW
	};
	void *shim = dlopen("libxtcp.so", RTLD_NOW | RTLD_NOLOAD);

	if (!shim) {
		fprintf(stderr, "xtcp under packetdrill: libxtcp.so is not preloaded\n");
		_exit(EXIT_FAILURE);
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		void *f = dlsym(shim, members[i].name);
		memcpy((char *)t + members[i].offset, &f, sizeof(f));
	}
}

/* What packetdrill looks for. */
__attribute__((visibility("default"))) void packetdrill_interface_init(const char *dir,
								       struct interface *table);

void packetdrill_interface_init(const char *dir, struct interface *table)
{
	struct under_test *t = calloc(1, sizeof(*t));

	errno = EINVAL;
	if (!t || !dir)
		give_up("--so_flags");
	look_up_shim(t);
	t->netdev = netdev_open(dir);
	t->control = control_connect(dir);
	*table = (struct interface){
	    .user = t,
	    .free = do_free,
	    .socket = do_socket,
	    .bind = do_bind,
	    .listen = do_listen,
	    .accept = do_accept,
	    .connect = do_connect,
	    .read = do_read,
	    .readv = do_readv,
	    .recv = do_recv,
	    .recvfrom = do_recvfrom,
	    .recvmsg = do_recvmsg,
	    .write = do_write,
	    .writev = do_writev,
	    .send = do_send,
	    .sendto = do_sendto,
	    .sendmsg = do_sendmsg,
	    .fcntl = do_fcntl,
	    .ioctl = do_ioctl,
	    .close = do_close,
	    .shutdown = do_shutdown,
	    .getsockopt = do_getsockopt,
	    .setsockopt = do_setsockopt,
	    .poll = do_poll,
	    .netdev_send = do_netdev_send,
	    .netdev_receive = do_netdev_receive,
	    .usleep = do_usleep,
	    .gettimeofday = do_gettimeofday,
	    .epoll_create = do_epoll_create,
	    .epoll_ctl = do_epoll_ctl,
	    .epoll_wait = do_epoll_wait,
	    .pipe = do_pipe,
	    .splice = do_splice,
	};
}
