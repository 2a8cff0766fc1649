/* SPDX-License-Identifier: MIT */
/*
 * libc's own functions behind those the shim interposes.
 *
 * They are looked up once, in a constructor, never at call time: a fork can then never copy a lock
 * that a look-up holds. Until the constructor has run (another library's may call first) each entry
 * is the raw system call.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/fall.h"
#include "shim/hint.h"
#include "shim/shim.h"

static int raw_socket(int domain, int type, int protocol)
{
	return (int)syscall(SYS_socket, domain, type, protocol);
}

static int raw_bind(int fd, const struct sockaddr *a, socklen_t len)
{
	return (int)syscall(SYS_bind, fd, a, len);
}

static int raw_listen(int fd, int backlog)
{
	return (int)syscall(SYS_listen, fd, backlog);
}

static int raw_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags)
{
	return (int)syscall(SYS_accept4, fd, a, len, flags);
}

static int raw_connect(int fd, const struct sockaddr *a, socklen_t len)
{
	return (int)syscall(SYS_connect, fd, a, len);
}

static int raw_getsockname(int fd, struct sockaddr *a, socklen_t *len)
{
	return (int)syscall(SYS_getsockname, fd, a, len);
}

static int raw_getpeername(int fd, struct sockaddr *a, socklen_t *len)
{
	return (int)syscall(SYS_getpeername, fd, a, len);
}

static int raw_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	return (int)syscall(SYS_getsockopt, fd, level, name, val, len);
}

static int raw_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	return (int)syscall(SYS_setsockopt, fd, level, name, val, len);
}

static int raw_shutdown(int fd, int how)
{
	return (int)syscall(SYS_shutdown, fd, how);
}

static int raw_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

static ssize_t raw_read(int fd, void *p, size_t n)
{
	return syscall(SYS_read, fd, p, n);
}

static ssize_t raw_readv(int fd, const struct iovec *iov, int n)
{
	return syscall(SYS_readv, fd, iov, n);
}

static ssize_t raw_recvfrom(int fd, void *p, size_t n, int flags, struct sockaddr *a,
			    socklen_t *len)
{
	return syscall(SYS_recvfrom, fd, p, n, flags, a, len);
}

static ssize_t raw_recvmsg(int fd, struct msghdr *m, int flags)
{
	return syscall(SYS_recvmsg, fd, m, flags);
}

static int raw_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t)
{
	return (int)syscall(SYS_recvmmsg, fd, m, n, flags, t);
}

static ssize_t raw_write(int fd, const void *p, size_t n)
{
	return syscall(SYS_write, fd, p, n);
}

static ssize_t raw_writev(int fd, const struct iovec *iov, int n)
{
	return syscall(SYS_writev, fd, iov, n);
}

static ssize_t raw_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *a,
			  socklen_t len)
{
	return syscall(SYS_sendto, fd, p, n, flags, a, len);
}

static ssize_t raw_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return syscall(SYS_sendmsg, fd, m, flags);
}

static int raw_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	return (int)syscall(SYS_sendmmsg, fd, m, n, flags);
}

static ssize_t raw_sendfile(int out, int in, off_t *offset, size_t n)
{
	return syscall(SYS_sendfile, out, in, offset, n);
}

static ssize_t raw_splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t n,
			  unsigned flags)
{
	return syscall(SYS_splice, in, in_at, out, out_at, n, flags);
}

static int raw_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	va_start(ap, request);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

struct real_calls real = {
    .socket = raw_socket,
    .bind = raw_bind,
    .listen = raw_listen,
    .accept4 = raw_accept4,
    .connect = raw_connect,
    .getsockname = raw_getsockname,
    .getpeername = raw_getpeername,
    .getsockopt = raw_getsockopt,
    .setsockopt = raw_setsockopt,
    .shutdown = raw_shutdown,
    .close = raw_close,
    .read = raw_read,
    .readv = raw_readv,
    .recvfrom = raw_recvfrom,
    .recvmsg = raw_recvmsg,
    .recvmmsg = raw_recvmmsg,
    .write = raw_write,
    .writev = raw_writev,
    .sendto = raw_sendto,
    .sendmsg = raw_sendmsg,
    .sendmmsg = raw_sendmmsg,
    .sendfile = raw_sendfile,
    .splice = raw_splice,
    .ioctl = raw_ioctl,
};

char xtcpd_path[108] = RPC_PATH;
bool fallback_to_kernel;

static void look_up(void *entry, const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);
	if (f)
		memcpy(entry, &f, sizeof(f));
}

static void read_environment(void)
{
	const char *path = secure_getenv(RPC_ENV_SOCKET);
	const char *fallback = secure_getenv("XTCP_FALLBACK");
	if (path && *path && strlen(path) < sizeof(xtcpd_path))
		memcpy(xtcpd_path, path, strlen(path) + 1);
	fallback_to_kernel = fallback && strcmp(fallback, "kernel") == 0;
}

__attribute__((constructor)) static void shim_init(void)
{
	static const struct {
		void *entry;
		const char *name;
	} all[] = {
	    {&real.socket, "socket"},
	    {&real.bind, "bind"},
	    {&real.listen, "listen"},
	    {&real.accept4, "accept4"},
	    {&real.connect, "connect"},
	    {&real.getsockname, "getsockname"},
	    {&real.getpeername, "getpeername"},
	    {&real.getsockopt, "getsockopt"},
	    {&real.setsockopt, "setsockopt"},
	    {&real.shutdown, "shutdown"},
	    {&real.close, "close"},
	    {&real.read, "read"},
	    {&real.readv, "readv"},
	    {&real.recvfrom, "recvfrom"},
	    {&real.recvmsg, "recvmsg"},
	    {&real.recvmmsg, "recvmmsg"},
	    {&real.write, "write"},
	    {&real.writev, "writev"},
	    {&real.sendto, "sendto"},
	    {&real.sendmsg, "sendmsg"},
	    {&real.sendmmsg, "sendmmsg"},
	    {&real.sendfile, "sendfile"},
	    {&real.splice, "splice"},
	    {&real.ioctl, "ioctl"},
	    {&real.getifaddrs, "getifaddrs"},
	    {&real.if_nameindex, "if_nameindex"},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		look_up(all[i].entry, all[i].name);
	read_environment();
	rules_load();
	for (int fd = 0; fd <= STDERR_FILENO; fd++) /* as a server's child has them */
		if (f_is_ours(fd))
			hint_set(fd, HINT_OURS | HINT_ASK);
}
