/* SPDX-License-Identifier: MIT */
/* The model behind impair.h. */
#include "stack/link/impair.h"

#include <stdlib.h>
#include <string.h>

#include "stack/base/timer.h"

#define PPM 1000000

/* The draws one frame gets: always all of them, in this order. */
struct fate {
	bool lost, duplicated, corrupted, reordered, marked;
	uint32_t corrupt_bit;
	uint32_t jitter_unit; /* 0..PPM-1 */
};

void impair_init(struct impair *im, const struct impair_config *config)
{
	memset(im, 0, sizeof(*im));
	list_init(&im->queue);
	impair_configure(im, config);
}

static void seed_random(struct impair *im)
{
	uint8_t seed[32] = {0};
	memcpy(seed, &im->config.seed, sizeof(im->config.seed));
	seed[sizeof(im->config.seed)] = im->config.stream;
	random_seed(&im->random, seed);
	im->in_burst = false;
}

void impair_configure(struct impair *im, const struct impair_config *config)
{
	bool reseed = config->seed != im->config.seed || im->random.counter == 0;
	im->config = *config;
	if (reseed)
		seed_random(im);
}

void impair_restart(struct impair *im, const struct impair_config *config)
{
	im->config = *config;
	im->stats = (struct impair_stats){0};
	seed_random(im);
}

void impair_destroy(struct impair *im)
{
	list_for_each_safe (pos, &im->queue) {
		list_del(pos);
		free(container_of(pos, struct impair_frame, node));
	}
	im->queued = 0;
	im->queued_bytes = 0;
}

static bool chance(struct impair *im, uint32_t ppm)
{
	return random_below(&im->random, PPM) < ppm;
}

static struct fate draw(struct impair *im, size_t len)
{
	const struct impair_config *c = &im->config;
	struct fate f;
	bool flip = chance(im, im->in_burst ? c->burst_leave_ppm : c->burst_enter_ppm);
	im->in_burst ^= flip;
	f.lost = chance(im, c->loss_ppm) || im->in_burst || c->cut;
	f.duplicated = chance(im, c->duplicate_ppm);
	f.corrupted = chance(im, c->corrupt_ppm);
	f.reordered = chance(im, c->reorder_ppm);
	f.corrupt_bit = random_below(&im->random, (uint32_t)len * 8);
	f.jitter_unit = random_below(&im->random, PPM);
	f.marked = chance(im, c->mark_ppm);
	return f;
}

static bool full(const struct impair *im, size_t len)
{
	uint32_t limit = im->config.limit_packets ? im->config.limit_packets : IMPAIR_LIMIT_PACKETS;
	return im->queued >= limit || len > IMPAIR_LIMIT_BYTES - im->queued_bytes;
}

#define IP_AT 14 /* behind the Ethernet header */
#define IP_MIN_BYTES 20
#define IP_ECN_MASK 3

/* IPv4, and its sender understands marks. */
static bool is_ect(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + IP_AT;
	return len >= IP_AT + IP_MIN_BYTES && frame[12] == 8 && frame[13] == 0 && ip[0] >> 4 == 4 &&
	       (ip[1] & IP_ECN_MASK) != 0;
}

static void set_ce(uint8_t *frame)
{
	uint8_t *ip = frame + IP_AT;
	uint32_t before = ip[1] & IP_ECN_MASK;
	ip[1] |= IP_ECN_MASK;
	/* RFC 1624 3: ~(~HC + ~m + m'), as what has been added is less than 4 */
	uint32_t sum = (uint16_t) ~(ip[10] << 8 | ip[11]) + (IP_ECN_MASK - before);
	sum = ~(sum + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* When the last bit of the frame has left the rate-limited sender; UINT64_MAX: queue full. */
static uint64_t serialise(struct impair *im, size_t len, uint64_t now_us)
{
	const struct impair_config *c = &im->config;
	if (full(im, len))
		return UINT64_MAX;
	if (c->rate_bps == 0)
		return now_us;
	uint64_t start = im->busy_until_us > now_us ? im->busy_until_us : now_us;
	im->busy_until_us = start + (uint64_t)len * 8 * 1000000 / c->rate_bps;
	return im->busy_until_us;
}

static uint64_t release_time(struct impair *im, const struct fate *f, uint64_t sent_us)
{
	const struct impair_config *c = &im->config;
	if (f->reordered && c->delay_us) {
		im->stats.reordered++;
		return sent_us;
	}
	uint64_t spread = c->jitter_us * 2 * f->jitter_unit / PPM;
	uint64_t at = sent_us + c->delay_us + spread;
	at = at > c->jitter_us + sent_us ? at - c->jitter_us : sent_us;
	if (at < im->last_release_us)
		at = im->last_release_us;
	im->last_release_us = at;
	return at;
}

static struct impair_frame *enqueue(struct impair *im, const uint8_t *frame, size_t len,
				    uint64_t release_us)
{
	struct impair_frame *q = malloc(sizeof(*q) + len);
	if (!q)
		return NULL;
	q->release_us = release_us;
	q->len = (uint32_t)len;
	memcpy(q->data, frame, len);
	struct list *after = im->queue.prev;
	while (after != &im->queue &&
	       container_of(after, struct impair_frame, node)->release_us > release_us)
		after = after->prev;
	list_add_head(after, &q->node);
	im->queued++;
	im->queued_bytes += len;
	return q;
}

void impair_push(struct impair *im, const uint8_t *frame, size_t len, uint64_t now_us)
{
	if (len == 0)
		return;
	struct fate f = draw(im, len);
	f.lost |= f.marked && !is_ect(frame, len);
	if (f.lost) {
		im->stats.lost++;
		return;
	}
	uint64_t sent_us = serialise(im, len, now_us);
	if (sent_us == UINT64_MAX) {
		im->stats.overflowed++;
		return;
	}
	uint64_t at = release_time(im, &f, sent_us);
	struct impair_frame *q = enqueue(im, frame, len, at);
	if (!q) {
		im->stats.overflowed++;
		return;
	}
	if (f.marked) {
		set_ce(q->data);
		im->stats.marked++;
	}
	if (f.corrupted) {
		q->data[f.corrupt_bit / 8] ^= (uint8_t)(1 << f.corrupt_bit % 8);
		im->stats.corrupted++;
	}
	if (f.duplicated && !full(im, len) && enqueue(im, q->data, len, at))
		im->stats.duplicated++;
}

struct impair_frame *impair_pop(struct impair *im, uint64_t now_us)
{
	if (list_empty(&im->queue) || impair_next_us(im) > now_us)
		return NULL;
	struct impair_frame *q = container_of(im->queue.next, struct impair_frame, node);
	list_del(&q->node);
	im->queued--;
	im->queued_bytes -= q->len;
	im->stats.passed++;
	return q;
}

uint64_t impair_next_us(const struct impair *im)
{
	if (list_empty(&im->queue))
		return TIMER_NEVER;
	return container_of(im->queue.next, struct impair_frame, node)->release_us;
}
