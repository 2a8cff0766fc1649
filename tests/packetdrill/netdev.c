/* SPDX-License-Identifier: MIT */
/*
 * The other side of xtcpd's link: packetdrill speaks IPv4 packets, the link Ethernet frames. A
 * thread reads every frame the moment it comes, so that its time is true and xtcpd never waits;
 * it answers ARP for every address, as whoever is behind one cable may.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/packetdrill/under_test.h"

#define ETHER_BYTES 14
#define FRAME_MAX (ETHER_BYTES + 65535)
#define PACKETS_MAX 4096
#define ARP_BYTES 28

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 2}, stack_mac[6] = {2, 0, 0, 0, 0, 1};

struct packet {
	long long time_us;
	size_t len;
	uint8_t *bytes;
};

struct netdev {
	int fd;
	struct sockaddr_un stack;
	pthread_t reader;
	pthread_mutex_t mutex;
	pthread_cond_t came;
	struct packet packet[PACKETS_MAX]; /* a ring */
	unsigned first, count;
};

static void answer_arp(const struct netdev *n, const uint8_t *request, size_t len)
{
	uint8_t reply[ETHER_BYTES + ARP_BYTES];
	uint8_t *arp = reply + ETHER_BYTES;

	if (len < sizeof(reply) || request[ETHER_BYTES + 7] != 1)
		return;
	memcpy(reply, request, sizeof(reply));
	if (!memcmp(arp + 14, arp + 24, 4))
		return; /* an announcement */
	memcpy(reply, request + 6, 6);
	memcpy(reply + 6, our_mac, 6);
	arp[7] = 2;
	memcpy(arp + 18, request + ETHER_BYTES + 8, 10);
	memcpy(arp + 8, our_mac, 6);
	memcpy(arp + 14, request + ETHER_BYTES + 24, 4);
	sendto(n->fd, reply, sizeof(reply), MSG_NOSIGNAL, (const struct sockaddr *)&n->stack,
	       sizeof(n->stack));
}

static void queue_packet(struct netdev *n, const uint8_t *bytes, size_t len)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	struct packet p = {.time_us = now.tv_sec * 1000000LL + now.tv_usec, .len = len};
	p.bytes = malloc(len);
	if (!p.bytes)
		give_up("memory");
	memcpy(p.bytes, bytes, len);
	pthread_mutex_lock(&n->mutex);
	if (n->count == PACKETS_MAX) {
		errno = ENOBUFS;
		give_up("too many packets that the script does not look at");
	}
	n->packet[(n->first + n->count++) % PACKETS_MAX] = p;
	pthread_cond_signal(&n->came);
	pthread_mutex_unlock(&n->mutex);
}

static void *read_frames(void *arg)
{
	struct netdev *n = arg;
	static uint8_t frame[FRAME_MAX];
	ssize_t len;

	while ((len = recv(n->fd, frame, sizeof(frame), 0)) > 0) {
		if (len > ETHER_BYTES && frame[12] == 8 && frame[13] == 6)
			answer_arp(n, frame, (size_t)len);
		else if (len > ETHER_BYTES && frame[12] == 8 && frame[13] == 0)
			queue_packet(n, frame + ETHER_BYTES, (size_t)len - ETHER_BYTES);
	}
	return NULL;
}

struct netdev *netdev_open(const char *dir)
{
	struct netdev *n = calloc(1, sizeof(*n));
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (!n)
		give_up("memory");
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/script", dir);
	if (n->fd < 0 || bind(n->fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		give_up(sun.sun_path);
	n->stack.sun_family = AF_UNIX;
	snprintf(n->stack.sun_path, sizeof(n->stack.sun_path), "%s/stack", dir);
	pthread_mutex_init(&n->mutex, NULL);
	pthread_cond_init(&n->came, NULL);
	errno = pthread_create(&n->reader, NULL, read_frames, n);
	if (errno)
		give_up("a thread");
	return n;
}

void netdev_close(struct netdev *n)
{
	shutdown(n->fd, SHUT_RDWR);
	pthread_join(n->reader, NULL);
	close(n->fd);
	for (; n->count; n->count--, n->first++)
		free(n->packet[n->first % PACKETS_MAX].bytes);
	free(n);
}

bool netdev_send(struct netdev *n, const void *packet, size_t len)
{
	uint8_t ether[ETHER_BYTES] = {[12] = 8};
	struct iovec iov[2] = {{ether, sizeof(ether)}, {(void *)packet, len}};
	struct msghdr msg = {.msg_name = &n->stack,
			     .msg_namelen = sizeof(n->stack),
			     .msg_iov = iov,
			     .msg_iovlen = 2};

	memcpy(ether, stack_mac, 6);
	memcpy(ether + 6, our_mac, 6);
	return sendmsg(n->fd, &msg, MSG_NOSIGNAL) == (ssize_t)(sizeof(ether) + len);
}

/* With the mutex held. False: nothing came. */
static bool await_packet(struct netdev *n)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += PACKET_WAIT_S;
	while (n->count == 0)
		if (pthread_cond_timedwait(&n->came, &n->mutex, &limit) != 0)
			return n->count != 0;
	return true;
}

size_t netdev_receive(struct netdev *n, void *packet, size_t size, long long *time_us)
{
	struct packet p = {0};

	pthread_mutex_lock(&n->mutex);
	if (await_packet(n)) {
		p = n->packet[n->first];
		n->first = (n->first + 1) % PACKETS_MAX;
		n->count--;
	}
	pthread_mutex_unlock(&n->mutex);
	if (p.len > size)
		p.len = size;
	if (p.bytes)
		memcpy(packet, p.bytes, p.len);
	free(p.bytes);
	*time_us = p.time_us;
	return p.len;
}
