/* SPDX-License-Identifier: MIT */
/*
 * The TAP device: the stack's link to the kernel. Everything that is Linux's own about it is in
 * this file.
 *
 * Theory of operation: opened with IFF_VNET_HDR, so that every frame is preceded by a
 * virtio_net_hdr that says what its sender left undone: checksum (csum_start, csum_offset) and
 * segmentation (gso_size). Both directions then carry frames of up to 64 KiB. The device is not
 * persistent: it is gone with the daemon.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/link.h"
#include "daemon/log.h"
#include "daemon/parse.h"

#define TUN_PATH "/dev/net/tun"
/* Where the header goes in a pkt, so that the frame lies behind it. */
#define HEADER_AT (PKT_LINK_BYTES - sizeof(struct virtio_net_hdr))
#define FLAT_BYTES 1536 /* a frame of ordinary size */

/* --- opening */

static int open_error(const char *name, const char *what, int err)
{
	const char *advice = "";

	if (!strcmp(what, TUN_PATH) && (err == ENOENT || err == ENODEV || err == ENXIO))
		advice = ": load the module (modprobe tun) or, in a container, pass the device in "
			 "(--device " TUN_PATH ")";
	else if (err == EPERM || err == EACCES)
		advice = ": run xtcpd as root, or give it CAP_NET_ADMIN";
	else if (!strcmp(what, "TUNSETIFF") && err == EBUSY)
		advice = ": the device is in use: end the other xtcpd, or choose another name "
			 "(--tap, [Link] Name=)";
	else if (!strcmp(what, "TUNSETIFF") && (err == EINVAL || err == EEXIST))
		advice = ": there is an interface of that name and it is no TAP: choose another "
			 "(--tap, [Link] Name=)";
	log_error("cannot have the TAP device %s: %s: %s%s", name, what, strerror(err), advice);
	return -1;
}

static int open_device(struct link *link, const struct config *config)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int header_bytes = sizeof(struct virtio_net_hdr);
	unsigned offload = config->segmentation_offload ? TUN_F_CSUM | TUN_F_TSO4 : 0;

	int fd = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return open_error(config->link_name, TUN_PATH, errno);
	memcpy(ifr.ifr_name, config->link_name, sizeof(ifr.ifr_name));
	const char *what = "TUNSETIFF";
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		goto fail;
	what = "TUNSETVNETHDRSZ";
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0)
		goto fail;
	what = "TUNSETOFFLOAD";
	if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)offload) < 0)
		goto fail;
	memcpy(link->name, ifr.ifr_name, sizeof(link->name));
	link->tx_offload = link->rx_offload = config->segmentation_offload;
	link->source.fd = fd;
	return 0;
fail:
	open_error(config->link_name, what, errno);
	close(fd);
	return -1;
}

/* --- the kernel's side */

static void put_sockaddr(struct sockaddr *to, uint32_t v4)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(v4)};
	memcpy(to, &sin, sizeof(sin));
}

static int link_ioctl(int fd, const char *name, unsigned long request, struct ifreq *ifr,
		      const char *what)
{
	memcpy(ifr->ifr_name, name, sizeof(ifr->ifr_name));
	return ioctl(fd, request, ifr) < 0 ? open_error(name, what, errno) : 0;
}

static int set_kernel_address(int fd, const char *name, const struct config_address *a)
{
	struct ifreq ifr = {0};

	put_sockaddr(&ifr.ifr_addr, a->v4);
	if (link_ioctl(fd, name, SIOCSIFADDR, &ifr, "setting its address") < 0)
		return -1;
	put_sockaddr(&ifr.ifr_netmask, prefix_mask(a->prefix_len));
	return link_ioctl(fd, name, SIOCSIFNETMASK, &ifr, "setting its netmask");
}

static int configure_link(const char *name, const struct config *config)
{
	struct ifreq mtu = {.ifr_mtu = (int)config->mtu_bytes}, flags = {0};

	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return open_error(name, "socket", errno);
	int result = link_ioctl(fd, name, SIOCSIFMTU, &mtu, "setting its MTU");
	if (result == 0 && config->kernel_address.v4)
		result = set_kernel_address(fd, name, &config->kernel_address);
	if (result == 0)
		result = link_ioctl(fd, name, SIOCGIFFLAGS, &flags, "reading its flags");
	if (result == 0) {
		flags.ifr_flags |= IFF_UP | IFF_RUNNING;
		result = link_ioctl(fd, name, SIOCSIFFLAGS, &flags, "setting it up");
	}
	close(fd);
	return result;
}

static int tap_open(struct link *link, const struct config *config)
{
	if (open_device(link, config) < 0)
		return -1;
	if (configure_link(link->name, config) == 0)
		return 0;
	close(link->source.fd);
	link->source.fd = -1;
	return -1;
}

/* --- receiving */

/* What the kernel left undone. False: nothing we offered to take. */
static bool apply_header(struct pkt *p, const struct virtio_net_hdr *h)
{
	/* NEEDS_CSUM: it comes from this host's memory and no checksum was ever computed. */
	p->csum_valid = h->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		p->gso_size = 0;
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		p->gso_size = h->gso_size;
		return h->gso_size != 0;
	default:
		return false;
	}
}

/* One frame. False: there is none, or no more now. */
static bool receive_frame(struct daemon *d)
{
	struct pkt *standby = link_standby(d);
	struct virtio_net_hdr header;
	uint8_t sink[64], *to = standby ? standby->buf + HEADER_AT : sink;

	ssize_t n = read(d->link.source.fd, to, standby ? standby->cap - HEADER_AT : sizeof(sink));
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			link_lost(d, errno);
		return false;
	}
	daemon_count(d, XtcpdLinkReads);
	if (!standby) { /* beyond the pool's limit: what the link brings is lost */
		daemon_count(d, XtcpdLinkNoBuffer);
		return true;
	}
	if ((size_t)n <= sizeof(header)) {
		daemon_count(d, XtcpdLinkBadFrame);
		return true;
	}
	memcpy(&header, to, sizeof(header));
	struct pkt *p = link_take(d, PKT_LINK_BYTES, (size_t)n - sizeof(header));
	if (p && !apply_header(p, &header)) {
		daemon_count(d, XtcpdLinkBadFrame);
		pkt_free(p);
	} else if (p) {
		link_input(d, p);
	}
	return true;
}

static void tap_ready(struct loop_source *src, uint32_t events)
{
	struct daemon *d = container_of(src, struct daemon, link.source);

	(void)events;
	for (int i = 0; i < LINK_BATCH && receive_frame(d); i++)
		;
}

static void tap_close(struct link *link)
{
	close(link->source.fd);
}

/* --- sending */

/* Copied together here, a small frame costs less than its pieces cost the kernel. */
static ssize_t write_flat(int fd, const struct iovec *iov, int iovcnt)
{
	uint8_t flat[sizeof(struct virtio_net_hdr) + FLAT_BYTES];
	size_t len = 0;

	for (int i = 0; i < iovcnt; len += iov[i++].iov_len)
		memcpy(flat + len, iov[i].iov_base, iov[i].iov_len);
	return write(fd, flat, len);
}

static bool tap_transmit(struct daemon *d, const struct frame_out *f)
{
	struct virtio_net_hdr header = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	struct iovec iov[1 + FRAME_IOV_MAX];

	if (f->csum_partial) {
		header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header.csum_start = f->csum_start;
		header.csum_offset = f->csum_offset;
	}
	if (f->gso_size) {
		header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		if (f->ecn)
			header.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		header.gso_size = f->gso_size;
		header.hdr_len = f->hdr_len;
	}
	iov[0] = (struct iovec){&header, sizeof(header)};
	memcpy(&iov[1], f->iov, (size_t)f->iovcnt * sizeof(f->iov[0]));
	int fd = d->link.source.fd;
	ssize_t n = f->len <= FLAT_BYTES ? write_flat(fd, iov, 1 + f->iovcnt)
					 : writev(fd, iov, 1 + f->iovcnt);
	return n == (ssize_t)(sizeof(header) + f->len);
}

const struct link_ops tap_ops = {
    .open = tap_open,
    .ready = tap_ready,
    .transmit = tap_transmit,
    .close = tap_close,
};
