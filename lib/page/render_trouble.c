/* What is refused: what is wrong, and what to do about it. */
#include <string.h>

#include "lib/page/frame.h"
#include "lib/page/render.h"

struct help {
	const char *reason, *title, *text;
	const char *link, *name; /* or NULL */
};

#define RELOAD                                                                 \
	"Go back, load the page with the form again and send it from there. "  \
	"A form is good for an hour, and for the certificate it was made for."

static const struct help helps[] = {
    {"auth-none", "A certificate is needed",
	"This page is for operators, who show a client certificate of the "
	"operators\xE2\x80\x99 own CA. Import yours into the browser, close "
	"all of its "
	"windows, and come again: it asks which certificate to show.",
	NULL, NULL},
    {"operator-unknown", "You are not listed",
	"The certificate is good, but microca.conf does not name it. Give its "
	"fingerprint to who looks after this CA: it belongs into "
	"inventory, operators.",
	NULL, NULL},
    {"operator-own", "Not with a certificate of this CA",
	"What this CA issues is for devices. Show the certificate that the "
	"operators\xE2\x80\x99 own CA issued to you; close all windows of the "
	"browser to "
	"be asked again which one.",
	NULL, NULL},
    {"operator-role", "Only an operator may do this",
	"You may look at everything. Ask an operator to do it, or who looks "
	"after this CA for the role \xE2\x80\x9Coperator\xE2\x80\x9D in "
	"microca.conf.",
	"/inventory/", "Overview"},
    {"csrf", "The form is not good any more", RELOAD, "/inventory/",
	"Overview"},
    {"unknown-certificate", "There is no such certificate",
	"Nothing is ever removed: the address is not one of this "
	"CA\xE2\x80\x99s. Look "
	"for it by its serial, its fingerprint or its name.",
	"/inventory/certificates", "Search certificates"},
    {"unknown-request", "No such request waits",
	"It was decided by somebody else, was given up, or never was.",
	"/inventory/pending", "Requests that wait"},
    {"request-expired", "The request was given up",
	"Nobody decided in time. The device asks again by itself.",
	"/inventory/pending", "Requests that wait"},
    {"request-issued", "The certificate is issued",
	"The device has it already. It can be revoked.",
	"/inventory/certificates", "Search certificates"},
    {"path", "There is nothing here", "The address is not one of these pages.",
	"/inventory/", "Overview"},
    {"revoked", "It is revoked for good",
	"Only a hold can be taken back. The device needs a new certificate.",
	"/inventory/", "Overview"},
};

/* By its reason, else by its status. */
static struct help
help_of(const struct view_trouble *v)
{
	for (size_t i = 0; i < sizeof(helps) / sizeof(*helps); i++)
		if (strcmp(helps[i].reason, v->reason) == 0)
			return helps[i];
	if (v->view.who == NULL && v->status == 403)
		return (struct help){NULL, "This certificate is not let in",
		    "Show the certificate that the operators\xE2\x80\x99 own "
		    "CA issued to "
		    "you; close all windows of the browser to be asked again "
		    "which one.",
		    NULL, NULL};
	if (v->status == 503)
		return (struct help){NULL, "Not now",
		    "Nothing was changed. Try again in a moment.",
		    "/inventory/", "Overview"};
	if (v->status >= 500)
		return (struct help){NULL, "The service is out of order",
		    "Its log says what is wrong, under this "
		    "request\xE2\x80\x99s number; "
		    "microca check looks for it, too.",
		    NULL, NULL};
	return (struct help){NULL, "This was not done",
	    "Nothing was changed. Go back, and try again with what is said "
	    "above.",
	    v->view.who != NULL ? "/inventory/" : NULL, "Overview"};
}

void
render_trouble(struct bytes *out, const struct view_trouble *v)
{
	const struct help help = help_of(v);
	char hex[2 * SHA256_LEN + 1];

	frame_begin(out, &v->view, FRAME_ELSEWHERE, help.title);
	frame_trouble(out, v->text);
	html_addf(out, "<section class=\"text\"><p>%s</p>\n", help.text);
	if (v->view.who == NULL && v->shown != NULL) {
		hex_write(hex, (struct span){v->shown, SHA256_LEN}, false);
		html_addf(out,
		    "<p>SHA-256 of the certificate that was shown: "
		    "<code>%s</code></p>\n",
		    hex);
	}
	if (help.link != NULL)
		html_addf(out,
		    "<p><a class=\"button\" href=\"%s\">%s</a></p>\n",
		    help.link, help.name);
	html_addf(out,
	    "<p class=\"note\">Answer %d, <code>%s</code>. Request "
	    "<code>%s</code>: %s it under this number.</p></section>\n",
	    v->status, v->reason, v->view.request,
	    /* Who asks for what is not there does no harm. */
	    v->status == 403 ? "log and audit have" : "the log has");
	frame_end(out, &v->view);
}
