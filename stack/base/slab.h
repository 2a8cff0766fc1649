/* SPDX-License-Identifier: MIT */
/*
 * A cache of objects of one size (Bonwick's slab): they lie in chunks of their own, so that what
 * lives long does not keep what lived short between itself, and whole chunks go back to malloc.
 *
 * Theory of operation: a chunk is aligned to its size, so an object's address says which chunk it
 * is of. Objects whose size is whole cache lines start on one. Free ones form a list through their first word, the last
 * freed first. A chunk is on one of three lists: partial, full or empty. Of the empty ones a share
 * is kept, since a number of objects that goes up and down should not go to malloc each time;
 * slab_trim() gives these back as well. How many objects there may be is the caller's to say.
 *
 * Under AddressSanitizer SLAB_CHUNK_BYTES makes chunks of one object that are never kept: a use after
 * free and a leak are then seen as if each object came from malloc.
 */
#ifndef XTCP_BASE_SLAB_H
#define XTCP_BASE_SLAB_H

#include <stddef.h>

#include "stack/base/list.h"

#define SLAB_LINE_BYTES 64
#define SLAB_GRAIN_BYTES 16

#if defined(__has_feature)
#define SLAB_SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define SLAB_SANITIZED 1
#else
#define SLAB_SANITIZED 0
#endif
#if SLAB_SANITIZED
#define SLAB_CHUNK_BYTES 0
#else
#define SLAB_CHUNK_BYTES 32768
#endif

struct slab {
	struct list partial, full, empty; /* slab_chunk.node */
	size_t object_bytes;		  /* where chunks hold several: in whole grains */
	size_t chunk_bytes;		  /* a power of two */
	unsigned per_chunk;
	unsigned chunks, empty_chunks;
	unsigned used; /* objects handed out */
};

/* chunk_bytes: a power of two, or 0 for chunks of one object. */
void slab_init(struct slab *slab, size_t object_bytes, size_t chunk_bytes);
void slab_destroy(struct slab *slab); /* nothing may be handed out; safe to repeat, and if zeroed */
void *slab_alloc(struct slab *slab);  /* zeroed; NULL: no memory */
void slab_free(struct slab *slab, void *object); /* NULL allowed */
void slab_trim(struct slab *slab);		 /* gives every empty chunk back */

#endif
