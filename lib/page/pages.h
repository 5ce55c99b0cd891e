/*
 * pages - what /inventory/ answers: the views of views.h filled, written by
 * render.h.
 */
#ifndef MICROCA_PAGES_H
#define MICROCA_PAGES_H

#include "lib/page/front.h"
#include "lib/page/views.h"

/* For struct front_site: its pages, its files, its refuse. */
extern const struct front_route pages_routes[], pages_files[];
void pages_refuse(
    struct bytes *out, const struct ask *ask, const struct fail *why);

/* Inner parts.  What every page has: */
struct view pages_view(const struct ask *ask);
/* pages_home.c */
int pages_home(struct ask *ask, struct sheet *sheet, struct fail *why);
/* pages_act.c */
int pages_cert(struct ask *ask, struct sheet *sheet, struct fail *why);
int pages_pending(struct ask *ask, struct sheet *sheet, struct fail *why);
/* The question before an act, and the act. */
int pages_cert_ask(struct ask *ask, struct sheet *sheet, struct fail *why);
int pages_cert_act(struct ask *ask, struct sheet *sheet, struct fail *why);
int pages_pending_ask(struct ask *ask, struct sheet *sheet, struct fail *why);
int pages_pending_act(struct ask *ask, struct sheet *sheet, struct fail *why);

#endif
