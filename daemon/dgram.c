/* SPDX-License-Identifier: MIT */
/*
 * A link without the kernel's network: frames over a Unix datagram socket, one Ethernet frame a
 * datagram, as QEMU's `-netdev dgram` has it. Nothing here needs a privilege.
 *
 * Theory of operation: our end is bound to the local path and connected to the remote one, so that
 * the kernel takes datagrams from that peer alone. The peer may come later, or again: a frame for
 * which there is nobody is lost, as on a cable without a carrier, after one attempt to connect
 * anew. A peer that is slow to read (the kernel queues net.unix.max_dgram_qlen datagrams) makes
 * frames wait in a bounded queue, as they would in a device's. No checksum and no segmentation is
 * left to the other side, which may be anybody: large segments are cut here, as a NIC would.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/link.h"
#include "daemon/log.h"
#include "daemon/parse.h"
#include "daemon/unix_listen.h"
#include "stack/link/impair.h"

#define WAITING_MAX 1000 /* frames, as a device's txqueuelen */

struct waiting_frame {
	struct list node;
	size_t len;
	uint8_t bytes[];
};

/* --- opening */

static int dgram_error(int fd, const char *what, const char *path, int err)
{
	log_error("%s %s: %s", what, path, strerror(err));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool connect_peer(int fd, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	return copy_string(sun.sun_path, sizeof(sun.sun_path), path) &&
	       connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;
}

static int dgram_open(struct link *link, const struct config *config)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	const char *path = config->link_local_path;
	struct stat st;

	if (!copy_string(sun.sun_path, sizeof(sun.sun_path), path))
		return dgram_error(-1, "frames at", path, ENAMETOOLONG);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return dgram_error(-1, "frames at", path, EEXIST);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return dgram_error(fd, "frames at", path, errno);
	/* Nobody there, or what a dead one has left; a live one may well not hear us (EPERM). */
	if (connect_peer(fd, path) || (errno != ENOENT && errno != ECONNREFUSED))
		return dgram_error(fd, "frames at", path, EADDRINUSE);
	if (unlink(path) < 0 && errno != ENOENT)
		return dgram_error(fd, "cannot remove", path, errno);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return dgram_error(fd, "frames at", path, errno);
	link->source.fd = fd;
	link->tx_offload = true;
	link->peer_path = config->link_peer_path;
	snprintf(link->name, sizeof(link->name), "%s", config->link_name);
	if (!connect_peer(fd, link->peer_path) && errno != ENOENT && errno != ECONNREFUSED) {
		unix_unlink(path);
		return dgram_error(fd, "frames to", link->peer_path, errno);
	}
	return 0;
}

static void dgram_close(struct link *link)
{
	struct sockaddr_un sun;
	socklen_t len = sizeof(sun);

	list_for_each_safe (pos, &link->waiting) {
		list_del(pos);
		free(container_of(pos, struct waiting_frame, node));
	}
	link->waiting_count = 0;
	if (getsockname(link->source.fd, (struct sockaddr *)&sun, &len) == 0)
		unix_unlink(sun.sun_path);
	close(link->source.fd);
}

/* --- sending */

/* 0, or the errno. */
static int send_once(int fd, const struct iovec *iov, int iovcnt)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)iovcnt};

	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int send_frame(struct link *link, const struct iovec *iov, int iovcnt)
{
	int err = send_once(link->source.fd, iov, iovcnt);

	if ((err == ENOTCONN || err == ECONNREFUSED || err == ECONNRESET) &&
	    connect_peer(link->source.fd, link->peer_path))
		err = send_once(link->source.fd, iov, iovcnt);
	return err;
}

static bool wait_for_room(struct daemon *d, const struct iovec *iov, int iovcnt)
{
	struct link *link = &d->link;
	size_t len = 0;

	if (link->waiting_count == WAITING_MAX)
		return false;
	for (int i = 0; i < iovcnt; i++)
		len += iov[i].iov_len;
	struct waiting_frame *w = malloc(sizeof(*w) + len);
	if (!w)
		return false;
	w->len = 0;
	for (int i = 0; i < iovcnt; i++) {
		memcpy(w->bytes + w->len, iov[i].iov_base, iov[i].iov_len);
		w->len += iov[i].iov_len;
	}
	list_init(&w->node);
	list_add_tail(&link->waiting, &w->node);
	link->waiting_count++;
	loop_modify(&d->loop, &link->source, EPOLLIN | EPOLLOUT);
	return true;
}

static bool send_or_wait(struct daemon *d, const struct iovec *iov, int iovcnt)
{
	if (d->link.waiting_count)
		return wait_for_room(d, iov, iovcnt);
	int err = send_frame(&d->link, iov, iovcnt);
	return err == EAGAIN ? wait_for_room(d, iov, iovcnt) : err == 0;
}

/* A piece of a large segment; one that is lost is counted here. */
static void send_piece(void *ctx, const uint8_t *frame, size_t len)
{
	struct daemon *d = ctx;
	struct iovec iov = {(void *)frame, len};

	if (!send_or_wait(d, &iov, 1))
		daemon_count(d, XtcpdLinkWriteErrors);
}

static bool dgram_transmit(struct daemon *d, const struct frame_out *f)
{
	if (f->gso_size || f->csum_partial)
		return frame_segment(f, send_piece, d);
	return send_or_wait(d, f->iov, f->iovcnt);
}

static void send_waiting(struct daemon *d)
{
	struct link *link = &d->link;

	while (link->waiting_count) {
		struct waiting_frame *w =
		    container_of(link->waiting.next, struct waiting_frame, node);
		struct iovec iov = {w->bytes, w->len};
		int err = send_frame(link, &iov, 1);
		if (err == EAGAIN)
			return;
		if (err)
			daemon_count(d, XtcpdLinkWriteErrors);
		list_del(&w->node);
		free(w);
		link->waiting_count--;
	}
	loop_modify(&d->loop, &link->source, EPOLLIN);
}

/* --- receiving */

/* One frame. False: there is none. */
static bool receive_frame(struct daemon *d)
{
	struct pkt *standby = link_standby(d);
	uint8_t sink[64];
	ssize_t n = recv(d->link.source.fd, standby ? standby->buf : sink,
			 standby ? standby->cap : sizeof(sink), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0) {
		/* ECONNRESET: the peer has gone, and may come again. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
			link_lost(d, errno);
		return false;
	}
	daemon_count(d, XtcpdLinkReads);
	if (!standby) { /* beyond the pool's limit: what the link brings is lost */
		daemon_count(d, XtcpdLinkNoBuffer);
	} else if (n == 0 || (size_t)n > standby->cap) {
		daemon_count(d, XtcpdLinkBadFrame);
	} else {
		struct pkt *p = link_take(d, 0, (size_t)n);
		if (p) {
			p->csum_valid = false;
			p->gso_size = 0;
			link_input(d, p);
		}
	}
	return true;
}

static void dgram_ready(struct loop_source *src, uint32_t events)
{
	struct daemon *d = container_of(src, struct daemon, link.source);

	if (events & EPOLLOUT)
		send_waiting(d);
	for (int i = 0; i < LINK_BATCH && receive_frame(d); i++)
		;
}

const struct link_ops dgram_ops = {
    .open = dgram_open,
    .ready = dgram_ready,
    .transmit = dgram_transmit,
    .close = dgram_close,
};
