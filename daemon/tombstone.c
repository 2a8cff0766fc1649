/* SPDX-License-Identifier: MIT */
/* The last errors of sockets that are gone: see tombstone.h. */
#include "daemon/tombstone.h"

#include <errno.h>
#include <stdlib.h>

/* Cookies are consecutive numbers, so their low bits spread them. */
static struct list *bucket_of(const struct tombstones *t, uint64_t cookie)
{
	return &t->bucket[cookie & (t->max - 1)];
}

int tombstones_init(struct tombstones *t, unsigned max)
{
	t->max = max;
	t->entry = calloc(max, sizeof(*t->entry));
	t->bucket = calloc(max, sizeof(*t->bucket));
	list_init(&t->age);
	list_init(&t->free);
	if (!t->entry || !t->bucket) {
		tombstones_destroy(t);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < max; i++) {
		list_init(&t->bucket[i]);
		list_init(&t->entry[i].hash);
		list_init(&t->entry[i].age);
		list_add_tail(&t->free, &t->entry[i].age);
	}
	return 0;
}

void tombstones_destroy(struct tombstones *t)
{
	while (t->entry && !list_empty(&t->age))
		tombstone_drop(t, container_of(t->age.next, struct tombstone, age));
	free(t->entry);
	free(t->bucket);
	t->entry = NULL;
	t->bucket = NULL;
}

struct tombstone *tombstone_find(struct tombstones *t, uint64_t cookie)
{
	list_for_each (pos, bucket_of(t, cookie)) {
		struct tombstone *stone = container_of(pos, struct tombstone, hash);
		if (stone->cookie == cookie)
			return stone;
	}
	return NULL;
}

void tombstone_drop(struct tombstones *t, struct tombstone *stone)
{
	if (stone->sk)
		tcp_abort(stone->sk);
	stone->sk = NULL;
	list_del(&stone->hash);
	list_del(&stone->age);
	list_add_tail(&t->free, &stone->age);
}

struct tombstone *tombstone_put(struct tombstones *t, uint64_t cookie)
{
	struct tombstone *stone = tombstone_find(t, cookie);

	if (!stone && list_empty(&t->free))
		stone = container_of(t->age.next, struct tombstone, age); /* the oldest */
	if (stone)
		tombstone_drop(t, stone);
	stone = container_of(t->free.prev, struct tombstone, age);
	list_del(&stone->age);
	*stone = (struct tombstone){.cookie = cookie};
	list_init(&stone->hash);
	list_init(&stone->age);
	list_add_tail(&t->age, &stone->age);
	list_add_tail(bucket_of(t, cookie), &stone->hash);
	return stone;
}
