#include "tests/tools/change.h"

#include "lib/wire/der.h"

#define LARGE (1 << 18) /* octets: not any larger */

/* splitmix64 */
uint64_t
chance_any(struct chance *c)
{
	uint64_t z = c->at += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

size_t
chance_below(struct chance *c, size_t n)
{
	return n == 0 ? 0 : (size_t)(chance_any(c) % n);
}

static uint8_t
octet(struct chance *c)
{
	static const uint8_t odd[] = {0, 0xff, 0x80, 0x7f, 1, '*', '/', '.'};

	return chance_below(c, 2) == 0 ? odd[chance_below(c, sizeof(odd))]
	                               : (uint8_t)chance_any(c);
}

/* ---- what is changed ---------------------------------------------------- */

enum change {
	FLIP,     /* octets of its content */
	BIT,      /* one bit of its content */
	CUT,      /* its content ends early */
	GROW,     /* octets are put into its content */
	EMPTY,    /* … all of it goes */
	TWICE,    /* it is there twice */
	MANY,     /* … or up to a hundred times */
	GONE,     /* it is not there */
	TAG,      /* it is something else */
	LIE,      /* its length is not that of its content */
	LONG,     /* its length takes more octets than it needs */
	ENDLESS,  /* it is of indefinite length */
	STRANGER, /* another element of a good request stands there */
	BESIDE,   /* … or before it */
	WRAPPED,  /* it is inside of another element */
	LATER,    /* it changes places with the next */
	CHANGES
};

static const uint8_t tags[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13,
    0x14, 0x16, 0x17, 0x1e, 0x1c, 0x30, 0x31, 0x80, 0x81, 0x82, 0x86, 0x87,
    0xa0, 0xa3, 0xa4, 0x24, 0x2c, 0x1f, 0xbf, 0x00};

struct edit {
	struct chance *chance;
	enum change change;
	size_t at, n;         /* the element that it is about; so far */
	struct span stranger; /* what STRANGER and BESIDE put there */
};

bool
change_element(struct span *rest, struct span *content, struct span *whole)
{
	size_t head = 2, len;

	if (rest->len < 2 || (rest->data[0] & 0x1f) == 0x1f)
		return false;
	len = rest->data[1];
	if (len > 0x82 || len == 0x80)
		return false;
	if (len > 0x80) {
		size_t octets = len & 0x7f;

		if (rest->len < 2 + octets)
			return false;
		for (len = 0; head < 2 + octets; head++)
			len = len << 8 | rest->data[head];
	}
	if (len > rest->len - head)
		return false;
	*whole = (struct span){rest->data, head + len};
	*content = (struct span){rest->data + head, len};
	rest->data += head + len;
	rest->len -= head + len;
	return true;
}

/* Elements and nothing but elements? */
static bool
is_row(struct span in)
{
	struct span content, whole;

	if (in.len == 0)
		return false;
	while (in.len > 0)
		if (!change_element(&in, &content, &whole))
			return false;
	return true;
}

static void
put_changed(struct bytes *out, uint8_t tag, struct span content,
    struct chance *c, enum change change)
{
	struct bytes b = {0};
	size_t at = chance_below(c, content.len + 1);

	bytes_add(&b, content.data, content.len);
	if (change == CUT) {
		b.len = at;
	} else if (change == EMPTY) {
		b.len = 0;
	} else if (change == GROW) {
		size_t n = chance_below(c, 8) == 0 ? chance_below(c, 3000)
		                                   : 1 + chance_below(c, 4);
		uint8_t with = octet(c);

		b.len = at;
		while (n-- > 0)
			bytes_addc(&b,
			    (char)(chance_below(c, 4) == 0 ? octet(c) : with));
		bytes_add(&b, content.data + at, content.len - at);
	} else if (content.len > 0) {
		for (size_t n = change == BIT ? 1 : 1 + chance_below(c, 4);
		     n > 0; n--) {
			uint8_t *o = &b.data[chance_below(c, b.len)];

			if (change == BIT)
				*o ^= (uint8_t)(1 << chance_below(c, 8));
			else
				*o = octet(c);
		}
	}
	der_put(out, tag, span_of(&b));
	bytes_free(&b);
}

/* A length that is not its content's, or not written as DER has it. */
static void
put_lying(struct bytes *out, uint8_t tag, struct span content, struct chance *c,
    enum change change)
{
	static const char *const lies[] = {"\x84\xff\xff\xff\xff", "\x81",
	    "\x84\x7f\xff\xff\xff", "\x88\xff\xff\xff\xff\xff\xff\xff\xff",
	    "\xff", "\x82\xff\xff"};
	size_t len = content.len;

	bytes_addc(out, (char)(change == ENDLESS ? tag | 0x20 : tag));
	if (change == ENDLESS) {
		bytes_addc(out, '\x80');
	} else if (change == LONG) {
		bytes_add(out, "\x84\0\0", 3);
		bytes_addc(out, (char)(len >> 8));
		bytes_addc(out, (char)len);
	} else if (chance_below(c, 3) == 0) {
		bytes_adds(
		    out, lies[chance_below(c, sizeof(lies) / sizeof(*lies))]);
	} else {
		bytes_addc(
		    out, (char)(len + 1 + chance_below(c, 2) * (size_t)-2));
	}
	bytes_add(out, content.data, content.len);
	if (change == ENDLESS)
		bytes_add(out, "\0\0", 2);
}

static void
apply(struct bytes *out, struct edit *e, struct span content, struct span whole,
    struct span *rest)
{
	struct span other, other_whole;

	switch (e->change) {
	case TWICE:
	case MANY:
		for (size_t n = e->change == TWICE
		                    ? 2
		                    : 3 + chance_below(e->chance, 100);
		     n > 0; n--)
			bytes_add(out, whole.data, whole.len);
		break;
	case GONE:
		break;
	case TAG:
		der_put(
		    out, tags[chance_below(e->chance, sizeof(tags))], content);
		break;
	case LIE:
	case LONG:
	case ENDLESS:
		put_lying(out, whole.data[0], content, e->chance, e->change);
		break;
	case STRANGER:
		bytes_add(out, e->stranger.data, e->stranger.len);
		break;
	case BESIDE:
		bytes_add(out, e->stranger.data, e->stranger.len);
		bytes_add(out, whole.data, whole.len);
		break;
	case WRAPPED:
		der_put(
		    out, tags[chance_below(e->chance, sizeof(tags))], whole);
		break;
	case LATER:
		if (change_element(rest, &other, &other_whole))
			bytes_add(out, other_whole.data, other_whole.len);
		bytes_add(out, whole.data, whole.len);
		break;
	default:
		put_changed(out, whole.data[0], content, e->chance, e->change);
	}
}

/* All elements of `in`, one of them changed; those around it are as long as
 * they have to be then.  `e->n` counts them, each before what is inside. */
static void
copy(struct bytes *out, struct span in, struct edit *e)
{
	struct span content, whole;

	while (in.len > 0 && change_element(&in, &content, &whole)) {
		struct bytes inner = {0};
		uint8_t tag = whole.data[0];
		/* RSA's key is inside of a BIT STRING. */
		size_t skip = tag == 3 && content.len > 0 ? 1 : 0;
		struct span inside = {content.data + skip, content.len - skip};

		if (e->n++ == e->at) {
			apply(out, e, content, whole, &in);
			continue;
		}
		if ((tag & 0x20) == 0 && tag != 3 && tag != 4) {
			bytes_add(out, whole.data, whole.len);
			continue;
		}
		if (!is_row(inside)) {
			bytes_add(out, whole.data, whole.len);
			continue;
		}
		bytes_add(&inner, content.data, skip);
		copy(&inner, inside, e);
		der_put(out, tag, span_of(&inner));
		bytes_free(&inner);
	}
	bytes_add(out, in.data, in.len);
}

/* The nth element of `in`, counted as copy() does; len 0: there is none. */
static struct span
nth(struct span in, size_t *n)
{
	struct span content, whole, found;

	while (in.len > 0 && change_element(&in, &content, &whole)) {
		size_t skip = whole.data[0] == 3 && content.len > 0 ? 1 : 0;
		struct span inside = {content.data + skip, content.len - skip};

		if ((*n)-- == 0)
			return whole;
		if ((whole.data[0] & 0x20) == 0 && whole.data[0] != 3 &&
		    whole.data[0] != 4)
			continue;
		if (!is_row(inside))
			continue;
		found = nth(inside, n);
		if (found.len > 0)
			return found;
	}
	return (struct span){0};
}

static size_t
elements(struct span in)
{
	struct edit e = {.at = SIZE_MAX};
	struct bytes sink = {0};

	copy(&sink, in, &e);
	bytes_free(&sink);
	return e.n;
}

/* Those that a reader of DER refuses are soon refused: less of them. */
static enum change
change_any(struct chance *c)
{
	static const enum change mild[] = {FLIP, BIT, GROW, GROW, CUT, TWICE,
	    GONE, STRANGER, BESIDE, BESIDE, LATER};

	return chance_below(c, 3) > 0
	           ? mild[chance_below(c, sizeof(mild) / sizeof(*mild))]
	           : (enum change)chance_below(c, CHANGES);
}

/* Which element.  Octets are changed where they are a value, mostly. */
static size_t
pick(struct span der, enum change change, struct chance *c)
{
	bool value = change == FLIP || change == BIT || change == GROW ||
	             change == CUT || change == EMPTY;
	size_t all = elements(der), at = 0;

	for (int tries = 0; tries < 6; tries++) {
		size_t n = at = chance_below(c, all);
		struct span found = nth(der, &n);

		if (!value || (found.len > 0 && (found.data[0] & 0x20) == 0))
			break;
	}
	return at;
}

void
change_elements(
    struct bytes *der, const struct span *donors, size_t n, struct chance *c)
{
	for (size_t times = 1 + chance_below(c, 4) / 3 * 2; times > 0;
	     times--) {
		struct span donor = donors[chance_below(c, n)];
		struct edit e = {c, change_any(c), 0, 0, {0}};
		size_t at = chance_below(c, elements(donor));
		struct bytes out = {0};

		e.at = pick(span_of(der), e.change, c);
		e.stranger = nth(donor, &at);
		copy(&out, span_of(der), &e);
		bytes_free(der);
		*der = out;
		if (der->len > LARGE)
			return;
	}
}

/* The octets of the whole, whatever they are. */
void
change_octets(struct bytes *b, struct chance *c)
{
	if (b->len == 0)
		return;
	if (chance_below(c, 4) == 0)
		b->len = chance_below(c, b->len);
	else
		for (size_t n = 1 + chance_below(c, 8); n > 0; n--)
			b->data[chance_below(c, b->len)] = octet(c);
}
