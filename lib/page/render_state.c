/* The overview: how this CA is, and what it lives by. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/ca/issuers.h"
#include "lib/ca/responder.h"
#include "lib/ca/settings_own.h"
#include "lib/page/frame.h"
#include "lib/page/render.h"
#include "lib/wire/name.h"

/* ---- how it is ----------------------------------------------------------- */

static void
finding(struct bytes *out, const struct finding *f)
{
	html_addf(out,
	    "<li><span class=\"state %s\">%s</span> %s%s%s "
	    "<code>%s</code></li>\n",
	    vitals_word(f->state), vitals_word(f->state), f->about,
	    *f->about != '\0' ? ": " : "", f->text, f->word);
}

static void
findings(struct bytes *out, const struct findings *f)
{
	if (f->n == 0) {
		bytes_adds(out, "<p>Nothing is wrong.</p>\n");
		return;
	}
	bytes_adds(out, "<ul class=\"plain\">\n");
	for (size_t i = 0; i < f->n; i++)
		finding(out, &f->item[i]);
	bytes_adds(out, "</ul>\n");
}

static void
word(struct bytes *out, const char *label, const char *word)
{
	bool ok = strcmp(word, "ok") == 0;

	html_addf(out,
	    "<td data-label=\"%s\"><span class=\"state %s\">%s</span></td>",
	    label, ok ? "ok" : "down", word);
}

static void
program(
    struct bytes *out, const struct view_program *p, const struct view *view)
{
	html_addf(out, "<tr><th scope=\"row\"><code>%s</code></th>", p->name);
	if (p->pulse.when == 0) {
		html_addf(out, "<td colspan=\"4\">%s</td></tr>\n",
		    view->ca->settings->allow_cgi
			? "runs for each request by itself"
			: "no sign of life");
		return;
	}
	word(out, "Token", p->pulse.key);
	word(out, "Store", p->pulse.store);
	word(out, "Issuer", p->pulse.issuer);
	bytes_adds(out, "<td data-label=\"Said\">");
	html_ago(out, p->pulse.when, view->now + (p->pulse.when >= view->now));
	bytes_adds(out, "</td></tr>\n");
}

static void
programs(struct bytes *out, const struct view_home *v)
{
	if (v->programs == 0)
		return;
	bytes_adds(out,
	    "<table class=\"cards\"><caption>What the programs that sign say"
	    "</caption><thead><tr><th scope=\"col\">Program</th>"
	    "<th scope=\"col\">Token</th><th scope=\"col\">Store</th>"
	    "<th scope=\"col\">Issuer</th><th scope=\"col\">Said</th>"
	    "</tr></thead><tbody>\n");
	for (size_t i = 0; i < v->programs; i++)
		program(out, &v->program[i], &v->view);
	bytes_adds(out, "</tbody></table>\n");
}

static void
disk(struct bytes *out, const struct view_home *v)
{
	if (v->disk_size <= 0)
		return;
	bytes_adds(out, "<p class=\"disk\">Disk ");
	chart_share(
	    out, "Disk used", 1 - (double)v->disk_free / (double)v->disk_size);
	bytes_adds(out, "<span>");
	html_size(out, v->disk_free);
	bytes_adds(out, " of ");
	html_size(out, v->disk_size);
	bytes_adds(out, " are free, of which ");
	html_size(out, v->view.ca->settings->disk_reserve);
	bytes_adds(out, " are kept in reserve");
	if (v->database >= 0) {
		bytes_adds(out, "; the database has ");
		html_size(out, v->database);
	}
	bytes_adds(out, ".</span></p>\n");
}

void
render_health(struct bytes *out, const struct view_home *v)
{
	const char *state = vitals_word(v->findings->state);

	html_addf(out,
	    "<section aria-labelledby=\"health\"><h2 id=\"health\">Health "
	    "<span class=\"state %s\">%s</span></h2>\n",
	    state, state);
	findings(out, v->findings);
	programs(out, v);
	disk(out, v);
	bytes_adds(out, "</section>\n");
}

/* ---- what ends ----------------------------------------------------------- */

static void
life(struct bytes *out, const char *kind, const X509 *cert, int64_t now)
{
	int64_t begin = cert_time_of(X509_get0_notBefore(cert)),
		end = cert_time_of(X509_get0_notAfter(cert));
	char *subject = name_text(X509_get_subject_name(cert));

	html_addf(out,
	    "<li><span class=\"kind\">%s</span> <strong>%s</strong>\n", kind,
	    *subject != '\0' ? subject : "(no subject)");
	if (end > begin && end < WHEN_FOREVER)
		chart_share(out, "Used of its time",
		    (double)(now - begin) / (double)(end - begin));
	bytes_adds(out, "<span class=\"note\">");
	if (end >= WHEN_FOREVER) {
		bytes_adds(out, "without end");
	} else {
		bytes_adds(out, end > now ? "ends " : "ended ");
		html_day(out, end);
		bytes_adds(out, ", ");
		html_ago(out, end, now);
	}
	bytes_adds(out, "</span></li>\n");
	free(subject);
}

static void
responder_write(struct bytes *out, const struct settings *s,
    const struct issuer *issuer, int64_t now)
{
	struct responder r = {0};
	struct fail why = {0};

	if (responders_wanted(s) && responder_read(&r, s, issuer, &why) == 0 &&
	    r.cert != NULL)
		life(out, "OCSP responder", r.cert, now);
	responder_free(&r);
}

static void
issuers_write(struct bytes *out, const struct settings *s,
    const struct issuers *all, int64_t now)
{
	for (size_t i = 0; all != NULL && i < all->n; i++) {
		const struct issuer *one = all->item[i];
		char *kind = str_fmt("Issuer, %s",
		    issuer_state_word(issuers_state(all, one, now)));

		life(out, kind, one->authority->issuer, now);
		responder_write(out, s, one, now);
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
		char *kind = str_fmt("Our own, %s", own_name_word(i));
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

void
render_lifetimes(struct bytes *out, const struct view_home *v)
{
	const struct settings *s = v->view.ca->settings;

	bytes_adds(out, "<section aria-labelledby=\"ends\"><h2 id=\"ends\">"
			"What this CA lives by</h2>\n<ul class=\"rows\">\n");
	issuers_write(out, s, v->view.ca->issuers, v->view.now);
	own_write(out, s, v->view.now);
	bytes_adds(out, "</ul>\n</section>\n");
}
