/* SPDX-License-Identifier: MIT */
/* The table of sockets and the accounts of users: see sockets.h. */
#include "daemon/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/accept_push.h"
#include "daemon/daemon.h"
#include "daemon/linger.h"
#include "daemon/pump.h"
#include "daemon/socket.h"

#define BUCKETS 65536 /* cookies are consecutive numbers: their low bits spread them */
#define STARVED_RETRY_US 100000

static void starved_retry(struct timer *t, void *ctx)
{
	(void)t;
	accept_retry_starved(ctx);
}

int sockets_init(struct daemon *d)
{
	struct sockets *s = &d->sockets;

	slab_init(&s->slab, sizeof(struct xsocket), SLAB_CHUNK_BYTES);
	list_init(&s->work);
	list_init(&s->ended);
	list_init(&s->lingers);
	list_init(&s->starved);
	list_init(&s->users);
	timer_init(&d->loop.wheel, &s->starved_timer, starved_retry);
	s->spare[0] = s->spare[1] = -1;
	s->bucket = calloc(BUCKETS, sizeof(*s->bucket));
	if (!s->bucket)
		return -ENOMEM;
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&s->bucket[i]);
	return accept_calibrate(&s->record_truesize);
}

static struct list *bucket_of(struct daemon *d, uint64_t cookie)
{
	return &d->sockets.bucket[cookie % BUCKETS];
}

struct xsocket *sockets_find(struct daemon *d, uint64_t cookie)
{
	list_for_each (pos, bucket_of(d, cookie)) {
		struct xsocket *xs = container_of(pos, struct xsocket, hash_node);
		if (xs->cookie == cookie)
			return xs;
	}
	return NULL;
}

void sockets_insert(struct daemon *d, struct xsocket *xs)
{
	list_add_tail(bucket_of(d, xs->cookie), &xs->hash_node);
	d->sockets.count++;
	xs->user->sockets++;
}

void sockets_remove(struct daemon *d, struct xsocket *xs)
{
	list_del(&xs->hash_node);
	list_del(&xs->work_node);
	list_add_tail(&d->sockets.ended, &xs->hash_node);
	d->sockets.count--;
	xs->user->sockets--;
	sockets_user_put(xs->user);
	xs->user = NULL;
}

void sockets_reap(struct daemon *d)
{
	list_for_each_safe (pos, &d->sockets.ended) {
		struct xsocket *xs = container_of(pos, struct xsocket, hash_node);
		list_del(&xs->hash_node);
		slab_free(&d->sockets.slab, xs);
	}
}

bool sockets_free_port(struct daemon *d, uint16_t port)
{
	bool any = false;

	direct_sweep(d);
	for (unsigned i = 0; i < BUCKETS; i++) {
		list_for_each (pos, &d->sockets.bucket[i]) {
			struct xsocket *xs = container_of(pos, struct xsocket, hash_node);
			if (!xs->sk || tcp_local(xs->sk).port != port)
				continue;
			if (!xs->hungup && fd_hungup(xs->source.fd))
				xsocket_note_hangup(xs);
			any |= xs->hungup;
		}
	}
	if (any)
		pump_work(d);
	return any;
}

void sockets_reset_all(struct daemon *d)
{
	for (unsigned i = 0; d->sockets.bucket && i < BUCKETS; i++) {
		struct list *bucket = &d->sockets.bucket[i];
		while (!list_empty(bucket))
			xsocket_reset(container_of(bucket->next, struct xsocket, hash_node));
	}
}

void sockets_destroy(struct daemon *d)
{
	if (!d->sockets.bucket)
		return;
	sockets_reap(d);
	timer_cancel(&d->loop.wheel, &d->sockets.starved_timer);
	for (int i = 0; i < 2; i++)
		if (d->sockets.spare[i] >= 0)
			close(d->sockets.spare[i]);
	free(d->sockets.bucket);
	d->sockets.bucket = NULL;
	slab_destroy(&d->sockets.slab);
}

static struct user_account *find_user(const struct daemon *d, uint32_t uid)
{
	list_for_each (pos, &d->sockets.users) {
		struct user_account *user = container_of(pos, struct user_account, node);
		if (user->uid == uid)
			return user;
	}
	return NULL;
}

const struct user_account *sockets_find_user(const struct daemon *d, uint32_t uid)
{
	return find_user(d, uid);
}

struct user_account *sockets_user(struct daemon *d, uint32_t uid)
{
	struct user_account *user = find_user(d, uid);
	if (user)
		return user;
	user = calloc(1, sizeof(*user));
	if (user) {
		user->uid = uid;
		list_add_head(&d->sockets.users, &user->node);
	}
	return user;
}

void sockets_user_put(struct user_account *user)
{
	if (!user || user->sockets || user->pending)
		return;
	list_del(&user->node);
	free(user);
}

void sockets_starved(struct daemon *d, struct list *node)
{
	if (!list_linked(node))
		list_add_tail(&d->sockets.starved, node);
	if (!timer_armed(&d->sockets.starved_timer))
		timer_set(&d->loop.wheel, &d->sockets.starved_timer,
			  d->loop.now_us + STARVED_RETRY_US);
}
