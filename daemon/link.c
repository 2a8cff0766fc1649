/* SPDX-License-Identifier: MIT */
/* What every kind of link shares: see link.h. */
#include "daemon/link.h"

#include <string.h>

#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/log.h"

int link_open(struct link *link, const struct config *config)
{
	*link = (struct link){.ops = config->link_local_path[0] ? &dgram_ops : &tap_ops,
			      .source.fd = -1};
	list_init(&link->waiting);
	return link->ops->open(link, config);
}

int link_start(struct daemon *d)
{
	struct link *link = &d->link;
	int err = loop_add(&d->loop, &link->source, link->source.fd, EPOLLIN, link->ops->ready);

	if (err < 0)
		log_error("cannot watch the link %s: %s", link->name, strerror(-err));
	return err;
}

void link_close(struct daemon *d)
{
	struct link *link = &d->link;

	pkt_free(link->standby);
	link->standby = NULL;
	if (link->source.fd < 0)
		return;
	int fd = link->source.fd;
	loop_remove(&d->loop, &link->source);
	link->source.fd = fd;
	link->ops->close(link);
	link->source.fd = -1;
}

static bool transmit(struct daemon *d, const struct frame_out *f)
{
	return d->impairment.on[IMPAIR_OUT] ? impairment_transmit(d, f) : link_write(d, f);
}

static bool transmit_watched(struct daemon *d, const struct frame_out *f)
{
	struct impair_stats was = d->impairment.model[IMPAIR_OUT].stats;
	char impaired[IMPAIR_TEXT_MAX];

	bool taken = transmit(d, f);
	bool any = impair_done(&was, &d->impairment.model[IMPAIR_OUT].stats, impaired);
	capture_output(d, f, taken, any ? impaired : NULL);
	return taken;
}

bool link_transmit(void *ctx, const struct frame_out *f)
{
	struct daemon *d = ctx;

	return d->capture.on ? transmit_watched(d, f) : transmit(d, f);
}

bool link_write(struct daemon *d, const struct frame_out *f)
{
	if (d->link.ops->transmit(d, f))
		return true;
	daemon_count(d, XtcpdLinkWriteErrors);
	return false;
}

struct pkt *link_standby(struct daemon *d)
{
	if (!d->link.standby)
		d->link.standby = pkt_alloc(stack_pkt_pool(d->stack), PKT_LARGE_BYTES);
	return d->link.standby;
}

/* A small frame is copied out, so that the buffer is there for the next; a large one keeps it. */
struct pkt *link_take(struct daemon *d, size_t at, size_t len)
{
	struct pkt *p = d->link.standby;

	if (len <= PKT_SMALL_BYTES) {
		struct pkt *small = pkt_alloc(stack_pkt_pool(d->stack), len);
		if (!small) {
			daemon_count(d, XtcpdLinkNoBuffer);
			return NULL;
		}
		memcpy(small->buf, p->buf + at, len);
		small->len = (uint32_t)len;
		return small;
	}
	d->link.standby = NULL;
	p->frame_at = (uint16_t)at;
	p->data = p->buf + at;
	p->len = (uint32_t)len;
	return p;
}

void link_input(struct daemon *d, struct pkt *frame)
{
	if (d->impairment.on[IMPAIR_IN])
		impairment_receive(d, frame);
	else
		link_deliver(d, frame);
}

void link_deliver(struct daemon *d, struct pkt *frame)
{
	if (d->capture.on)
		capture_input(d, frame);
	else
		stack_input(d->stack, frame);
}

void link_lost(struct daemon *d, int err)
{
	log_error("the link %s is gone: %s", d->link.name, strerror(err));
	d->failed = d->stopping = true;
}
