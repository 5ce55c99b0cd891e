/*
 * cgi - plain CGI (RFC 3875): one request from the environment and standard
 * input, its answer to standard output.
 */
#ifndef MICROCA_CGI_H
#define MICROCA_CGI_H

#include "lib/web/edge.h"

void cgi_edge(struct edge *e);

#endif
