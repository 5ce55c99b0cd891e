/*
 * cgi - plain CGI (RFC 3875): one request from the environment and standard
 * input, its answer to standard output.
 */
#ifndef MICROCA_CGI_H
#define MICROCA_CGI_H

#include "lib/web/edge.h"

void cgi_edge(struct edge *e);
/*
 * After the answer: what is left of the body is read, within bounds, and what
 * `e` owns freed.  Whoever ends with a part unread resets Apache's connection
 * to it, and the client waits for an end of the answer that never comes.
 */
void cgi_end(struct edge *e);

#endif
