/* SPDX-License-Identifier: MIT */
/* fcntl() and ioctl(). */
#include "tests/parity/parity.h"

#include <linux/sockios.h>
#include <sys/file.h>

static char buf[64];

static void fionbio(void)
{
	int on = 1, off = 0;
	struct pair p = accepted();
	say("on", ioctl(p.fd, FIONBIO, &on));
	say("flag", (fcntl(p.fd, F_GETFL) & O_NONBLOCK) != 0);
	say("read", read(p.fd, buf, 1));
	say("off", ioctl(p.fd, FIONBIO, &off));
	say("flag", (fcntl(p.fd, F_GETFL) & O_NONBLOCK) != 0);
}

static void fionbio_before_connect(void)
{
	int on = 1, fd = tcp();
	peer_listen(PORT);
	ioctl(fd, FIONBIO, &on);
	say("connect", try_connect(fd, PEER, PORT));
	say_mask("mask", wait_for(fd, POLLOUT));
	say("flag", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
}

static void nonblocking_is_shared(void)
{
	struct pair p = accepted();
	int d = dup(p.fd);
	nonblocking(d);
	say("read", read(p.fd, buf, 1));
	say("cloexec is not", fcntl(d, F_SETFD, FD_CLOEXEC));
	say("cloexec", fcntl(p.fd, F_GETFD));
}

static void flags_of(const char *what, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	printf("%s: access %d nonblock %d append %d async %d\n", what, flags & O_ACCMODE,
	       (flags & O_NONBLOCK) != 0, (flags & O_APPEND) != 0, (flags & O_ASYNC) != 0);
}

static void getfl(void)
{
	struct pair p = accepted();
	flags_of("accepted", p.fd);
	flags_of("listener", p.listener);
	say("append", fcntl(p.fd, F_SETFL, O_APPEND));
	flags_of("append", p.fd);
	say("read-only", fcntl(p.fd, F_SETFL, O_RDONLY));
	flags_of("read-only", p.fd);
	int closed = dup(p.fd);
	close(closed);
	say("closed", fcntl(closed, F_GETFL));
}

static void dupfd(void)
{
	struct pair p = accepted();
	int a = fcntl(p.fd, F_DUPFD, 100), b = fcntl(p.fd, F_DUPFD_CLOEXEC, 100);
	say("at least 100", a);
	say("the next", b);
	say("cloexec", fcntl(a, F_GETFD));
	say("cloexec", fcntl(b, F_GETFD));
	close(p.fd);
	close(a);
	say("write", write(b, "x", 1));
	say_bytes("peer", buf, peer_recv(buf, 8));
	say("negative", fcntl(b, F_DUPFD, -1));
	say("too high", fcntl(b, F_DUPFD, 1 << 30));
}

static volatile sig_atomic_t sigio_fd, sigio_band, sigio_count;

static void on_sigio(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	sigio_fd = info->si_fd;
	sigio_band = (int)info->si_band;
	sigio_count++;
}

static void await_sigio(int more_than)
{
	for (int ms = 0; ms < 5000 && sigio_count <= more_than; ms++)
		poll(NULL, 0, 1);
}

static int async_socket(int sig)
{
	struct sigaction sa = {.sa_sigaction = on_sigio, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct pair p = accepted();
	sigaction(sig, &sa, NULL);
	say("owner", fcntl(p.fd, F_SETOWN, getpid()));
	if (sig != SIGIO)
		say("signal", fcntl(p.fd, F_SETSIG, sig));
	say("async", fcntl(p.fd, F_SETFL, O_RDWR | O_ASYNC | O_NONBLOCK));
	sigio_count = 0;
	return p.fd;
}

static void sigio_on_data(void)
{
	int fd = async_socket(SIGIO);
	peer_send("abc");
	await_sigio(0);
	say("came", sigio_count > 0);
	say_bytes("read", buf, read(fd, buf, sizeof(buf)));
}

static void sigio_on_end(void)
{
	int fd = async_socket(SIGIO);
	peer_close();
	await_sigio(0);
	say("came", sigio_count > 0);
	say("read", read(fd, buf, sizeof(buf)));
}

static void sigio_realtime(void)
{
	int fd = async_socket(SIGRTMIN + 3);
	peer_send("abc");
	await_sigio(0);
	say("descriptor", sigio_fd == fd);
	say("readable", (sigio_band & POLLIN) != 0);
}

static void sigio_on_listener(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigio, .sa_flags = SA_SIGINFO | SA_RESTART};
	int l = listening(PORT);
	sigaction(SIGIO, &sa, NULL);
	fcntl(l, F_SETOWN, getpid());
	fcntl(l, F_SETFL, O_RDWR | O_ASYNC);
	peer_connect(PORT);
	await_sigio(0);
	say("came", sigio_count > 0);
}

static void sigio_by_ioctl(void)
{
	int on = 1, off = 0, owner = getpid();
	struct sigaction sa = {.sa_sigaction = on_sigio, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct pair p = accepted();
	sigaction(SIGIO, &sa, NULL);
	say("FIOSETOWN", ioctl(p.fd, FIOSETOWN, &owner));
	owner = 0;
	say("FIOGETOWN", ioctl(p.fd, FIOGETOWN, &owner));
	say("myself", owner == getpid());
	say("on", ioctl(p.fd, FIOASYNC, &on));
	say("flag", (fcntl(p.fd, F_GETFL) & O_ASYNC) != 0);
	peer_send("abc");
	await_sigio(0);
	say("came", sigio_count > 0);
	say("off", ioctl(p.fd, FIOASYNC, &off));
	say("flag", (fcntl(p.fd, F_GETFL) & O_ASYNC) != 0);
}

static void owners(void)
{
	struct pair p = accepted();
	say("at first", fcntl(p.fd, F_GETOWN));
	say("group", fcntl(p.fd, F_SETOWN, -getpgrp()));
	struct f_owner_ex ex = {0};
	say("F_GETOWN_EX", fcntl(p.fd, F_GETOWN_EX, &ex));
	say("is a group", ex.type == F_OWNER_PGRP && ex.pid == getpgrp());
	int owner = 0;
	say("SIOCGPGRP", ioctl(p.fd, SIOCGPGRP, &owner));
	say("negative", owner == -getpgrp());
	owner = getpid();
	say("SIOCSPGRP", ioctl(p.fd, SIOCSPGRP, &owner));
	say("F_GETOWN", fcntl(p.fd, F_GETOWN) == getpid());
	say("nobody", fcntl(p.fd, F_SETOWN, 0x7ffffff0));
	say("F_GETSIG", fcntl(p.fd, F_GETSIG));
}

static void sigurg(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigio, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct pair p = accepted();
	sigaction(SIGURG, &sa, NULL);
	fcntl(p.fd, F_SETOWN, getpid());
	peer_send_oob("!");
	await_sigio(0);
	say("came", sigio_count > 0);
	say_bytes("oob", buf, recv(p.fd, buf, 1, MSG_OOB));
}

static void fionread_after_reads(void)
{
	int n = -1;
	struct pair p = accepted();
	peer_send("abcdefgh");
	wait_for(p.fd, POLLIN);
	read(p.fd, buf, 3);
	ioctl(p.fd, FIONREAD, &n);
	say("bytes", n);
	recv(p.fd, buf, 2, MSG_PEEK);
	ioctl(p.fd, SIOCINQ, &n);
	say("peeking takes none", n);
	read(p.fd, buf, 8);
	ioctl(p.fd, FIONREAD, &n);
	say("bytes", n);
}

static void fionread_at_the_end(void)
{
	int n = -1;
	struct pair p = accepted();
	peer_send("abc");
	peer_close();
	wait_for_bits(p.fd, POLLRDHUP, 5000);
	ioctl(p.fd, FIONREAD, &n);
	say("data and FIN", n);
	read(p.fd, buf, 8);
	ioctl(p.fd, FIONREAD, &n);
	say("FIN", n);
}

static void outq_falls(void)
{
	int n = -1;
	struct pair p = accepted();
	write(p.fd, "abcdef", 6);
	peer_recv(buf, 8);
	for (int ms = 0; ms < 5000 && n != 0; ms++) {
		ioctl(p.fd, SIOCOUTQ, &n);
		poll(NULL, 0, 1);
	}
	say("all acknowledged", n);
}

static void outq_of_a_full_socket(void)
{
	static char big[65536];
	int queued = -1, unsent = -1;
	struct pair p = accepted();
	nonblocking(p.fd);
	while (write(p.fd, big, sizeof(big)) > 0 || wait_a_moment(p.fd, POLLOUT))
		;
	ioctl(p.fd, SIOCOUTQ, &queued);
	ioctl(p.fd, SIOCOUTQNSD, &unsent);
	say("queued", queued > 0);
	say("not sent", unsent > 0 && unsent <= queued);
}

static void cloexec_by_ioctl(void)
{
	struct pair p = accepted();
	say("FIOCLEX", ioctl(p.fd, FIOCLEX));
	say("flag", fcntl(p.fd, F_GETFD));
	say("FIONCLEX", ioctl(p.fd, FIONCLEX));
	say("flag", fcntl(p.fd, F_GETFD));
}

static void not_a_file(void)
{
	struct pair p = accepted();
	say("lease", fcntl(p.fd, F_SETLEASE, F_RDLCK));
	say("pipe size", fcntl(p.fd, F_GETPIPE_SZ));
	say("seals", fcntl(p.fd, F_GET_SEALS));
	say("seek", lseek(p.fd, 0, SEEK_END));
	say("truncate", ftruncate(p.fd, 1));
	say("allocate", posix_fallocate(p.fd, 0, 1));
	say("advise", posix_fadvise(p.fd, 0, 1, POSIX_FADV_WILLNEED));
	say("sync", fdatasync(p.fd));
	say("chdir", fchdir(p.fd));
	say("flock", flock(p.fd, LOCK_EX | LOCK_NB));
	say("unlock", flock(p.fd, LOCK_UN));
}

static void bad_descriptors(void)
{
	int n, one = 1;
	say("FIONREAD", ioctl(-1, FIONREAD, &n));
	say("SIOCOUTQ", ioctl(999, SIOCOUTQ, &n));
	say("SIOCATMARK", ioctl(0, SIOCATMARK, &n));
	say("SIOCOUTQ of /dev/null", ioctl(0, SIOCOUTQ, &n));
	say("FIONBIO", ioctl(-5, FIONBIO, &one));
	say("fcntl", fcntl(999, F_GETFL));
	say("sockatmark", sockatmark(999));
}

const struct story fcntl_stories[] = {
    {"ioctl-fionbio", fionbio},
    {"ioctl-fionbio-before-connect", fionbio_before_connect},
    {"fcntl-nonblock-shared", nonblocking_is_shared},
    {"fcntl-getfl", getfl},
    {"fcntl-dupfd", dupfd},
    {"fcntl-owners", owners},
    {"fcntl-not-a-file", not_a_file},
    {"fcntl-bad-descriptors", bad_descriptors},
    {"sigio-data", sigio_on_data},
    {"sigio-end", sigio_on_end},
    {"sigio-realtime", sigio_realtime},
    {"sigio-listener", sigio_on_listener},
    {"sigio-ioctl", sigio_by_ioctl},
    {"sigurg", sigurg},
    {"ioctl-fionread-after-reads", fionread_after_reads},
    {"ioctl-fionread-at-the-end", fionread_at_the_end},
    {"ioctl-outq-falls", outq_falls},
    {"ioctl-outq-full", outq_of_a_full_socket},
    {"ioctl-cloexec", cloexec_by_ioctl},
    {NULL, NULL},
};
