#include "lib/wire/certsonly.h"

#include "lib/wire/der.h"

static const struct span signed_data =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
static const struct span data =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");
static const struct span one = DER_LITERAL("\x01");
static const struct span nothing = {0};

/* Append `content` and empty it. */
static void
wrap(struct bytes *out, unsigned tag, struct bytes *content)
{
	der_put(out, tag, span_of(content));
	bytes_free(content);
}

void
certsonly_write(struct bytes *out, const struct span *certs, size_t n)
{
	struct bytes body = {0}, part = {0};

	/* RFC 5652, 5.1: version 1 with id-data and no signers. */
	der_put(&body, DER_INTEGER, one);
	der_put(&body, DER_SET, nothing);
	der_put(&part, DER_OID, data);
	wrap(&body, DER_SEQUENCE, &part);
	for (size_t i = 0; i < n; i++)
		bytes_add(&part, certs[i].data, certs[i].len);
	if (n > 0)
		wrap(&body, DER_CONTEXT_CONS(0), &part);
	der_put(&body, DER_SET, nothing);

	wrap(&part, DER_SEQUENCE, &body);
	der_put(&body, DER_OID, signed_data);
	wrap(&body, DER_CONTEXT_CONS(0), &part);
	wrap(out, DER_SEQUENCE, &body);
}
