/* SPDX-License-Identifier: MIT */
/*
 * A bad network in words, as the command line, the configuration file and xtcpctl have them:
 *
 *     loss=1% burst=0.1%/30% delay=40ms jitter=5ms reorder=2% duplicate=0.1% corrupt=0.01%
 *     mark=1% rate=50mbit limit=1000 seed=7
 *
 * Each word stands once, in any order. What is wrong is said with the word and what it may be.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/impairment.h"
#include "daemon/parse.h"

#define MICRO 1000000
#define DELAY_MAX_US ((uint64_t)60 * MICRO)
#define RATE_MIN_BPS 1000
#define RATE_MAX_BPS 1000000000000
#define LIMIT_MAX 1000000

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit times[] = {{"us", 1}, {"ms", 1000}, {"s", MICRO}, {NULL, 0}};
static const struct unit rates[] = {
    {"bit", 1}, {"kbit", 1000}, {"mbit", MICRO}, {"gbit", 1000000000}, {NULL, 0}};

/* Decimal digits with at most six behind a point, in millionths; *end is behind them. */
static bool parse_decimal(const char *s, uint64_t *micro, const char **end)
{
	uint64_t n = 0, scale = MICRO;
	const char *p = s;

	for (; isdigit((unsigned char)*p); p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (p - s >= 12)
			return false;
	}
	if (p == s)
		return false;
	n *= MICRO;
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++) {
			scale /= 10;
			if (scale == 0)
				return false;
			n += scale * (uint64_t)(*p - '0');
		}
		if (scale == MICRO)
			return false;
	}
	*micro = n;
	*end = p;
	return true;
}

/* A number and its unit; 0 needs none. */
static bool parse_with_unit(const char *s, const struct unit *units, uint64_t max, uint64_t *out)
{
	uint64_t micro;
	const char *end;

	if (!parse_decimal(s, &micro, &end))
		return false;
	if (micro == 0 && !*end) {
		*out = 0;
		return true;
	}
	for (; units->name; units++) {
		if (strcmp(end, units->name) != 0)
			continue;
		if (micro / MICRO > max / units->factor)
			return false;
		*out = micro / MICRO * units->factor + micro % MICRO * units->factor / MICRO;
		return *out <= max;
	}
	return false;
}

/* A share: "0.01%", or 0. */
static bool parse_percent(const char *s, uint32_t *ppm)
{
	uint64_t micro;
	const char *end;

	if (!parse_decimal(s, &micro, &end) || micro > 100 * MICRO)
		return false;
	if (strcmp(end, "%") != 0 && (micro || *end))
		return false;
	if (micro % 100) /* finer than a millionth */
		return false;
	*ppm = (uint32_t)(micro / 100);
	return true;
}

/* --- one function a word: false when the value is none */

static bool word_loss(struct impair_config *c, const char *value)
{
	return parse_percent(value, &c->loss_ppm);
}

static bool word_burst(struct impair_config *c, const char *value)
{
	char enter[32];
	const char *slash = strchr(value, '/');

	if (!slash || (size_t)(slash - value) >= sizeof(enter))
		return false;
	memcpy(enter, value, (size_t)(slash - value));
	enter[slash - value] = '\0';
	return parse_percent(enter, &c->burst_enter_ppm) &&
	       parse_percent(slash + 1, &c->burst_leave_ppm) && c->burst_leave_ppm > 0;
}

static bool word_delay(struct impair_config *c, const char *value)
{
	return parse_with_unit(value, times, DELAY_MAX_US, &c->delay_us);
}

static bool word_jitter(struct impair_config *c, const char *value)
{
	return parse_with_unit(value, times, DELAY_MAX_US, &c->jitter_us);
}

static bool word_reorder(struct impair_config *c, const char *value)
{
	return parse_percent(value, &c->reorder_ppm);
}

static bool word_duplicate(struct impair_config *c, const char *value)
{
	return parse_percent(value, &c->duplicate_ppm);
}

static bool word_corrupt(struct impair_config *c, const char *value)
{
	return parse_percent(value, &c->corrupt_ppm);
}

static bool word_mark(struct impair_config *c, const char *value)
{
	return parse_percent(value, &c->mark_ppm);
}

static bool word_rate(struct impair_config *c, const char *value)
{
	return parse_with_unit(value, rates, RATE_MAX_BPS, &c->rate_bps) &&
	       (c->rate_bps == 0 || c->rate_bps >= RATE_MIN_BPS);
}

static bool word_limit(struct impair_config *c, const char *value)
{
	return parse_u32(value, 1, LIMIT_MAX, &c->limit_packets);
}

static bool word_seed(struct impair_config *c, const char *value)
{
	uint32_t seed;

	if (!parse_u32(value, 0, UINT32_MAX, &seed))
		return false;
	c->seed = seed;
	return true;
}

#define A_SHARE "a share from 0% to 100%, as 0.1%"
#define A_TIME "a time up to 60s, as 40ms or 500us"

static const struct word {
	const char *name;
	bool (*set)(struct impair_config *c, const char *value);
	const char *takes;
} table[] = {
    {"loss", word_loss, A_SHARE},
    {"burst", word_burst, "how often a burst of loss begins and ends, as 0.1%/30%"},
    {"delay", word_delay, A_TIME},
    {"jitter", word_jitter, A_TIME},
    {"reorder", word_reorder, A_SHARE},
    {"duplicate", word_duplicate, A_SHARE},
    {"corrupt", word_corrupt, A_SHARE},
    {"mark", word_mark, A_SHARE},
    {"rate", word_rate, "a rate from 1kbit to 1000gbit, as 50mbit or 1.5mbit; 0: none"},
    {"limit", word_limit, "packets held at once, from 1 to 1000000"},
    {"seed", word_seed, "a number from 0 to 4294967295"},
};
#define WORDS (sizeof(table) / sizeof(table[0]))

static const char *apply(struct impair_config *c, const char *word, unsigned *seen, char *why,
			 size_t why_len)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);

	for (size_t i = 0; i < WORDS; i++) {
		if (strlen(table[i].name) != len || strncmp(word, table[i].name, len) != 0)
			continue;
		if (*seen & 1u << i) {
			snprintf(why, why_len, "%s= stands twice", table[i].name);
			return why;
		}
		*seen |= 1u << i;
		if (equals && table[i].set(c, equals + 1))
			return NULL;
		snprintf(why, why_len, "%.48s: after %s= comes %s", word, table[i].name,
			 table[i].takes);
		return why;
	}
	snprintf(why, why_len,
		 "%.48s: not one of loss= burst= delay= jitter= reorder= duplicate= corrupt= mark= "
		 "rate= limit= seed=",
		 word);
	return why;
}

/* What only the whole shows. */
static const char *check(const struct impair_config *c)
{
	if (c->reorder_ppm && !c->delay_us)
		return "reorder= needs a delay=, which the reordered packets skip";
	if (c->jitter_us > c->delay_us)
		return "jitter= is more than the delay= it varies";
	return NULL;
}

const char *impair_parse(struct impair_config *c, const char *words, char *why, size_t why_len)
{
	char copy[512], *save = NULL;
	unsigned seen = 0;
	uint32_t seed;

	*c = (struct impair_config){.limit_packets = IMPAIR_LIMIT_PACKETS};
	if (!copy_string(copy, sizeof(copy), words))
		return "too many words";
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return "no randomness for a seed";
	c->seed = seed;
	for (char *w = strtok_r(copy, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		const char *wrong = apply(c, w, &seen, why, why_len);
		if (wrong)
			return wrong;
	}
	return seen ? check(c) : "no words, as loss=1% delay=40ms";
}

/* --- and back */

struct text {
	char *to; /* IMPAIR_TEXT_MAX */
	size_t len;
};

static void put(struct text *t, const char *s)
{
	size_t len = strlen(s);

	if (len >= IMPAIR_TEXT_MAX - t->len)
		return;
	memcpy(t->to + t->len, s, len + 1);
	t->len += len;
}

/* n with the last `decimals` digits behind a point, and none of them in vain. */
static void put_decimal(struct text *t, uint64_t n, int decimals)
{
	uint64_t divisor = 1;
	char digits[48];

	for (int i = 0; i < decimals; i++)
		divisor *= 10;
	int len = snprintf(digits, sizeof(digits), "%llu.%0*llu", (unsigned long long)(n / divisor),
			   decimals, (unsigned long long)(n % divisor));
	while (digits[len - 1] == '0')
		digits[--len] = '\0';
	if (digits[len - 1] == '.')
		digits[--len] = '\0';
	put(t, digits);
}

static void put_percent(struct text *t, const char *before, uint32_t ppm, const char *after)
{
	put(t, before);
	put_decimal(t, ppm, 4);
	put(t, after);
}

static void put_share(struct text *t, const char *before, uint32_t ppm)
{
	if (ppm)
		put_percent(t, before, ppm, "% ");
}

static void put_time(struct text *t, const char *before, uint64_t us)
{
	if (!us)
		return;
	put(t, before);
	put_decimal(t, us, 3);
	put(t, "ms ");
}

static void put_rate(struct text *t, uint64_t bps)
{
	if (!bps)
		return;
	put(t, "rate=");
	put_decimal(t, bps, bps < MICRO ? 3 : 6);
	put(t, bps < MICRO ? "kbit " : "mbit ");
}

void impair_format(const struct impair_config *c, char text[IMPAIR_TEXT_MAX])
{
	struct text t = {.to = text};
	char rest[64];

	text[0] = '\0';
	put_share(&t, "loss=", c->loss_ppm);
	if (c->burst_enter_ppm || c->burst_leave_ppm) {
		put_percent(&t, "burst=", c->burst_enter_ppm, "%/");
		put_percent(&t, "", c->burst_leave_ppm, "% ");
	}
	put_time(&t, "delay=", c->delay_us);
	put_time(&t, "jitter=", c->jitter_us);
	put_share(&t, "reorder=", c->reorder_ppm);
	put_share(&t, "duplicate=", c->duplicate_ppm);
	put_share(&t, "corrupt=", c->corrupt_ppm);
	put_share(&t, "mark=", c->mark_ppm);
	put_rate(&t, c->rate_bps);
	snprintf(rest, sizeof(rest), "limit=%u seed=%llu", c->limit_packets,
		 (unsigned long long)c->seed);
	put(&t, rest);
}

static void put_count(struct text *t, uint64_t n, const char *what)
{
	char count[64];

	if (!n)
		return;
	snprintf(count, sizeof(count), "%s%llu %s",
		 t->len ? ", " : "impaired: ", (unsigned long long)n, what);
	put(t, count);
}

bool impair_done(const struct impair_stats *was, const struct impair_stats *now,
		 char text[IMPAIR_TEXT_MAX])
{
	struct text t = {.to = text};

	text[0] = '\0';
	put_count(&t, now->lost - was->lost, "lost");
	put_count(&t, now->overflowed - was->overflowed, "lost in a full queue");
	put_count(&t, now->duplicated - was->duplicated, "duplicated");
	put_count(&t, now->corrupted - was->corrupted, "corrupted");
	put_count(&t, now->reordered - was->reordered, "reordered");
	put_count(&t, now->marked - was->marked, "marked");
	return t.len > 0;
}
