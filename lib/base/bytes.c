#include "lib/base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

static void *
mem_must(void *p)
{
	if (p == NULL) {
		(void)fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

/* OpenSSL's functions take what they did not get for bad input: a request
 * would be called malformed, and a certificate another one. */
static void *
openssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n != 0 ? mem_must(malloc(n)) : NULL;
}

static void *
openssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n != 0)
		return mem_must(realloc(p, n));
	free(p);
	return NULL;
}

static void
openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* Before its first allocation; later it would refuse. */
__attribute__((constructor)) static void
openssl_set_up(void)
{
	(void)CRYPTO_set_mem_functions(
	    openssl_malloc, openssl_realloc, openssl_free);
}

void *
mem_new(size_t size)
{
	return mem_must(calloc(1, size != 0 ? size : 1));
}

void *
mem_grow(void *p, size_t n, size_t size)
{
	return mem_must(reallocarray(p, n != 0 ? n : 1, size));
}

void *
mem_dup(const void *p, size_t len)
{
	char *copy = mem_new(len + 1);

	if (len > 0)
		memcpy(copy, p, len);
	return copy;
}

char *
str_dup(const char *s)
{
	return s != NULL ? mem_dup(s, strlen(s)) : NULL;
}

static char *str_vfmt(const char *fmt, va_list ap) PRINTF_LIKE(1, 0);

static char *
str_vfmt(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	return mem_must(s);
}

char *
str_fmt(const char *fmt, ...)
{
	char *s;
	va_list ap;

	va_start(ap, fmt);
	s = str_vfmt(fmt, ap);
	va_end(ap);
	return s;
}

void
bytes_room(struct bytes *b, size_t len)
{
	size_t want = b->len + len + 1;

	if (want <= b->size)
		return;
	if (want < 2 * b->size)
		want = 2 * b->size;
	if (want < 64)
		want = 64;
	b->data = mem_grow(b->data, want, 1);
	b->size = want;
}

void
bytes_add(struct bytes *b, const void *p, size_t len)
{
	bytes_room(b, len);
	if (len > 0)
		memcpy(b->data + b->len, p, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
bytes_addc(struct bytes *b, char c)
{
	bytes_add(b, &c, 1);
}

void
bytes_adds(struct bytes *b, const char *s)
{
	bytes_add(b, s, strlen(s));
}

void
bytes_addf(struct bytes *b, const char *fmt, ...)
{
	char *s;
	va_list ap;

	va_start(ap, fmt);
	s = str_vfmt(fmt, ap);
	va_end(ap);
	bytes_adds(b, s);
	free(s);
}

void
bytes_free(struct bytes *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void
bytes_wipe(struct bytes *b)
{
	if (b->data != NULL)
		OPENSSL_cleanse(b->data, b->size);
	bytes_free(b);
}

struct span
span_of(const struct bytes *b)
{
	return (struct span){b->data, b->len};
}

struct span
span_str(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len &&
	       (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void
sha256(uint8_t out[SHA256_LEN], struct span in)
{
	SHA256(in.data, in.len, out);
}

/* Value of a base64 digit, -1: none, -2: white space, -3: padding. */
static int
base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
		return -2;
	return c == '=' ? -3 : -1;
}

int
base64_read(struct bytes *out, struct span in, struct fail *why)
{
	uint32_t bits = 0;
	unsigned digits = 0, pads = 0;
	size_t start = out->len;
	uint8_t *p;

	bytes_room(out, in.len / 4 * 3 + 3);
	p = out->data + start;
	for (size_t i = 0; i < in.len; i++) {
		int v = base64_digit(in.data[i]);

		if (v == -2)
			continue;
		if (v == -3) {
			if (++pads > 2)
				goto bad;
			continue;
		}
		if (v < 0 || pads > 0)
			goto bad;
		bits = bits << 6 | (uint32_t)v;
		if (++digits % 4 == 0) {
			*p++ = (uint8_t)(bits >> 16);
			*p++ = (uint8_t)(bits >> 8);
			*p++ = (uint8_t)bits;
			bits = 0;
		}
	}
	if (digits == 0 && pads == 0)
		return fail(why, FAIL_MALFORMED, "body-empty",
		    "the body is empty; wanted: base64 of DER");
	/* RFC 4648, 3.2, 3.5: padding is whole and the unused bits are zero. */
	if ((digits + pads) % 4 != 0)
		goto bad;
	if (pads == 2) {
		if ((bits & 0xf) != 0)
			goto bad;
		*p++ = (uint8_t)(bits >> 4);
	} else if (pads == 1) {
		if ((bits & 0x3) != 0)
			goto bad;
		*p++ = (uint8_t)(bits >> 10);
		*p++ = (uint8_t)(bits >> 2);
	}
	out->len = (size_t)(p - out->data);
	out->data[out->len] = '\0';
	return 0;
bad:
	out->data[start] = '\0';
	return fail(why, FAIL_MALFORMED, "base64",
	    "RFC 8951, 3: the body is not base64 of DER");
}

void
base64_write(struct bytes *out, struct span in, unsigned line)
{
	static const char digit[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned column = 0;

	for (size_t i = 0; i < in.len; i += 3) {
		size_t n = in.len - i < 3 ? in.len - i : 3;
		uint32_t v = (uint32_t)in.data[i] << 16;
		char quad[4];

		if (n > 1)
			v |= (uint32_t)in.data[i + 1] << 8;
		if (n > 2)
			v |= in.data[i + 2];
		quad[0] = digit[v >> 18];
		quad[1] = digit[v >> 12 & 63];
		quad[2] = n > 1 ? digit[v >> 6 & 63] : '=';
		quad[3] = n > 2 ? digit[v & 63] : '=';
		bytes_add(out, quad, 4);
		column += 4;
		if (line != 0 && column >= line && i + 3 < in.len) {
			bytes_addc(out, '\n');
			column = 0;
		}
	}
	bytes_addc(out, '\n');
}

void
hex_write(char *out, struct span in, bool upper)
{
	const char *digit = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	for (size_t i = 0; i < in.len; i++) {
		*out++ = digit[in.data[i] >> 4];
		*out++ = digit[in.data[i] & 15];
	}
	*out = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
hex_read(struct bytes *out, const char *text)
{
	size_t len = strlen(text);

	if (len % 2 != 0)
		return false;
	for (size_t i = 0; i < len; i += 2) {
		int hi = hex_digit(text[i]), lo = hex_digit(text[i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		bytes_addc(out, (char)(hi << 4 | lo));
	}
	return true;
}

void
text_escape(struct bytes *out, struct span in)
{
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.data[i];

		if (c >= 0x20 && c < 0x7f && c != '\\')
			bytes_addc(out, (char)c);
		else
			bytes_addf(out, "\\x%02x", c);
	}
}
