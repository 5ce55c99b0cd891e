/*
 * bytes - octets owned and octets borrowed, and their text forms.
 *
 * Memory: mem_new() and its kin never return NULL.  Out of memory ends the
 * process and the spawner starts another; sizes are bounded before allocation.
 * So do OpenSSL's allocations in whatever links this.
 *
 * Base64 is RFC 8951, 3.1 over RFC 4648, 4: blanks, tabs, CR and LF anywhere,
 * everything else strict (alphabet, padding, zero trailing bits).
 */
#ifndef MICROCA_BYTES_H
#define MICROCA_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fail.h"

#define SHA256_LEN 32

/* Owned and growable; all zero is empty.  data[len] is always a NUL octet
 * once data is not NULL, so a text can be used as a string. */
struct bytes {
	uint8_t *data;
	size_t len, size;
};

/* Borrowed. */
struct span {
	const uint8_t *data;
	size_t len;
};

void *mem_new(size_t size);                     /* zeroed */
void *mem_grow(void *p, size_t n, size_t size); /* realloc to n*size, checked */
void *mem_dup(const void *p, size_t len); /* a NUL octet follows the copy */
char *str_dup(const char *s);             /* NULL gives NULL */
char *str_fmt(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Room for `len` more octets and the final NUL: adding as many moves nothing,
 * which would leave a secret behind. */
void bytes_room(struct bytes *b, size_t len);
void bytes_add(struct bytes *b, const void *p, size_t len);
void bytes_addc(struct bytes *b, char c);
void bytes_adds(struct bytes *b, const char *s);
void bytes_addf(struct bytes *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void bytes_free(struct bytes *b); /* all zero afterwards */
void bytes_wipe(struct bytes *b); /* the same, cleansed: for secrets */

struct span span_of(const struct bytes *b);
struct span span_str(const char *s);
bool span_equal(struct span a, struct span b);

void sha256(uint8_t out[SHA256_LEN], struct span in);

/*
 * Decode a whole body, appending to `out`.  Fails: FAIL_MALFORMED "base64";
 * "body-empty" when there is nothing but white space.
 */
MUST_CHECK int base64_read(struct bytes *out, struct span in, struct fail *why);
/* Append; `line` characters and LF per line, 0: one line with a final LF. */
void base64_write(struct bytes *out, struct span in, unsigned line);

/* Hex of `in` with a NUL; `out` holds 2 * in.len + 1. */
void hex_write(char *out, struct span in, bool upper);
/* Even number of hex digits, either case; false when it is not. */
MUST_CHECK bool hex_read(struct bytes *out, const char *text);

/*
 * Append `in` with every control, non-ASCII and `\` octet as \xNN: what is
 * safe in one line of a log.
 */
void text_escape(struct bytes *out, struct span in);

#endif
