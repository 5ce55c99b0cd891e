/*
 * power - what a disk may hold after the power was cut, from the journal of
 * tests/shim/power-shim.c.
 *
 *	power -n JOURNAL
 *	power -t WORDS JOURNAL
 *	power [-l] [-s SEED] JOURNAL ROOT PLACE WORDS
 *
 * -n: the number of records.  -t: one more, the test's own word.  Else the power is cut behind record PLACE: ROOT,
 * which is as it was when the journal began, becomes what is left.  What was
 * synced is there; of what was not, any part: writes sector by sector, changes
 * of names one by one.  -l: the disk lied, syncs did nothing.  WORDS gets what
 * was said by then: a file "answer.N" for each HTTP answer with status 200, and
 * "told", the test's own words, a line each.
 */
#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "tests/shim/power.h"

#define SECTOR 512

struct record {
	struct power_head head;
	char *path, *other;
	const uint8_t *data;
};

/* A change of a file that is not synced. */
struct change {
	size_t order; /* of the record */
	enum power_op op;
	uint64_t at;
	const uint8_t *data;
	size_t len;
};

struct file {
	uint64_t inode; /* 0: not known yet, or gone */
	struct bytes disk;
	struct change *change;
	size_t n;
};

/* A name: what the disk has (-1: nothing), and what is to become of it. */
struct wish {
	int file; /* -1: none */
	bool wanted;
};
struct name {
	char *path;
	int disk, now;
	struct wish *wish;
	size_t n;
};

struct begun {
	uint64_t number;
	size_t order;
};

static struct file *file;
static size_t files;
static struct name *name;
static size_t names;
static struct begun *begun;
static size_t begins;
static unsigned dice = 1;
static bool lying;

static unsigned
dice_throw(unsigned sides)
{
	return (unsigned)rand_r(&dice) % sides;
}

/* ---- files and names ------------------------------------------------------------ */

static int
file_new(uint64_t inode)
{
	file = mem_grow(file, files + 1, sizeof(*file));
	file[files] = (struct file){.inode = inode};
	return (int)files++;
}

static struct name *
name_of(const char *path)
{
	for (size_t i = 0; i < names; i++)
		if (strcmp(name[i].path, path) == 0)
			return &name[i];
	name = mem_grow(name, names + 1, sizeof(*name));
	name[names] =
	    (struct name){.path = str_dup(path), .disk = -1, .now = -1};
	return &name[names++];
}

static void
name_wish(const char *path, int to)
{
	struct name *at = name_of(path);

	at->now = to;
	at->wish = mem_grow(at->wish, at->n + 1, sizeof(*at->wish));
	at->wish[at->n++] = (struct wish){.file = to};
}

/* The one that is open by that name; a new one's name is not synced. */
static struct file *
file_of(const struct record *r)
{
	struct name *at = name_of(r->path);

	for (size_t i = 0; i < files; i++)
		if (file[i].inode == r->head.inode)
			return &file[i];
	/* It was there when all began. */
	if (at->now >= 0 && file[at->now].inode == 0) {
		file[at->now].inode = r->head.inode;
		return &file[at->now];
	}
	name_wish(r->path, file_new(r->head.inode));
	return &file[files - 1];
}

static bool
is_named(int one)
{
	for (size_t i = 0; i < names; i++)
		if (name[i].now == one)
			return true;
	return false;
}

/* The name becomes another's at once.  What has no name left may get its number
 * anew. */
static void
name_give(const char *path, int to)
{
	int was = name_of(path)->now;

	name_wish(path, to);
	if (was >= 0 && !is_named(was))
		file[was].inode = 0;
}

/* ---- what is on the disk ---------------------------------------------------------- */

static void
disk_length(struct bytes *disk, size_t len)
{
	static const uint8_t zero[4096];

	while (disk->len < len) {
		size_t n = len - disk->len;

		bytes_add(disk, zero, n < sizeof(zero) ? n : sizeof(zero));
	}
	disk->len = len;
}

static void
disk_write(struct bytes *disk, size_t at, const uint8_t *data, size_t len)
{
	if (disk->len < at + len)
		disk_length(disk, at + len);
	memcpy(disk->data + at, data, len);
}

static void
settle(struct bytes *disk, const struct change *c)
{
	if (c->op == POWER_WRITE) {
		disk_write(disk, c->at, c->data, c->len);
		return;
	}
	disk_length(disk, c->op == POWER_LENGTH ? c->at : 0);
	if (c->op == POWER_WHOLE && c->len > 0)
		disk_write(disk, 0, c->data, c->len);
}

/* Any part of it. */
static void
settle_some(struct bytes *disk, const struct change *c)
{
	struct change part = *c;

	if (c->op == POWER_WRITE) {
		for (size_t i = 0; i < c->len; i += SECTOR)
			if (dice_throw(2) == 0)
				disk_write(disk, c->at + i, c->data + i,
				    c->len - i < SECTOR ? c->len - i : SECTOR);
	} else if (dice_throw(2) == 0) {
		/* The name was quicker than the content. */
		if (c->op == POWER_WHOLE)
			part.len = dice_throw((unsigned)c->len + 1);
		settle(disk, &part);
	}
}

static void
settle_before(struct file *f, size_t order)
{
	size_t n = 0;

	while (n < f->n && f->change[n].order < order)
		settle(&f->disk, &f->change[n++]);
	if (n == 0)
		return;
	f->n -= n;
	memmove(f->change, f->change + n, f->n * sizeof(*f->change));
}

static void
change_add(struct file *f, const struct record *r, size_t order)
{
	f->change = mem_grow(f->change, f->n + 1, sizeof(*f->change));
	f->change[f->n++] = (struct change){.order = order,
	    .op = r->head.op,
	    .at = r->head.at,
	    .data = r->data,
	    .len = r->head.data_len};
}

static bool
is_in(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] == '/' &&
	       strchr(path + len + 1, '/') == NULL;
}

static void
folder_settle(const char *folder)
{
	for (size_t i = 0; i < names; i++) {
		if (name[i].n == 0 || !is_in(name[i].path, folder))
			continue;
		name[i].disk = name[i].wish[name[i].n - 1].file;
		name[i].n = 0;
	}
}

static void
sync_end(const struct record *r)
{
	for (size_t i = 0; i < begins; i++)
		if (begun[i].number == r->head.at)
			settle_before(file_of(r), begun[i].order);
}

/* ---- the journal -------------------------------------------------------------------- */

static void
play(const struct record *r, size_t order)
{
	struct file *f;

	switch (r->head.op) {
	case POWER_WRITE:
	case POWER_LENGTH:
		change_add(file_of(r), r, order);
		break;
	case POWER_WHOLE:
		f = file_of(r);
		if (f->n == 0 && span_equal(span_of(&f->disk),
				     (struct span){r->data, r->head.data_len}))
			break;
		change_add(f, r, order);
		if (r->head.at == 1 && !lying)
			settle_before(f, order + 1);
		break;
	case POWER_BEGIN:
		begun = mem_grow(begun, begins + 1, sizeof(*begun));
		begun[begins++] =
		    (struct begun){.number = r->head.at, .order = order};
		break;
	case POWER_END:
		if (!lying)
			sync_end(r);
		break;
	case POWER_RENAME:
	case POWER_LINK:
		f = file_of(r);
		name_give(r->other, (int)(f - file));
		if (r->head.op == POWER_RENAME)
			name_give(r->path, -1);
		break;
	case POWER_UNLINK:
		name_give(r->path, -1);
		break;
	case POWER_FOLDER:
		if (!lying)
			folder_settle(r->path);
		break;
	default:
		break;
	}
}

static bool
record_next(struct record *r, const uint8_t **at, const uint8_t *end)
{
	const struct power_head *head = &r->head;
	const char *text = (const char *)*at + sizeof(*head);

	if (*at >= end)
		return false;
	memcpy(&r->head, *at, sizeof(*head));
	if (head->magic != POWER_MAGIC)
		errx(1, "the journal is torn");
	r->path = mem_dup(text, head->path_len);
	r->other = mem_dup(text + head->path_len, head->other_len);
	r->data = (const uint8_t *)text + head->path_len + head->other_len;
	*at = r->data + head->data_len;
	return true;
}

/* ---- what was said -------------------------------------------------------------------- */

static void
file_put(const char *folder, const char *path, const void *data, size_t len,
    const char *mode)
{
	char *at =
	    folder == NULL ? str_dup(path) : str_fmt("%s/%s", folder, path);
	FILE *f = fopen(at, mode);

	if (f == NULL || (len > 0 && fwrite(data, 1, len, f) != len) ||
	    fclose(f) != 0)
		err(1, "%s", at);
	free(at);
}

/* The body of an HTTP answer inside a record of FastCGI. */
static void
answer_put(const char *folder, const struct record *r)
{
	static const char good[] = "Status: 200", end[] = "\r\n\r\n";
	static unsigned n;
	const uint8_t *data = r->data, *body;
	size_t len = r->head.data_len;
	char of[32];

	body = memmem(data, len, end, 4);
	if (body == NULL || memmem(data, len, good, strlen(good)) == NULL)
		return;
	body += 4;
	len -= (size_t)(body - data);
	for (size_t i = 0; i < len; i++)
		if (body[i] < '\n')
			len = i;
	(void)snprintf(of, sizeof(of), "answer.%u", ++n);
	file_put(folder, of, body, len, "w");
}

/* ---- before and after ------------------------------------------------------------------ */

static int
file_load(const char *path, const struct stat *st, int type, struct FTW *at)
{
	int fd;
	void *map;
	struct name *to;

	(void)at;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	to = name_of(path);
	to->disk = to->now = file_new(0);
	if (st->st_size == 0)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	map = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd < 0 || map == MAP_FAILED)
		err(1, "%s", path);
	bytes_add(&file[to->now].disk, map, (size_t)st->st_size);
	(void)munmap(map, (size_t)st->st_size);
	return close(fd);
}

/* Folders are as they were: what is in one that is new has it made. */
static void
folder_make(const char *path)
{
	char *folder = mem_dup(path, (size_t)(strrchr(path, '/') - path));

	if (access(folder, F_OK) != 0) {
		folder_make(folder);
		if (mkdir(folder, 0755) != 0)
			err(1, "%s", folder);
	}
	free(folder);
}

static void
names_leave(void)
{
	for (size_t i = 0; i < names; i++) {
		struct name *at = &name[i];
		size_t k = dice_throw((unsigned)at->n + 1);
		int is = k == 0 ? at->disk : at->wish[k - 1].file;

		if (is < 0) {
			(void)unlink(at->path);
			continue;
		}
		folder_make(at->path);
		file_put(
		    NULL, at->path, file[is].disk.data, file[is].disk.len, "w");
	}
}

static void
power_off(void)
{
	for (size_t i = 0; i < files; i++)
		for (size_t k = 0; k < file[i].n; k++)
			settle_some(&file[i].disk, &file[i].change[k]);
	names_leave();
}

static int
word_add(const char *journal, const char *text)
{
	struct power_head head = {.magic = POWER_MAGIC,
	    .op = POWER_TOLD,
	    .data_len = (uint32_t)strlen(text) + 1};
	struct bytes all = {0};
	int fd = open(journal, O_WRONLY | O_APPEND | O_CLOEXEC);

	bytes_add(&all, &head, sizeof(head));
	bytes_addf(&all, "%s\n", text);
	if (fd < 0 || write(fd, all.data, all.len) != (ssize_t)all.len)
		err(1, "%s", journal);
	bytes_free(&all);
	return close(fd);
}

int
main(int argc, char **argv)
{
	const char *word = NULL;
	bool count = false;
	struct stat st;
	struct record r;
	const uint8_t *at, *end;
	size_t order = 0, place;
	int opt, fd;

	while ((opt = getopt(argc, argv, "lns:t:")) != -1)
		if (opt == 'l')
			lying = true;
		else if (opt == 'n')
			count = true;
		else if (opt == 's')
			dice = (unsigned)atoi(optarg);
		else if (opt == 't')
			word = optarg;
		else
			return 2;
	if (argc - optind != (count || word != NULL ? 1 : 4))
		errx(2, "see the top of tests/tools/power.c");
	if (word != NULL)
		return word_add(argv[optind], word);
	fd = open(argv[optind], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		err(1, "%s", argv[optind]);
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		err(1, "mmap");
	end = at + st.st_size;
	place = count ? SIZE_MAX : (size_t)atol(argv[optind + 2]);
	if (!count && nftw(argv[optind + 1], file_load, 16, FTW_PHYS) != 0)
		err(1, "%s", argv[optind + 1]);
	for (; order < place && record_next(&r, &at, end); order++) {
		if (count)
			;
		else if (r.head.op == POWER_SAID)
			answer_put(argv[optind + 3], &r);
		else if (r.head.op == POWER_TOLD)
			file_put(argv[optind + 3], "told", r.data,
			    r.head.data_len, "a");
		else
			play(&r, order);
		free(r.path);
		free(r.other);
	}
	if (count)
		printf("%zu\n", order);
	else
		power_off();
	return 0;
}
