#include "lib/net/keep_due.h"

#include "lib/base/when.h"

#define FIRST_DELAY 60 /* s */
#define HOUR 3600
#define DAY 86400

/* 0 to range - 1, evenly. */
static int64_t
part_of(int64_t range, uint32_t dice)
{
	return (int64_t)((uint64_t)range * dice >> 32);
}

static int64_t
min_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
keep_renew_at(const struct keep_rule *rule, int64_t not_before,
    int64_t not_after, const uint8_t fingerprint[SHA256_LEN])
{
	int64_t life = not_after - not_before, at = INT64_MAX, spread;
	uint32_t dice = (uint32_t)fingerprint[0] << 24 |
	                (uint32_t)fingerprint[1] << 16 |
	                (uint32_t)fingerprint[2] << 8 | fingerprint[3];

	if (rule->before > 0)
		at = not_after - rule->before;
	/* RFC 5280, 4.1.2.5: no end that a part could be taken of. */
	if (rule->percent > 0 && not_after < WHEN_FOREVER)
		at = min_of(at, not_before + life / 100 * rule->percent);
	if (at <= not_before || (rule->before <= 0 && rule->percent <= 0 &&
				    not_after < WHEN_FOREVER))
		at = not_before + life / 3 * 2;
	if (at == INT64_MAX)
		return at;
	spread = (not_after - at) / 20;
	if (spread > DAY)
		spread = DAY;
	if (spread < HOUR)
		spread = min_of(HOUR, life / 100);
	return at - part_of(spread, dice);
}

int64_t
keep_backoff(int failures, int64_t most, int retry, int64_t left, uint32_t dice)
{
	int64_t delay = FIRST_DELAY;

	while (--failures > 0 && delay < most)
		delay *= 2;
	if (delay > most)
		delay = most;
	if (left > 0 && delay > left / 8)
		delay = left / 8;
	if (delay < FIRST_DELAY)
		delay = FIRST_DELAY;
	delay = delay * 3 / 4 + part_of(delay / 2, dice);
	if (delay < retry) /* RFC 9110, 10.2.3 */
		delay = retry + part_of(retry / 10 + 1, dice);
	return delay;
}

int64_t
keep_patience(int retry, uint32_t dice)
{
	/* RFC 7030, 4.2.3: wait at least what Retry-After says. */
	if (retry < FIRST_DELAY)
		retry = FIRST_DELAY;
	return retry + part_of(retry / 10 + 1, dice);
}

int
keep_life_left(int64_t not_before, int64_t not_after, int64_t now)
{
	int64_t life = not_after - not_before;

	if (now >= not_after || life <= 0)
		return 0;
	if (now <= not_before)
		return 100;
	return (int)((not_after - now) / ((life + 99) / 100));
}
