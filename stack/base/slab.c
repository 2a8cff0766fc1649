/* SPDX-License-Identifier: MIT */
/* Chunks of objects of one size: see slab.h. */
#include "stack/base/slab.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Of every so many chunks one may be empty and is kept; and one besides. */
#define KEEP_EMPTY_SHARE 8
/* What malloc writes in front of the next chunk: without it, two would never lie side by side. */
#define MALLOC_HEADER_BYTES 64

struct slab_object {
	struct slab_object *next;
};

struct slab_chunk {
	struct list node;
	struct slab_object *free;
	unsigned used;
};

#define HEADER_BYTES SLAB_LINE_BYTES
_Static_assert(sizeof(struct slab_chunk) <= HEADER_BYTES, "a chunk's header is one line");

static size_t whole_grains(size_t bytes)
{
	return (bytes + SLAB_GRAIN_BYTES - 1) / SLAB_GRAIN_BYTES * SLAB_GRAIN_BYTES;
}

void slab_init(struct slab *slab, size_t object_bytes, size_t chunk_bytes)
{
	*slab =
	    (struct slab){.object_bytes = chunk_bytes ? whole_grains(object_bytes) : object_bytes};
	size_t least = HEADER_BYTES + slab->object_bytes + MALLOC_HEADER_BYTES;
	slab->chunk_bytes = chunk_bytes ? chunk_bytes : SLAB_LINE_BYTES;
	while (slab->chunk_bytes < least)
		slab->chunk_bytes *= 2;
	size_t room = slab->chunk_bytes - HEADER_BYTES - MALLOC_HEADER_BYTES;
	slab->per_chunk = chunk_bytes ? (unsigned)(room / slab->object_bytes) : 1;
	list_init(&slab->partial);
	list_init(&slab->full);
	list_init(&slab->empty);
}

static struct slab_object *object_at(const struct slab *slab, struct slab_chunk *chunk, unsigned i)
{
	return (struct slab_object *)((char *)chunk + HEADER_BYTES + i * slab->object_bytes);
}

static struct slab_chunk *chunk_alloc(struct slab *slab)
{
	void *memory;
	size_t bytes = HEADER_BYTES + slab->per_chunk * slab->object_bytes;
	if (posix_memalign(&memory, slab->chunk_bytes, bytes) != 0)
		return NULL;
	struct slab_chunk *chunk = memory;
	*chunk = (struct slab_chunk){0};
	list_init(&chunk->node);
	for (unsigned i = slab->per_chunk; i-- > 0;) {
		struct slab_object *object = object_at(slab, chunk, i);
		object->next = chunk->free;
		chunk->free = object;
	}
	slab->chunks++;
	return chunk;
}

static void chunk_free(struct slab *slab, struct slab_chunk *chunk)
{
	list_del(&chunk->node);
	slab->chunks--;
	free(chunk);
}

static void chunk_move(struct slab_chunk *chunk, struct list *to)
{
	list_del(&chunk->node);
	list_add_head(to, &chunk->node);
}

static struct slab_chunk *chunk_with_room(struct slab *slab)
{
	if (!list_empty(&slab->partial))
		return container_of(slab->partial.next, struct slab_chunk, node);
	if (list_empty(&slab->empty))
		return chunk_alloc(slab);
	slab->empty_chunks--;
	return container_of(slab->empty.next, struct slab_chunk, node);
}

void *slab_alloc(struct slab *slab)
{
	struct slab_chunk *chunk = chunk_with_room(slab);
	if (!chunk)
		return NULL;
	struct slab_object *object = chunk->free;
	chunk->free = object->next; // NOLINT(clang-analyzer-core.NullDereference): it has room
	chunk->used++;
	slab->used++;
	if (!chunk->free)
		chunk_move(chunk, &slab->full);
	else if (chunk->used == 1)
		chunk_move(chunk, &slab->partial);
	return memset(object, 0, slab->object_bytes);
}

static void chunk_is_empty(struct slab *slab, struct slab_chunk *chunk)
{
	unsigned keep = slab->per_chunk > 1 ? 1 + slab->chunks / KEEP_EMPTY_SHARE : 0;
	if (slab->empty_chunks >= keep) {
		chunk_free(slab, chunk);
		return;
	}
	chunk_move(chunk, &slab->empty);
	slab->empty_chunks++;
}

void slab_free(struct slab *slab, void *memory)
{
	if (!memory)
		return;
	uintptr_t inside = (uintptr_t)memory & (slab->chunk_bytes - 1);
	struct slab_chunk *chunk = (struct slab_chunk *)((char *)memory - inside);
	struct slab_object *object = memory;
	bool was_full = !chunk->free;
	object->next = chunk->free;
	chunk->free = object;
	chunk->used--;
	slab->used--;
	if (chunk->used == 0)
		chunk_is_empty(slab, chunk);
	else if (was_full)
		chunk_move(chunk, &slab->partial);
}

void slab_trim(struct slab *slab)
{
	while (slab->empty_chunks > 0) {
		chunk_free(slab, container_of(slab->empty.next, struct slab_chunk, node));
		slab->empty_chunks--;
	}
}

void slab_destroy(struct slab *slab)
{
	slab_trim(slab);
}
