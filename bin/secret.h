/*
 * secret - inner part of microca secret: orders for new secrets, one or a file
 * of them.
 */
#ifndef MICROCA_SECRET_H
#define MICROCA_SECRET_H

#include "bin/microca.h"

/* One secret to be made.  Strings owned. */
struct order {
	char *endpoint, *device;
	int64_t expires; /* s from now */
	size_t line;     /* of the file; 0: from the command line */
};
struct orders {
	struct order *item;
	size_t n;
};
void orders_add(struct orders *orders, const char *endpoint, const char *device,
    int64_t expires, size_t line);
void orders_free(struct orders *orders);

/*
 * RFC 4180: endpoint,device[,expires] a row, a header or none, `expires` where
 * a row has none of its own.  FAIL_MALFORMED "csv" with the line.
 */
MUST_CHECK int orders_read(
    struct orders *orders, struct span csv, int64_t expires, struct fail *why);

/* microca secret list. */
command_run secret_list;

#endif
