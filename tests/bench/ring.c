/* SPDX-License-Identifier: MIT */
/*
 * bench-ring [ROUNDS]: what io_uring would save xtcpd. As root; in a network namespace of its own.
 *
 * Theory of operation: two processes on one core, so that who sleeps and who wakes is the same
 * every time. The peer puts a frame for each of B connections on a TAP (AF_PACKET, an EtherType
 * that no stack takes), answers as the program what it finds in the B sockets, and takes what
 * comes back. The worker does what xtcpd does for a request on a kept connection and nothing else:
 * a frame is read from the TAP, its payload sent into a socket, the answer received from there
 * with what may lie beside it, a frame with it written to the TAP. Both are SCHED_BATCH, as xtcpd
 * is with many sockets at work (daemon/patience.h): nobody is interrupted, so a turn of the worker
 * finds B events.
 *
 * A variant is how the worker learns and reads (epoll and calls, or multishot operations with
 * provided buffers) and how it sends (calls, or one submission of what a turn has made, which is
 * the call that sleeps too where the ring does both). Every wait has a limit, as xtcpd's has for
 * its timers. The worker is a new process each time, and all variants run in turn within a round.
 * Its time is that of its process, io_uring's kernel threads included; a wake-up is paid by the
 * peer, whose time is shown for that.
 *
 * It is kind to io_uring: there are no more buffers than two turns need, so they stay in the
 * cache, and reading never stops because a send buffer is full. An answer must be in a send buffer
 * until it is acknowledged: the last two variants copy it there from where the kernel put it, or
 * only poll the socket by the ring. SQPOLL is not tried: its thread would keep a core from the
 * programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/ring.h"

#define SMALL 128, 850
#define LARGE 65160, 65160 /* 45 segments of 1,448 */
#define PAYLOAD_MAX 65160
#define MTU 65521 /* the largest of a TAP: no frame need be segmented */
#define ROUNDS_MAX 99

static const struct load loads[] = {
    {"128 bytes, answer 850", SMALL, 4000, 1},	{"128 bytes, answer 850", SMALL, 4000, 8},
    {"128 bytes, answer 850", SMALL, 4000, 32}, {"64 KiB, answer 64 KiB", LARGE, 640, 1},
    {"64 KiB, answer 64 KiB", LARGE, 640, 8},	{"64 KiB, answer 64 KiB", LARGE, 640, 32},
};
#define LOADS (sizeof(loads) / sizeof(loads[0]))

struct measured {
	struct cost worker;
	uint64_t peer;
};

_Noreturn void die(const char *what)
{
	fprintf(stderr, "bench-ring: %s: %s\n", what, strerror(errno));
	exit(1);
}

int must(long result, const char *what)
{
	if (result < 0)
		die(what);
	return (int)result;
}

void *pages(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct cost cost_now(uint64_t calls)
{
	return (struct cost){clock_ns(CLOCK_PROCESS_CPUTIME_ID), clock_ns(CLOCK_THREAD_CPUTIME_ID),
			     clock_ns(CLOCK_MONOTONIC), calls};
}

struct cost cost_since(struct cost then, uint64_t calls)
{
	struct cost now = cost_now(calls);
	return (struct cost){now.process - then.process, now.thread - then.thread,
			     now.wall - then.wall, now.calls - then.calls};
}

/* --- the laboratory */

static void own_core(void)
{
	struct sched_param none = {0};
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(must(sched_getcpu(), "sched_getcpu"), &one);
	must(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
	must(sched_setscheduler(0, SCHED_BATCH, &none), "sched_setscheduler");
}

static void open_link(struct lab *lab)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	struct timeval patience = {.tv_sec = 10};
	int mib16 = 16 << 20;

	lab->tap = must(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), "/dev/net/tun");
	must(ioctl(lab->tap, TUNSETIFF, &ifr), "TUNSETIFF");
	lab->wire = must(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "AF_PACKET");
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETHERTYPE),
				 .sll_ifindex = (int)if_nametoindex(ifr.ifr_name)};
	ifr.ifr_mtu = MTU;
	must(ioctl(lab->wire, SIOCSIFMTU, &ifr), "SIOCSIFMTU");
	ifr.ifr_flags = IFF_UP | IFF_RUNNING | IFF_NOARP;
	must(ioctl(lab->wire, SIOCSIFFLAGS, &ifr), "SIOCSIFFLAGS");
	must(bind(lab->wire, (struct sockaddr *)&at, sizeof(at)), "bind");
	must(setsockopt(lab->wire, SOL_SOCKET, SO_RCVBUFFORCE, &mib16, sizeof(mib16)), "SO_RCVBUF");
	must(setsockopt(lab->wire, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
	     "SO_RCVTIMEO");
}

static void open_sockets(struct lab *lab)
{
	struct timeval patience = {.tv_sec = 10};
	int pair[2];

	for (int i = 0; i < CONNS_MAX; i++) {
		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
		must(fcntl(pair[0], F_SETFL, O_NONBLOCK), "O_NONBLOCK");
		must(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
		     "SO_RCVTIMEO");
		lab->e[i] = pair[0];
		lab->program[i] = pair[1];
	}
}

/* --- the peer and the program */

static void request_all(const struct lab *lab, const struct load *load)
{
	static uint8_t frame[HEADERS + PAYLOAD_MAX];
	ssize_t len = (ssize_t)(HEADERS + load->request_bytes);

	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
	for (unsigned i = 0; i < load->conns; i++) {
		frame[CONN_AT] = frame[HEADERS] = (uint8_t)i;
		if (send(lab->wire, frame, (size_t)len, 0) != len)
			die("a request");
	}
}

static void answer_all(const struct lab *lab, const struct load *load)
{
	static uint8_t bytes[PAYLOAD_MAX];

	for (unsigned i = 0; i < load->conns; i++) {
		ssize_t n =
		    recv(lab->program[i], bytes, load->request_bytes, MSG_WAITALL | MSG_NOSIGNAL);
		if (n != (ssize_t)load->request_bytes)
			die("the program's request");
		n = send(lab->program[i], bytes, load->answer_bytes, MSG_NOSIGNAL);
		if (n != (ssize_t)load->answer_bytes)
			die("the program's answer");
	}
}

/* An answer may come in several frames. It begins with its connection's number, as its request. */
static void take_all(const struct lab *lab, const struct load *load)
{
	size_t left = load->conns * load->answer_bytes;
	uint8_t frame[HEADERS + 1];

	while (left) {
		ssize_t n = recv(lab->wire, frame, sizeof(frame), MSG_TRUNC);
		if (n <= HEADERS || (size_t)n - HEADERS > left)
			die("an answer on the link");
		if ((size_t)n == HEADERS + load->answer_bytes && frame[HEADERS] != frame[CONN_AT])
			die("an answer is another's");
		left -= (size_t)n - HEADERS;
	}
}

static uint64_t peer_run(const struct lab *lab, const struct load *load, unsigned warm,
			 unsigned batches)
{
	struct cost began = {0};

	for (unsigned i = 0; i < warm + batches; i++) {
		if (i == warm)
			began = cost_now(0);
		request_all(lab, load);
		answer_all(lab, load);
		take_all(lab, load);
	}
	return cost_since(began, 0).process;
}

static struct measured run(const struct lab *lab, const struct load *load, const struct variant *v)
{
	unsigned batches = load->requests / load->conns, warm = batches / 8;
	uint64_t batch_bytes = load->conns * load->answer_bytes;
	struct measured m;
	int status;

	pid_t worker = must(fork(), "fork");
	if (worker == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		worker_run(lab, load, v, warm * batch_bytes, batches * batch_bytes);
		_exit(0);
	}
	m.peer = peer_run(lab, load, warm, batches);
	must(waitpid(worker, &status, 0), "waitpid");
	if (status != 0)
		die("the worker ended early");
	m.worker = *lab->worker;
	return m;
}

/* --- the figures */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(values[0]), ascending);
	return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/* Median of the rounds, and of what each round saved. */
static void print_variant(const struct load *load, const struct variant *v,
			  const struct measured *plain, const struct measured *m, unsigned rounds)
{
	double cpu[ROUNDS_MAX], others[ROUNDS_MAX], peer[ROUNDS_MAX], wall[ROUNDS_MAX],
	    saved[ROUNDS_MAX], per = 1e3 * load->requests;
	unsigned cheaper = 0;

	for (unsigned i = 0; i < rounds; i++) {
		const struct cost *c = &m[i].worker;
		cpu[i] = (double)c->process / per;
		others[i] = ((double)c->process - (double)c->thread) / per;
		peer[i] = (double)m[i].peer / per;
		wall[i] = (double)c->wall / per;
		saved[i] = (double)plain[i].worker.process / per - cpu[i];
		cheaper += saved[i] > 0;
	}
	double middle = median(cpu, rounds);
	printf("  %-36s %6.2f %6.2f %+6.2f %2u/%-2u %5.2f %6.2f %6.2f %5.2f\n", v->name, middle,
	       cpu[0], median(saved, rounds), cheaper, rounds, median(others, rounds),
	       median(peer, rounds), median(wall, rounds),
	       (double)m[0].worker.calls / load->requests);
}

static void measure(const struct lab *lab, const struct load *load, unsigned rounds)
{
	static struct measured m[VARIANTS][ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++)
		for (unsigned k = 0; k < VARIANTS; k++) {
			unsigned v = (k + i) % VARIANTS;
			m[v][i] = run(lab, load, &variants[v]);
		}
	printf("%s, batches of %u\n", load->name, load->conns);
	for (unsigned v = 0; v < VARIANTS; v++)
		print_variant(load, &variants[v], m[0], m[v], rounds);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 25;
	struct lab lab = {.worker = pages(sizeof(struct cost))};

	if (argc > 2 || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench-ring [ROUNDS, at most %d]\n", ROUNDS_MAX);
		return 2;
	}
	must(unshare(CLONE_NEWNET), "a network namespace");
	own_core();
	open_link(&lab);
	open_sockets(&lab);
	printf("microseconds a request: the worker's, median and least; saved, in how many rounds; "
	       "kernel threads'; the peer's; wall; and calls\n");
	for (unsigned i = 0; i < LOADS; i++)
		measure(&lab, &loads[i], (unsigned)rounds);
	return 0;
}
