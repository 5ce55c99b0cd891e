#include "lib/wire/multipart.h"

#include <string.h>

#include <openssl/rand.h>

#define LINE 64
#define PART_HEAD_MAX 256

/* RFC 2046, 5.1.1: what is between boundaries must not hold one.  Base64 has
 * no hyphen, so two and a boundary never stand in it; at random all the same,
 * so that nobody can rely on one. */
static void
boundary_make(char boundary[MULTIPART_BOUNDARY_LEN])
{
	uint8_t random[(MULTIPART_BOUNDARY_LEN - 1) / 2];

	if (RAND_bytes(random, sizeof(random)) != 1)
		memset(random, 0, sizeof(random));
	hex_write(boundary, (struct span){random, sizeof(random)}, false);
}

/* RFC 2045, 6.8: lines end in CR LF. */
static void
base64_lines(struct bytes *body, struct span content)
{
	const size_t octets = LINE / 4 * 3;

	while (content.len > 0) {
		size_t n = content.len < octets ? content.len : octets;

		base64_write(body, (struct span){content.data, n}, 0);
		body->data[body->len - 1] = '\r';
		bytes_addc(body, '\n');
		content.data += n;
		content.len -= n;
	}
}

void
multipart_write(struct bytes *body, char boundary[MULTIPART_BOUNDARY_LEN],
    const struct multipart_part *parts, size_t n)
{
	size_t room = PART_HEAD_MAX;

	/* A key is among the parts: no copy of it stays behind. */
	for (size_t i = 0; i < n; i++)
		room += PART_HEAD_MAX + parts[i].content.len / 3 * 4 +
		        parts[i].content.len / 20;
	bytes_room(body, room);
	boundary_make(boundary);
	for (size_t i = 0; i < n; i++) {
		bytes_addf(body,
		    "--%s\r\nContent-Type: %s\r\n"
		    "Content-Transfer-Encoding: base64\r\n\r\n",
		    boundary, parts[i].type);
		base64_lines(body, parts[i].content);
	}
	bytes_addf(body, "--%s--\r\n", boundary);
}
