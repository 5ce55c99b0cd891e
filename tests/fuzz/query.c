/* What the inventory is asked: a query, a form. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "lib/page/wish.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct fields fields = {0};
	struct wish wish = {0};
	struct fail why = {0};

	if (fields_read(&fields, text, &why) == 0) {
		if (wish_read(&wish, &fields, 1700000000, &why) == 0)
			fuzz_taken++;
		wish_free(&wish);
	}
	fields_free(&fields);
	free(text);
	return 0;
}
