/* SPDX-License-Identifier: MIT */
/* accept() and the accept queue. */
#include "tests/parity/parity.h"

#include <sys/resource.h>

static void accept_address(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int l = listening(PORT);
	say("peer", peer_connect(PORT));
	say("accept", accept(l, (struct sockaddr *)&a, &len) < 0 ? -1 : 0);
	say_addr("from", &a, len);
}

static void accept_truncated(void)
{
	unsigned char buf[32];
	socklen_t len = 4;
	int l = listening(PORT);
	memset(buf, 0xee, sizeof(buf));
	peer_connect(PORT);
	say("accept", accept(l, (struct sockaddr *)buf, &len) < 0 ? -1 : 0);
	say("length", len);
	say("family", buf[0]);
	say("byte 4", buf[4]);
	len = 0;
	peer_connect(PORT);
	say("accept 0", accept(l, (struct sockaddr *)buf, &len) < 0 ? -1 : 0);
	say("length", len);
}

static void accept_errors(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int l = listening(PORT), con = connected_to_peer();
	nonblocking(l);
	say("nothing there", accept(l, NULL, NULL));
	say("bad fd", accept(999, NULL, NULL));
	say("not a socket", accept(0, NULL, NULL));
	say("not listening", accept(tcp(), NULL, NULL));
	int b = tcp();
	try_bind(b, ME, PORT + 7);
	say("bound only", accept(b, NULL, NULL));
	say("connected", accept(con, NULL, NULL));
	say("bad flags", accept4(l, NULL, NULL, 0x40000));
	say("dgram", accept(socket(AF_INET, SOCK_DGRAM, 0), NULL, NULL));
	say("unix", accept(socket(AF_UNIX, SOCK_STREAM, 0), NULL, NULL));
	len = (socklen_t)-5;
	peer_connect(PORT);
	wait_for(l, POLLIN);
	say("negative length", accept(l, (struct sockaddr *)&a, &len) < 0 ? -1 : 0);
}

static void accept_flags(void)
{
	int l = listening(PORT);
	peer_connect(PORT);
	int fd = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	say("nonblock", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	say("cloexec", (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	nonblocking(l);
	peer_connect(PORT);
	wait_for(l, POLLIN);
	fd = accept(l, NULL, NULL);
	say("nonblock", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	say("cloexec", (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void accept_emfile(void)
{
	int l = listening(PORT), hole = dup(0);
	struct rlimit rl;
	getrlimit(RLIMIT_NOFILE, &rl);
	nonblocking(l);
	peer_connect(PORT);
	wait_for(l, POLLIN);
	close(hole);
	rl.rlim_cur = (rlim_t)hole;
	setrlimit(RLIMIT_NOFILE, &rl);
	say("accept", accept(l, NULL, NULL));
	rl.rlim_cur = (rlim_t)hole + 1;
	setrlimit(RLIMIT_NOFILE, &rl);
	say("still there", accept(l, NULL, NULL) < 0 ? -1 : 0);
}

static void ignore_signal(int sig)
{
	(void)sig;
}

static void accept_interrupted(void)
{
	struct sigaction sa = {.sa_handler = ignore_signal};
	int l = listening(PORT);
	sigaction(SIGALRM, &sa, NULL);
	ualarm(200000, 0);
	say("accept", accept(l, NULL, NULL));
	peer_connect(PORT);
	say("afterwards", accept(l, NULL, NULL) < 0 ? -1 : 0);
}

static void accept_timeout(void)
{
	struct timeval tv = {0, 100000};
	int l = listening(PORT);
	setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	say("accept", accept(l, NULL, NULL));
}

static void accept_data_before(void)
{
	char buf[16];
	int l = listening(PORT);
	peer_connect(PORT);
	say("peer sends", peer_send("hello"));
	say("peer closes", peer_close());
	int fd = accept(l, NULL, NULL);
	say_bytes("read", buf, read(fd, buf, sizeof(buf)));
	say_bytes("read", buf, read(fd, buf, sizeof(buf)));
}

static void accept_after_reset(void)
{
	char c;
	int l = listening(PORT);
	peer_connect(PORT);
	wait_for(l, POLLIN);
	peer_reset();
	usleep(50000);
	int fd = accept(l, NULL, NULL);
	say("accept", fd < 0 ? -1 : 0);
	say("read", read(fd, &c, 1));
	say("read again", read(fd, &c, 1));
}

static void listener_masks(void)
{
	int l = listening(PORT);
	say_mask("idle", mask_of(l, 0));
	peer_connect(PORT);
	say_mask("pending", wait_for(l, POLLIN));
	close(accept(l, NULL, NULL));
	say_mask("taken", mask_of(l, 0));
}

static void listener_misuse(void)
{
	char c = 0;
	int l = listening(PORT);
	signal(SIGPIPE, SIG_IGN);
	nonblocking(l);
	peer_connect(PORT);
	wait_for(l, POLLIN);
	say("recv", recv(l, &c, 1, 0));
	say("read", read(l, &c, 1));
	say("send", send(l, "x", 1, 0));
	say("write", write(l, "x", 1));
	say("still there", accept(l, NULL, NULL) < 0 ? -1 : 0);
}

static void listener_shutdown(void)
{
	int l = listening(PORT);
	say("shutdown WR", shutdown(l, SHUT_WR));
	say("peer", peer_connect(PORT));
	say("accept", accept(l, NULL, NULL) < 0 ? -1 : 0);
	say("shutdown RDWR", shutdown(l, SHUT_RDWR));
	say("accept", accept(l, NULL, NULL));
	printf("peer: %s\n", strerrorname_np(peer_connect(PORT)));
}

static void listener_closed_with_pending(void)
{
	char c;
	int l = listening(PORT);
	say("peer", peer_connect(PORT));
	wait_for(l, POLLIN);
	close(l);
	int rc = peer_recv(&c, 1);
	printf("peer reads: %s\n", rc < 0 ? strerrorname_np(-rc) : "EOF or data");
}

static void accept_in_forked_child(void)
{
	int l = listening(PORT);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = accept(l, NULL, NULL);
		write(fd, "child", 5);
		_exit(0);
	}
	char buf[16];
	peer_connect(PORT);
	say_bytes("peer reads", buf, peer_recv(buf, sizeof(buf)));
	waitpid(pid, NULL, 0);
	say("EOF", peer_recv(buf, sizeof(buf)));
}

static void accept_many(void)
{
	int l = listening(PORT), n = 0;
	for (int i = 0; i < 8; i++)
		peer_connect(PORT);
	for (int i = 0; i < 8; i++)
		n += accept(l, NULL, NULL) >= 0;
	say("accepted", n);
}

const struct story accept_stories[] = {
    {"accept-address", accept_address},
    {"accept-truncated", accept_truncated},
    {"accept-errors", accept_errors},
    {"accept-flags", accept_flags},
    {"accept-emfile", accept_emfile},
    {"accept-interrupted", accept_interrupted},
    {"accept-timeout", accept_timeout},
    {"accept-data-before", accept_data_before},
    {"accept-after-reset", accept_after_reset},
    {"accept-in-forked-child", accept_in_forked_child},
    {"accept-many", accept_many},
    {"listener-masks", listener_masks},
    {"listener-misuse", listener_misuse},
    {"listener-shutdown", listener_shutdown},
    {"listener-closed-with-pending", listener_closed_with_pending},
    {NULL, NULL},
};
