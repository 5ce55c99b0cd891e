#include "tests/tools/fastcgi.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int
fastcgi_connect(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int sock;

	if (strlen(path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path));
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock >= 0 && connect(sock, (struct sockaddr *)&to, sizeof(to)) == 0)
		return sock;
	if (sock >= 0)
		(void)close(sock);
	return -1;
}

void
fastcgi_put(int sock, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(sock, p, len);

		if (n < 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

void
fastcgi_record(
    int sock, int type, int id, const void *data, size_t len, unsigned pad)
{
	uint8_t all[8 + 65535 + 255] = {1, (uint8_t)type, 0, (uint8_t)id,
	    (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)pad, 0};

	if (len > 0)
		memcpy(all + 8, data, len);
	fastcgi_put(sock, all, 8 + len + pad);
}

void
fastcgi_stream(int sock, int type, const char *data, size_t len, unsigned pad)
{
	while (len > 0) {
		size_t n = len < 32768 ? len : 32768;

		fastcgi_record(sock, type, 1, data, n, pad);
		data += n;
		len -= n;
	}
}

void
fastcgi_begin(int sock, int id, int role, bool keep)
{
	uint8_t body[8] = {0, (uint8_t)role, keep ? 1 : 0};

	fastcgi_record(sock, FASTCGI_BEGIN, id, body, sizeof(body), 0);
}

static void
length_put(uint8_t *p, size_t len)
{
	p[0] = (uint8_t)(0x80 | (len >> 24));
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
}

void
fastcgi_param(int sock, const char *name, size_t name_len, const char *value,
    size_t value_len, unsigned pad)
{
	uint8_t head[8];

	length_put(head, name_len);
	length_put(head + 4, value_len);
	fastcgi_stream(
	    sock, FASTCGI_PARAMS, (const char *)head, sizeof(head), pad);
	fastcgi_stream(sock, FASTCGI_PARAMS, name, strlen(name), pad);
	fastcgi_stream(sock, FASTCGI_PARAMS, value, value_len, pad);
}

static int
take(int sock, void *p, size_t len, int patience)
{
	uint8_t *to = p;

	while (len > 0) {
		struct pollfd pfd = {.fd = sock, .events = POLLIN};
		ssize_t n;

		if (poll(&pfd, 1, patience * 1000) == 0)
			return -1;
		n = read(sock, to, len);
		if (n <= 0)
			return 0;
		to += n;
		len -= (size_t)n;
	}
	return 1;
}

int
fastcgi_take(
    int sock, int *type, int *id, uint8_t *data, size_t *len, int patience)
{
	uint8_t head[8];
	int rc = take(sock, head, sizeof(head), patience);

	if (rc != 1)
		return rc;
	*type = head[1];
	*id = head[2] << 8 | head[3];
	*len = (size_t)(head[4] << 8 | head[5]);
	return take(sock, data, *len + head[6], patience);
}
