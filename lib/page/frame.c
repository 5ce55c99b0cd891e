#include "lib/page/frame.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

static const struct {
	enum frame_place place;
	const char *path, *name;
} places[] = {
    {FRAME_HOME, "/inventory/", "Overview"},
    {FRAME_LIST, "/inventory/certificates", "Certificates"},
    {FRAME_PENDING, "/inventory/pending", "Requests"},
};

static void
navigation(struct bytes *out, enum frame_place place)
{
	bytes_adds(out, "<nav aria-label=\"Pages\"><ul>\n");
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		html_addf(out, "<li><a href=\"%s\"", places[i].path);
		if (places[i].place == place)
			bytes_adds(out, " aria-current=\"page\"");
		html_addf(out, ">%s</a></li>\n", places[i].name);
	}
	bytes_adds(out, "</ul></nav>\n");
}

static void
who_write(struct bytes *out, const struct view *view)
{
	if (view->who != NULL)
		html_addf(out,
		    "<p class=\"who\"><span class=\"hidden\">You are </span>%s "
		    "<span class=\"role\">%s</span></p>\n",
		    view->who->name, role_word(view->who->role));
}

static const char *
done_text(const char *done)
{
	static const struct {
		const char *word, *text;
	} done_texts[] = {
	    {"revoked", "The certificate is revoked."},
	    {"held", "The certificate is on hold."},
	    {"released", "The certificate is released from its hold."},
	    {"approved", "The request is approved: the device has its "
			 "certificate when it asks again."},
	    {"denied", "The request is denied."},
	};

	for (size_t i = 0; i < sizeof(done_texts) / sizeof(*done_texts); i++)
		if (done != NULL && strcmp(done, done_texts[i].word) == 0)
			return done_texts[i].text;
	return NULL;
}

void
frame_begin(struct bytes *out, const struct view *view, enum frame_place place,
    const char *title)
{
	const char *done = done_text(view->done);

	html_addf(out,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n<title>%s – microca</title>\n"
	    "<meta name=\"viewport\" content=\"width=device-width, "
	    "initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n",
	    title);
	bytes_adds(out,
	    "<link rel=\"stylesheet\" href=\"/inventory/style.css\">\n"
	    "<link rel=\"icon\" href=\"/inventory/icon.svg\">\n"
	    "<script src=\"/inventory/script.js\" defer></script>\n");
	bytes_adds(out,
	    "</head>\n<body>\n"
	    "<a class=\"skip\" href=\"#main\">To the content</a>\n"
	    "<header><div class=\"bar\"><p class=\"name\">microca</p>\n");
	if (view->who != NULL)
		navigation(out, place);
	who_write(out, view);
	html_addf(
	    out, "</div></header>\n<main id=\"main\">\n<h1>%s</h1>\n", title);
	if (done != NULL)
		html_addf(
		    out, "<p class=\"done\" role=\"status\">%s</p>\n", done);
}

void
frame_end(struct bytes *out, const struct view *view)
{
	bytes_adds(out, "</main>\n<footer><p>");
	html_time(out, view->now);
	html_addf(out,
	    " UTC. Request %s. microca " PACKAGE_VERSION
	    ".</p></footer>\n</body>\n</html>\n",
	    view->request);
}

void
frame_trouble(struct bytes *out, const char *trouble)
{
	char first[2] = "";

	if (trouble == NULL)
		return;
	/* A sentence here, part of a line elsewhere. */
	if (*trouble >= 'a' && *trouble <= 'z')
		first[0] = (char)(*trouble++ - 'a' + 'A');
	html_addf(out,
	    "<p class=\"trouble\" id=\"trouble\" role=\"alert\">%s%s</p>\n",
	    first, trouble);
}

void
frame_term(struct bytes *out, const char *name, const char *text)
{
	if (text != NULL && *text != '\0')
		html_addf(
		    out, "<div><dt>%s</dt><dd>%s</dd></div>\n", name, text);
}

void
frame_time(struct bytes *out, const char *label, int64_t when, int64_t now)
{
	if (when == 0)
		return;
	html_addf(out, "<div><dt>%s</dt><dd>", label);
	html_time(out, when);
	bytes_adds(out, " (");
	html_ago(out, when, now);
	bytes_adds(out, ")</dd></div>\n");
}

void
frame_sha256(
    struct bytes *out, const char *label, const uint8_t sha[SHA256_LEN])
{
	char hex[2 * SHA256_LEN + 1];

	hex_write(hex, (struct span){sha, SHA256_LEN}, false);
	html_addf(out, "<div><dt>%s</dt><dd><code>%s</code></dd></div>\n",
	    label, hex);
}

void
frame_key(struct bytes *out, const EVP_PKEY *key)
{
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

void
frame_link(struct bytes *out, const struct record *r)
{
	char sha[2 * SHA256_LEN + 1];

	hex_write(sha, (struct span){r->sha256, SHA256_LEN}, false);
	html_addf(out, "<a href=\"/inventory/certificates/%s\">%s</a>\n", sha,
	    r->subject != NULL && *r->subject != '\0' ? r->subject
						      : "(no subject)");
	if (r->san != NULL && *r->san != '\0')
		html_addf(out, "<small>%s</small>", r->san);
}

void
frame_state(struct bytes *out, enum browse_state state)
{
	const char *word = browse_state_word(state);

	html_addf(out, "<span class=\"state %s\">%s</span>", word, word);
}
