#include "lib/web/saved.h"

#include <stdlib.h>
#include <string.h>

#define HEADS 4096 /* lists of entries with the same first bits */

struct entry {
	struct entry *next;          /* of the same head */
	struct entry *newer, *older; /* in the order of use */
	uint8_t key[SHA256_LEN];
	int64_t from, until;
	size_t len;
	uint8_t octets[];
};

struct saved {
	struct entry *head[HEADS];
	struct entry *newest, *oldest;
	size_t size; /* of all entries */
};

struct saved *
saved_new(void)
{
	return mem_new(sizeof(struct saved));
}

static struct entry **
head_of(struct saved *s, const uint8_t key[SHA256_LEN])
{
	return &s->head[(key[0] << 8 | key[1]) % HEADS];
}

static void
unlink_use(struct saved *s, struct entry *e)
{
	*(e->newer != NULL ? &e->newer->older : &s->newest) = e->older;
	*(e->older != NULL ? &e->older->newer : &s->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void
link_use(struct saved *s, struct entry *e)
{
	e->older = s->newest;
	if (s->newest != NULL)
		s->newest->newer = e;
	s->newest = e;
	if (s->oldest == NULL)
		s->oldest = e;
}

static void
drop(struct saved *s, struct entry *e)
{
	struct entry **at = head_of(s, e->key);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	unlink_use(s, e);
	s->size -= sizeof(*e) + e->len;
	free(e);
}

void
saved_free(struct saved *s)
{
	while (s != NULL && s->oldest != NULL)
		drop(s, s->oldest);
	free(s);
}

static struct entry *
find(struct saved *s, const uint8_t key[SHA256_LEN])
{
	struct entry *e = *head_of(s, key);

	while (e != NULL && memcmp(e->key, key, SHA256_LEN) != 0)
		e = e->next;
	return e;
}

bool
saved_find(struct saved *s, struct saved_one *one,
    const uint8_t key[SHA256_LEN], int64_t now)
{
	struct entry *e = find(s, key);

	if (e == NULL || now < e->from || now >= e->until)
		return false;
	unlink_use(s, e);
	link_use(s, e);
	*one = (struct saved_one){{e->octets, e->len}, e->from, e->until};
	return true;
}

void
saved_add(struct saved *s, const uint8_t key[SHA256_LEN],
    const struct saved_one *one, size_t most)
{
	size_t size = sizeof(struct entry) + one->octets.len;
	struct entry *e = find(s, key);

	if (e != NULL)
		drop(s, e);
	if (size > most)
		return;
	while (s->oldest != NULL && s->size + size > most)
		drop(s, s->oldest);
	e = mem_new(size);
	memcpy(e->key, key, SHA256_LEN);
	e->from = one->from;
	e->until = one->until;
	e->len = one->octets.len;
	memcpy(e->octets, one->octets.data, e->len);
	e->next = *head_of(s, key);
	*head_of(s, key) = e;
	link_use(s, e);
	s->size += size;
}
