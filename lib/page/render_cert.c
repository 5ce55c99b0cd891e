#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

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
	char name[128];
	int nid = OBJ_obj2nid(oid);

	if (nid != NID_undef)
		(void)OBJ_obj2txt(name, sizeof(name), oid, 0);
	else
		(void)OBJ_obj2txt(name, sizeof(name), oid, 1);
	html_addf(out, "<div><dt>%s%s</dt><dd class=\"pre\">", name,
	    X509_EXTENSION_get_critical(ext) ? " (critical)" : "");
	if (bio != NULL &&
	    X509V3_EXT_print(bio, ext, X509V3_EXT_DUMP_UNKNOWN, 0) == 1)
		bio_text(out, bio);
	bytes_adds(out, "</dd></div>\n");
	BIO_free(bio);
	ERR_clear_error();
}

static void
public_key(struct bytes *out, X509 *x509)
{
	EVP_PKEY *key = X509_get0_pubkey(x509);
	char group[64] = "", *text;

	if (key == NULL)
		return;
	(void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	text = str_fmt("%s, %d bits%s%s",
	    EVP_PKEY_get0_type_name(key) != NULL ? EVP_PKEY_get0_type_name(key)
						 : "?",
	    EVP_PKEY_get_bits(key), *group != '\0' ? ", " : "", group);
	frame_term(out, "Public key", text);
	free(text);
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
time_term(struct bytes *out, const char *label, int64_t when, int64_t now)
{
	if (when == 0)
		return;
	html_addf(out, "<div><dt>%s</dt><dd>", label);
	html_time(out, when);
	bytes_adds(out, " (");
	html_ago(out, when, now);
	bytes_adds(out, ")</dd></div>\n");
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
	public_key(out, x509);
	frame_term(out, "Signature", algorithm);
	for (int i = 0; i < X509_get_ext_count(x509); i++)
		extension(out, X509_get_ext(x509, i));
	bytes_adds(out, "</dl>\n</section>\n");
}

/* ---- what the store knows ------------------------------------------------ */

static void
hex_term(struct bytes *out, const char *label, const uint8_t sha[SHA256_LEN])
{
	char hex[2 * SHA256_LEN + 1];

	hex_write(hex, (struct span){sha, SHA256_LEN}, false);
	html_addf(out, "<div><dt>%s</dt><dd><code>%s</code></dd></div>\n",
	    label, hex);
}

static void
revocation(struct bytes *out, const struct record *r, int64_t now)
{
	if (r->status == STORE_GOOD)
		return;
	time_term(out, r->status == STORE_HELD ? "On hold since" : "Revoked",
	    r->revoked, now);
	frame_term(out, "Reason", store_reason_word(r->reason));
	time_term(out, "Not to be trusted since", r->invalid, now);
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
	frame_term(out, "Serial", r->serial);
	hex_term(out, "SHA-256", r->sha256);
	time_term(out, "Issued", r->issued, v->view.now);
	time_term(out, "Valid from", r->not_before, v->view.now);
	time_term(out, "Valid until", r->not_after, v->view.now);
	frame_term(out, "Alternative names", r->san);
	frame_term(out, "Profile", r->profile);
	frame_term(out, "Endpoint", r->endpoint);
	frame_term(out, "Operation", r->operation);
	frame_term(out, "Asked for by", r->requester);
	frame_term(out, "Azure device", r->device);
	bytes_adds(out, "</dl>\n");
}

static void
ways(struct bytes *out, const struct view_cert *v)
{
	static const struct {
		const char *act, *text;
	} acts[] = {{"revoke", "Revoke…"}, {"hold", "Put on hold…"},
	    {"release", "Release…"}};
	const bool may[] = {v->may_revoke, v->may_hold, v->may_release};
	char sha[2 * SHA256_LEN + 1];

	hex_write(sha, (struct span){v->record->sha256, SHA256_LEN}, false);
	bytes_adds(out, "<p class=\"buttons\">");
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++)
		if (may[i])
			html_addf(out,
			    "<a class=\"button%s\" "
			    "href=\"/inventory/certificates/%s/%s\">%s</a> ",
			    i == 0 ? " danger" : "", sha, acts[i].act,
			    acts[i].text);
	html_addf(out,
	    "<a class=\"button\" href=\"/inventory/certificates/%s/pem\" "
	    "download>PEM</a> <a class=\"button\" "
	    "href=\"/inventory/certificates/%s/der\" download>DER</a></p>\n"
	    "</section>\n",
	    sha, sha);
}

static void
chain(struct bytes *out, const struct view_cert *v)
{
	bytes_adds(out, "<section aria-labelledby=\"chain\">"
			"<h2 id=\"chain\">Chain</h2>\n");
	if (v->chain == NULL)
		html_addf(
		    out, "<p>Issued by the key %s.</p>\n", v->record->issuer);
	else
		bytes_adds(out, "<ol>\n");
	for (int i = 0; v->chain != NULL && i < sk_X509_num(v->chain); i++) {
		const X509 *x509 = sk_X509_value(v->chain, i);
		char *subject = name_text(X509_get_subject_name(x509));

		html_addf(out, "<li>%s, until ", subject);
		html_day(out, cert_time_of(X509_get0_notAfter(x509)));
		bytes_adds(out, "</li>\n");
		free(subject);
	}
	bytes_adds(
	    out, v->chain != NULL ? "</ol>\n</section>\n" : "</section>\n");
}

/* ---- what happened ------------------------------------------------------- */

static void
event(struct bytes *out, const struct view_event *e)
{
	html_addf(out, "<tr><td>%lld</td><td>", (long long)e->seq);
	html_time(out, e->when);
	html_addf(out, "</td><td>%s</td><td>%s", e->event, e->who);
	if (e->peer != NULL)
		html_addf(out, "<br><small>%s</small>", e->peer);
	html_addf(out, "</td><td>%s%s%s</td></tr>\n", e->reason,
	    e->reason != NULL && e->text != NULL ? ": " : "", e->text);
}

static void
history(struct bytes *out, const struct view_cert *v)
{
	static const char *const columns[] = {
	    "Record", "Time", "What", "Who", "Why"};

	bytes_adds(out,
	    "<section aria-labelledby=\"history\"><h2 id=\"history\">"
	    "History</h2>\n<div class=\"scroll\" tabindex=\"0\" "
	    "role=\"group\" aria-labelledby=\"history\"><table><thead><tr>");
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		html_addf(out, "<th scope=\"col\">%s</th>", columns[i]);
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
	X509_free(x509);
	chain(out, v);
	history(out, v);
	frame_end(out, &v->view);
}
