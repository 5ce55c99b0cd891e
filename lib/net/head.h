/*
 * head - what the headers of an answer say (RFC 9110, 5, 6.3), as they come.
 *
 * Inner part of http.
 */
#ifndef MICROCA_HEAD_H
#define MICROCA_HEAD_H

#include "lib/net/http.h"

/* One line of an answer's head, status lines too; its end may be with it. */
void head_line(struct http_answer *answer, const char *line, size_t len);

#endif
