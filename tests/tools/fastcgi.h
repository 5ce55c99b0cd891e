/*
 * fastcgi - the client's half of FastCGI, for tests that say what no web server
 * would.  A write that fails is not told: the answer says why.
 */
#ifndef MICROCA_TEST_FASTCGI_H
#define MICROCA_TEST_FASTCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FASTCGI_BEGIN = 1,
	FASTCGI_ABORT = 2,
	FASTCGI_END = 3,
	FASTCGI_PARAMS = 4,
	FASTCGI_STDIN = 5,
	FASTCGI_STDOUT = 6
};
enum { FASTCGI_RESPONDER = 1, FASTCGI_AUTHORIZER = 2 };

/* To a Unix socket; -1: errno says why. */
int fastcgi_connect(const char *path);
void fastcgi_put(int sock, const void *data, size_t len);
/* One record, `pad` octets of padding behind it. */
void fastcgi_record(
    int sock, int type, int id, const void *data, size_t len, unsigned pad);
/* As many records as it takes; none ends the stream. */
void fastcgi_stream(
    int sock, int type, const char *data, size_t len, unsigned pad);
void fastcgi_begin(int sock, int id, int role, bool keep);
/* `name_len` may be a lie. */
void fastcgi_param(int sock, const char *name, size_t name_len,
    const char *value, size_t value_len, unsigned pad);
/* One record into `data` of FASTCGI_RECORD_MAX octets.  1: there is one; 0: the
 * connection has ended; -1: nothing came for `patience` s. */
#define FASTCGI_RECORD_MAX (65535 + 255)
int fastcgi_take(
    int sock, int *type, int *id, uint8_t *data, size_t *len, int patience);

#endif
