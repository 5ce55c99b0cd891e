/* An answer of serverkeygen: the first line is its Content-Type. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "lib/wire/multipart.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct multipart_body parts[MULTIPART_PARTS] = {0};
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	struct fail why = {0};
	size_t head;
	char *type;

	if (end == NULL)
		return 0;
	head = (size_t)(end - data);
	type = fuzz_text(data, head);
	if (multipart_read(parts, type, (struct span){end + 1, size - head - 1},
		&why) == 0)
		fuzz_taken++;
	multipart_free(parts);
	free(type);
	return 0;
}
