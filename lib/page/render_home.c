#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/ca/issuers.h"
#include "lib/ca/settings_own.h"
#include "lib/page/frame.h"
#include "lib/page/render.h"
#include "lib/wire/name.h"

#define WEEK (7 * 86400)

/* ---- how it is ----------------------------------------------------------- */

/* Each line is "STATE: WORD: …" (findings.h). */
static void
detail(struct bytes *out, const char *line, size_t len)
{
	char *text = mem_dup(line, len);
	char *rest = strstr(text, ": ");

	if (rest != NULL) {
		*rest = '\0';
		html_addf(out,
		    "<li><span class=\"state %s\">%s</span> %s</li>\n", text,
		    text, rest + 2);
	} else {
		html_addf(out, "<li>%s</li>\n", text);
	}
	free(text);
}

static void
health(struct bytes *out, const struct view_home *v)
{
	const char *line = v->details;

	html_addf(out,
	    "<section aria-labelledby=\"health\"><h2 id=\"health\">Health "
	    "<span class=\"state %s\">%s</span></h2>\n",
	    v->health, v->health);
	if (*line != '\0')
		bytes_adds(out, "<ul class=\"plain\">\n");
	while (*line != '\0') {
		size_t len = strcspn(line, "\n");

		detail(out, line, len);
		line += len + (line[len] == '\n');
	}
	if (*v->details != '\0')
		bytes_adds(out, "</ul>\n");
	bytes_adds(out, "</section>\n");
}

/* ---- figures ------------------------------------------------------------- */

static void
tile(struct bytes *out, int64_t n, const char *what, const char *link)
{
	bytes_adds(out, "<li>");
	if (link != NULL)
		html_addf(out, "<a href=\"/inventory/%s\">", link);
	bytes_adds(out, "<strong>");
	html_count(out, n);
	html_addf(out, "</strong> %s", what);
	bytes_adds(out, link != NULL ? "</a></li>\n" : "</li>\n");
}

static void
tiles(struct bytes *out, const struct census *c)
{
	int64_t soon = 0;

	for (int i = 0; i < 4; i++)
		soon += c->week[i];
	bytes_adds(out, "<ul class=\"tiles\">\n");
	tile(out, c->certificates, "issued", "certificates");
	tile(out, c->good, "good", "certificates?state=good");
	tile(out, soon, "end in four weeks",
	    "certificates?state=expiring&within=28d&order=ending");
	tile(out, c->expired, "expired", "certificates?state=expired");
	tile(out, c->revoked, "revoked", "certificates?state=revoked");
	tile(out, c->held, "on hold", "certificates?state=held");
	tile(out, c->pending, "requests wait", "pending");
	tile(out, c->outbox, "to be told to the cloud", NULL);
	tile(out, c->dead, "devices that the cloud refuses", NULL);
	tile(out, c->audit, "records in the audit", NULL);
	bytes_adds(out, "</ul>\n");
}

static void
figures(struct bytes *out, const struct view_home *v)
{
	const struct census *c = v->census;
	const struct chart issued = {.id = "issued",
	    .title = "Issued in 30 days",
	    .column = "Day",
	    .begin = c->day_begin,
	    .step = 86400,
	    .count = c->day,
	    .n = CENSUS_DAYS};
	const struct chart ending = {.id = "ending",
	    .title = "Good ones that end, by week",
	    .column = "Week from",
	    .begin = c->when,
	    .step = WEEK,
	    .count = c->week,
	    .n = CENSUS_WEEKS};

	bytes_adds(out, "<section aria-labelledby=\"figures\">"
			"<h2 id=\"figures\">Certificates</h2>\n");
	tiles(out, c);
	bytes_adds(out, "<div class=\"charts\">\n");
	chart_bars(out, &issued);
	chart_bars(out, &ending);
	bytes_adds(out, "</div>\n<p class=\"note\">Counted ");
	html_ago(out, c->when, v->view.now + (c->when >= v->view.now));
	bytes_adds(out, "; ");
	html_count(out, c->later);
	html_addf(out, " end after %d weeks.</p>\n</section>\n", CENSUS_WEEKS);
}

/* ---- what ends ----------------------------------------------------------- */

static void
life(struct bytes *out, const char *kind, const X509 *cert, int64_t now)
{
	int64_t begin = cert_time_of(X509_get0_notBefore(cert)),
		end = cert_time_of(X509_get0_notAfter(cert));
	char *subject = name_text(X509_get_subject_name(cert));

	html_addf(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td>", kind,
	    *subject != '\0' ? subject : "(no subject)");
	html_day(out, end);
	bytes_adds(out, "</td><td>");
	html_ago(out, end, now);
	bytes_adds(out, "</td><td>");
	if (end > begin)
		chart_share(out, "Used of its time",
		    (double)(now - begin) / (double)(end - begin));
	bytes_adds(out, "</td></tr>\n");
	free(subject);
}

static void
issuers_write(struct bytes *out, const struct issuers *all, int64_t now)
{
	for (size_t i = 0; all != NULL && i < all->n; i++) {
		const struct issuer *one = all->item[i];
		char *kind = str_fmt("Issuer, %s",
		    issuer_state_word(issuers_state(all, one, now)));

		life(out, kind, one->authority->issuer, now);
		free(kind);
	}
	if (all != NULL) {
		const STACK_OF(X509) *chain =
		    issuers_active(all, now)->authority->chain;

		for (int i = 1; i < sk_X509_num(chain); i++)
			life(out, "Above it", sk_X509_value(chain, i), now);
	}
}

/* Those that `microca renew` looks after: certificates alone, their keys are
 * not this program's affair. */
static void
own_write(struct bytes *out, const struct settings *s, int64_t now)
{
	for (int i = OWN_CLIENT; i <= OWN_SERVER; i++) {
		char *path = str_fmt(
		    "%s/own/%s/current/cert.pem", s->state, own_name_word(i));
		char *kind = str_fmt("Our own: %s", own_name_word(i));
		STACK_OF(X509) *certs = NULL;
		struct fail why = {0};

		if (settings_own(s, i) != NULL && i != OWN_INTERMEDIATE &&
		    cert_file_read(&certs, path, &why) == 0)
			life(out, kind, sk_X509_value(certs, 0), now);
		sk_X509_pop_free(certs, X509_free);
		free(kind);
		free(path);
	}
}

static void
lifetimes(struct bytes *out, const struct view_home *v)
{
	bytes_adds(out,
	    "<section aria-labelledby=\"ends\"><h2 id=\"ends\">"
	    "What this CA lives by</h2>\n<div class=\"scroll\" tabindex=\"0\" "
	    "role=\"group\" aria-labelledby=\"ends\"><table>"
	    "<thead><tr><th scope=\"col\">What</th>"
	    "<th scope=\"col\">Subject</th><th scope=\"col\">Ends</th>"
	    "<th scope=\"col\">That is</th><th scope=\"col\">Time used</th>"
	    "</tr></thead><tbody>\n");
	issuers_write(out, v->view.ca->issuers, v->view.now);
	own_write(out, v->view.ca->settings, v->view.now);
	bytes_adds(out, "</tbody></table></div>\n");
}

static void
disk(struct bytes *out, const struct view_home *v)
{
	if (v->disk_free >= 0) {
		bytes_adds(out, "<p>Disk: ");
		html_count(out, v->disk_free / (1024 * 1024));
		bytes_adds(out, " MiB are free, ");
		html_count(out, v->disk_reserve / (1024 * 1024));
		bytes_adds(out, " MiB are kept in reserve.</p>\n");
	}
	bytes_adds(out, "</section>\n");
}

void
render_home(struct bytes *out, const struct view_home *v)
{
	frame_begin(out, &v->view, FRAME_HOME, "Overview");
	health(out, v);
	figures(out, v);
	lifetimes(out, v);
	disk(out, v);
	frame_end(out, &v->view);
}
