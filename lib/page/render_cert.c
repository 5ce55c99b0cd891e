#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/page/fields.h"
#include "lib/page/frame.h"
#include "lib/page/render.h"
#include "lib/wire/cert.h"
#include "lib/wire/name.h"

/* ---- what OpenSSL writes ------------------------------------------------- */

/* The text in a memory BIO, without the line's end. */
static void
bio_text(struct bytes *out, BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	char *text = mem_dup(data, len > 0 ? (size_t)len : 0);

	for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
		text[n - 1] = '\0';
	html_text(out, text);
	free(text);
}

static void
extension(struct bytes *out, X509_EXTENSION *ext)
{
	const ASN1_OBJECT *oid = X509_EXTENSION_get_object(ext);
	BIO *bio = BIO_new(BIO_s_mem());
	static const char v3[] = "X509v3 ";
	char name[128];
	int nid = OBJ_obj2nid(oid);
	size_t skip;

	if (nid != NID_undef)
		(void)OBJ_obj2txt(name, sizeof(name), oid, 0);
	else
		(void)OBJ_obj2txt(name, sizeof(name), oid, 1);
	skip = strncmp(name, v3, sizeof(v3) - 1) == 0 ? sizeof(v3) - 1 : 0;
	html_addf(out, "<div><dt>%s%s</dt><dd class=\"pre\">", name + skip,
	    X509_EXTENSION_get_critical(ext) ? " (critical)" : "");
	if (bio != NULL &&
	    X509V3_EXT_print(bio, ext, X509V3_EXT_DUMP_UNKNOWN, 0) == 1)
		bio_text(out, bio);
	bytes_adds(out, "</dd></div>\n");
	BIO_free(bio);
	ERR_clear_error();
}

static void
name_term(struct bytes *out, const char *label, const X509_NAME *name)
{
	char *text = name_text(name);

	frame_term(out, label, *text != '\0' ? text : "(empty)");
	free(text);
}

static void
decoded(struct bytes *out, X509 *x509)
{
	char algorithm[80] = "";
	const X509_ALGOR *alg = X509_get0_tbs_sigalg(x509);
	const ASN1_OBJECT *oid;

	X509_ALGOR_get0(&oid, NULL, NULL, alg);
	(void)OBJ_obj2txt(algorithm, sizeof(algorithm), oid, 0);
	bytes_adds(out, "<section aria-labelledby=\"fields\">"
			"<h2 id=\"fields\">Fields</h2>\n<dl>\n");
	html_addf(out, "<div><dt>Version</dt><dd>%lld</dd></div>\n",
	    (long long)X509_get_version(x509) + 1);
	name_term(out, "Issuer", X509_get_issuer_name(x509));
	name_term(out, "Subject", X509_get_subject_name(x509));
	frame_key(out, X509_get0_pubkey(x509));
	frame_term(out, "Signature", algorithm);
	for (int i = 0; i < X509_get_ext_count(x509); i++)
		extension(out, X509_get_ext(x509, i));
	bytes_adds(out, "</dl>\n</section>\n");
}

/* ---- what the store knows ------------------------------------------------ */

static void
revocation(struct bytes *out, const struct record *r, int64_t now)
{
	if (r->status == STORE_GOOD)
		return;
	frame_time(out, r->status == STORE_HELD ? "On hold since" : "Revoked",
	    r->revoked, now);
	frame_term(out, "Reason", store_reason_word(r->reason));
	frame_time(out, "Not to be trusted since", r->invalid, now);
}

/* Leads to all that it ever had. */
static void
device(struct bytes *out, const char *name)
{
	struct bytes query = {0};

	if (name == NULL || *name == '\0')
		return;
	field_write(&query, "device", name);
	html_addf(out,
	    "<div><dt>Azure device</dt><dd><a "
	    "href=\"/inventory/certificates%s\">%s</a></dd></div>\n",
	    (const char *)query.data, name);
	bytes_free(&query);
}

static void
known(struct bytes *out, const struct view_cert *v)
{
	const struct record *r = v->record;

	bytes_adds(out, "<section aria-labelledby=\"known\">"
			"<h2 id=\"known\">Record</h2>\n<dl>\n"
			"<div><dt>State</dt><dd>");
	frame_state(out, v->state);
	bytes_adds(out, "</dd></div>\n");
	revocation(out, r, v->view.now);
	html_addf(out, "<div><dt>Serial</dt><dd><code>%s</code></dd></div>\n",
	    r->serial);
	frame_sha256(out, "SHA-256", r->sha256);
	frame_time(out, "Issued", r->issued, v->view.now);
	frame_time(out, "Valid from", r->not_before, v->view.now);
	frame_time(out, "Valid until", r->not_after, v->view.now);
	frame_term(out, "Alternative names", r->san);
	frame_term(out, "Profile", r->profile);
	frame_term(out, "Endpoint", r->endpoint);
	frame_term(out, "Operation", r->operation);
	frame_term(out, "Asked for by", r->requester);
	device(out, r->device);
	bytes_adds(out, "</dl>\n");
}

static void
ways(struct bytes *out, const struct view_cert *v)
{
	static const struct {
		const char *act, *text, *class;
	} acts[] = {{"release", "Release…", "button"},
	    {"hold", "Put on hold…", "button"},
	    {"revoke", "Revoke…", "button danger"}};
	const bool may[] = {v->may_release, v->may_hold, v->may_revoke};
	char sha[2 * SHA256_LEN + 1];

	hex_write(sha, (struct span){v->record->sha256, SHA256_LEN}, false);
	html_addf(out,
	    "<p class=\"buttons\"><a class=\"button\" "
	    "href=\"/inventory/certificates/%s/pem\" download>PEM</a> "
	    "<a class=\"button\" href=\"/inventory/certificates/%s/der\" "
	    "download>DER</a> <span class=\"apart\"></span>",
	    sha, sha);
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++)
		if (may[i])
			html_addf(out,
			    "<a class=\"%s\" "
			    "href=\"/inventory/certificates/%s/%s\">%s</a> ",
			    acts[i].class, sha, acts[i].act, acts[i].text);
	bytes_adds(out, "</p>\n</section>\n");
}

static void
above(struct bytes *out, const X509 *x509, int64_t now)
{
	int64_t end = cert_time_of(X509_get0_notAfter(x509));
	char *subject = name_text(X509_get_subject_name(x509));

	html_addf(out, "<li>%s <span class=\"note\">%s ", subject,
	    end > now ? "until" : "ended");
	html_day(out, end);
	bytes_adds(out, "</span></li>\n");
	free(subject);
}

/* Beginning with this one. */
static void
chain(struct bytes *out, const struct view_cert *v, const X509 *x509)
{
	bytes_adds(out, "<section aria-labelledby=\"chain\">"
			"<h2 id=\"chain\">Chain</h2>\n");
	if (v->chain == NULL) {
		html_addf(out,
		    "<p>Issued by the key <code>%s</code>, which is none of "
		    "this CA\xE2\x80\x99s present ones.</p>\n</section>\n",
		    v->record->issuer);
		return;
	}
	bytes_adds(out, "<ol class=\"chain\">\n");
	if (x509 != NULL)
		above(out, x509, v->view.now);
	for (int i = 0; i < sk_X509_num(v->chain); i++)
		above(out, sk_X509_value(v->chain, i), v->view.now);
	bytes_adds(out, "</ol>\n</section>\n");
}

/* ---- what happened ------------------------------------------------------- */

static void
event(struct bytes *out, const struct view_event *e)
{
	html_addf(out, "<tr><th scope=\"row\">%s</th><td data-label=\"Time\">",
	    e->event);
	html_time(out, e->when);
	html_addf(out, "</td><td data-label=\"Who\"><div>%s", e->who);
	if (e->peer != NULL)
		html_addf(out, "<small>from %s</small>", e->peer);
	html_addf(out,
	    "</div></td><td data-label=\"Why\">%s%s%s</td>"
	    "<td class=\"number\" data-label=\"Record\">%lld</td></tr>\n",
	    e->reason, e->reason != NULL && e->text != NULL ? ": " : "",
	    e->text, (long long)e->seq);
}

static void
history(struct bytes *out, const struct view_cert *v)
{
	static const char *const columns[] = {
	    "What", "Time", "Who", "Why", "Record"};

	bytes_adds(out,
	    "<section aria-labelledby=\"history\"><h2 id=\"history\">"
	    "History</h2>\n<div class=\"scroll\" tabindex=\"0\" "
	    "role=\"group\" aria-labelledby=\"history\"><table "
	    "class=\"cards\"><thead><tr>");
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		html_addf(out, "<th scope=\"col\"%s>%s</th>",
		    i == 4 ? " class=number" : "", columns[i]);
	bytes_adds(out, "</tr></thead><tbody>\n");
	for (size_t i = 0; i < v->events; i++)
		event(out, &v->event[i]);
	bytes_adds(out, "</tbody></table></div>\n");
	if (!v->all)
		html_addf(out,
		    "<p class=\"note\">These are the first %d; all are in "
		    "<code>microca audit list</code>.</p>\n",
		    VIEW_HISTORY);
	bytes_adds(out, "</section>\n");
}

void
render_cert(struct bytes *out, const struct view_cert *v)
{
	const struct record *r = v->record;
	struct fail why = {0};
	X509 *x509 = NULL;

	frame_begin(out, &v->view, FRAME_LIST,
	    r->subject != NULL && *r->subject != '\0' ? r->subject
						      : "(no subject)");
	known(out, v);
	ways(out, v);
	if (cert_x509(&x509, span_of(&r->der), &why) == 0)
		decoded(out, x509);
	else
		frame_trouble(out, why.text);
	chain(out, v, x509);
	X509_free(x509);
	history(out, v);
	frame_end(out, &v->view);
}
