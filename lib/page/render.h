/*
 * render - the inventory's pages as HTML.
 *
 * Appended to `out`, complete documents.  Pure but for the files of the CA's
 * own certificates, which the home page looks at.  Every link is a path of
 * this program; nothing external is referred to.
 */
#ifndef MICROCA_PAGE_RENDER_H
#define MICROCA_PAGE_RENDER_H

#include "lib/page/views.h"

void render_home(struct bytes *out, const struct view_home *v);
/* Its parts that are in render_state.c. */
void render_health(struct bytes *out, const struct view_home *v);
void render_lifetimes(struct bytes *out, const struct view_home *v);
void render_list(struct bytes *out, const struct view_list *v);
void render_cert(struct bytes *out, const struct view_cert *v);
void render_pending(struct bytes *out, const struct view_pending *v);
void render_confirm(struct bytes *out, const struct view_confirm *v);
void render_trouble(struct bytes *out, const struct view_trouble *v);

/* Files of the pages: GET /inventory/NAME ("style.css", "script.js"), served
 * to operators with an ETag.  The policy allows 'self' for styles, scripts and
 * images, nothing inline.  NULL: there is none of that name.  `type` is
 * static. */
const char *render_file(const char *name, const char **type);

#endif
