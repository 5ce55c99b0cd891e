/*
 * body - the bodies of bad requests, from a table of what stands in them.
 *
 * usage: body KEY FOLDER <TABLE
 *
 * Each line of TABLE is NAME, a tab and an expression, or "=NAME", a tab and
 * what the later lines mean by @NAME.  Each NAME becomes FOLDER/NAME, base64 in
 * lines of 64.  KEY is a P-256 key in PEM.  An expression is a row of
 *
 *	30 82         octets
 *	"text"        octets; no escapes
 *	30{ … }       an element of DER with that tag
 *	#1.2.3        an OBJECT IDENTIFIER
 *	*9{ … }       nine times
 *	^9{ … }       inside nine SEQUENCEs
 *	@NAME         what was defined; @NAME{ … } where "$" stands in it
 *	<FILE>        the octets of FOLDER/FILE
 *	key           KEY's SubjectPublicKeyInfo
 *	signed{ … }   PKCS#10: the content of a CertificationRequestInfo, made a
 *	              SEQUENCE, and signed by KEY with SHA-256
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lib/base/bytes.h"
#include "lib/wire/der.h"
#include "tests/unit/made.h"

struct given {
	char name[32];
	char *text;
};

static struct given given[256];
static size_t given_len;
static EVP_PKEY *key;
static const char *folder;
static const char *line; /* in work, for complaints */

static void row(struct bytes *out, const char **p, struct span arg);

static void
wrong(const char *what, const char *at)
{
	errx(2, "%s: %.40s\nin: %.200s", what, at, line);
}

/* The word at *p, made of letters, digits, '.', '_' and '-'. */
static void
word(char *out, size_t size, const char **p)
{
	size_t n = 0;

	while (isalnum((unsigned char)**p) || strchr("._-", **p) != NULL) {
		if (**p == '\0' || n + 1 == size)
			break;
		out[n++] = *(*p)++;
	}
	out[n] = '\0';
	if (n == 0)
		wrong("a word is missing", *p);
}

/* "{ … }": its octets. */
static struct bytes
braces(const char **p, struct span arg)
{
	struct bytes inner = {0};

	if (**p != '{')
		wrong("not {", *p);
	(*p)++;
	row(&inner, p, arg);
	if (**p != '}')
		wrong("not }", *p);
	(*p)++;
	return inner;
}

static void
file_add(struct bytes *out, const char *name)
{
	char path[4096], part[4096];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	if ((f = fopen(path, "rb")) == NULL)
		err(2, "%s", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		bytes_add(out, part, n);
	(void)fclose(f);
}

static void
use(struct bytes *out, const char **p, struct span arg)
{
	struct bytes inner = {0};
	const char *text = NULL;
	char name[32];

	(*p)++;
	word(name, sizeof(name), p);
	for (size_t i = 0; i < given_len; i++)
		if (strcmp(given[i].name, name) == 0)
			text = given[i].text;
	if (text == NULL)
		wrong("not defined", name);
	if (**p == '{')
		inner = braces(p, arg);
	row(out, &text, span_of(&inner));
	bytes_free(&inner);
}

static void
times(struct bytes *out, const char **p, struct span arg)
{
	char *end;
	bool nested = **p == '^';
	long n = strtol(*p + 1, &end, 10);
	struct bytes inner;

	*p = end;
	inner = braces(p, arg);
	for (; nested && n > 1; n--)
		wrap(&inner, DER_SEQUENCE);
	if (nested)
		der_put(out, DER_SEQUENCE, span_of(&inner));
	for (; !nested && n > 0; n--)
		bytes_add(out, inner.data, inner.len);
	bytes_free(&inner);
}

/* What begins with a letter or digit. */
static void
octets(struct bytes *out, const char **p, struct span arg)
{
	struct bytes inner;
	unsigned octet;

	if (strncmp(*p, "key", 3) == 0) {
		*p += 3;
		put_key_spki(out, key);
		return;
	}
	if (strncmp(*p, "signed{", 7) == 0) {
		*p += 6;
		inner = braces(p, arg);
		wrap(&inner, DER_SEQUENCE);
		put_signed(out, span_of(&inner), key);
		bytes_free(&inner);
		return;
	}
	if (!isxdigit((unsigned char)(*p)[0]) ||
	    !isxdigit((unsigned char)(*p)[1]) || sscanf(*p, "%2x", &octet) != 1)
		wrong("no octet", *p);
	*p += 2;
	if (**p != '{') {
		bytes_addc(out, (char)octet);
		return;
	}
	inner = braces(p, arg);
	der_put(out, octet, span_of(&inner));
	bytes_free(&inner);
}

/* Everything up to the end or a '}' that is not ours. */
static void
row(struct bytes *out, const char **p, struct span arg)
{
	char name[256];
	const char *end;

	for (; **p != '\0' && **p != '}';) {
		switch (**p) {
		case ' ':
			(*p)++;
			break;
		case '$':
			(*p)++;
			bytes_add(out, arg.data, arg.len);
			break;
		case '"':
			if ((end = strchr(*p + 1, '"')) == NULL)
				wrong("no end", *p);
			bytes_add(out, *p + 1, (size_t)(end - *p - 1));
			*p = end + 1;
			break;
		case '#':
			(*p)++;
			word(name, sizeof(name), p);
			put_oid(out, name);
			break;
		case '<':
			(*p)++;
			word(name, sizeof(name), p);
			file_add(out, name);
			(*p)++;
			break;
		case '@':
			use(out, p, arg);
			break;
		case '*':
		case '^':
			times(out, p, arg);
			break;
		default:
			octets(out, p, arg);
		}
	}
}

static void
write_base64(const char *name, struct span der)
{
	struct bytes text = {0};
	char path[4096];
	FILE *f;

	base64_write(&text, der, 64);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	if ((f = fopen(path, "wb")) == NULL ||
	    fwrite(text.data, 1, text.len, f) != text.len || fclose(f) != 0)
		err(2, "%s", path);
	bytes_free(&text);
}

static void
made(char *name, const char *text)
{
	struct bytes der = {0};

	if (*name == '=') {
		if (given_len == COUNT(given))
			errx(2, "too many definitions");
		(void)snprintf(given[given_len].name, sizeof(given[0].name),
		    "%s", name + 1);
		given[given_len++].text = strdup(text);
		return;
	}
	row(&der, &text, (struct span){0});
	if (*text != '\0')
		wrong("more }", text);
	write_base64(name, span_of(&der));
	bytes_free(&der);
}

int
main(int argc, char **argv)
{
	char *text = NULL, *tab;
	size_t size = 0;
	FILE *f;

	if (argc != 3)
		errx(2, "usage: body KEY FOLDER <TABLE");
	folder = argv[2];
	if ((f = fopen(argv[1], "r")) == NULL)
		err(2, "%s", argv[1]);
	if ((key = PEM_read_PrivateKey(f, NULL, NULL, NULL)) == NULL)
		errx(2, "%s: no key", argv[1]);
	(void)fclose(f);
	while (getline(&text, &size, stdin) > 0) {
		line = text;
		text[strcspn(text, "\n")] = '\0';
		if ((tab = strchr(text, '\t')) == NULL)
			errx(2, "no tab: %s", text);
		*tab = '\0';
		made(text, tab + 1);
	}
	for (size_t i = 0; i < given_len; i++)
		free(given[i].text);
	free(text);
	EVP_PKEY_free(key);
	return 0;
}
