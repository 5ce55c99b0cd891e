/* One request that waits, decoded for somebody who has to decide. */
#include "bin/pending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "lib/base/when.h"
#include "lib/wire/name.h"

void
age_write(char out[24], int64_t seconds)
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;

	while (i < 3 && seconds < units[i].seconds)
		i++;
	(void)snprintf(out, 24, "%lld%c",
	    (long long)(seconds / units[i].seconds), units[i].unit);
}

static X509_REQ *
req_of(const struct pending *p)
{
	const unsigned char *at = p->csr.data;

	return d2i_X509_REQ(NULL, &at, (long)p->csr.len);
}

const char *
pending_key(char out[32], const struct pending *p)
{
	X509_REQ *req = NULL;
	unsigned char *spki = NULL;
	struct pubkey key = {0};
	struct fail why = {0};
	const char *text = "unreadable";
	int len;

	if (strcmp(p->operation, "serverkeygen") == 0)
		return "made here";
	req = req_of(p);
	if (req != NULL &&
	    (len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &spki)) > 0 &&
	    pubkey_read(&key, (struct span){spki, (size_t)len}, &why) == 0) {
		text = pubkey_text(&key, out);
		if (text != out) {
			(void)snprintf(out, 32, "%s", text);
			text = out;
		}
	}
	pubkey_free(&key);
	OPENSSL_free(spki);
	X509_REQ_free(req);
	return text;
}

static void
request_lines(struct bytes *out, const struct pending *p)
{
	X509_REQ *req = req_of(p);
	STACK_OF(X509_EXTENSION) *all = NULL;
	char key[32], *subject;

	view_line(out, "Key", pending_key(key, p));
	if (req == NULL)
		return;
	subject = name_text(X509_REQ_get_subject_name(req));
	view_line(out, "Asks for", subject[0] != '\0' ? subject : "no subject");
	all = X509_REQ_get_extensions(req);
	for (int i = 0; i < sk_X509_EXTENSION_num(all); i++)
		view_extension(out, sk_X509_EXTENSION_value(all, i));
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	free(subject);
	X509_REQ_free(req);
}

static void
strings(
    struct bytes *out, const char *label, const struct conf_strings *strings)
{
	struct bytes all = {0};

	for (size_t i = 0; i < strings->n; i++)
		bytes_addf(&all, "%s%s", i > 0 ? ", " : "", strings->text[i]);
	if (all.len > 0)
		bytes_addf(out, "  %s: %s\n", label, (const char *)all.data);
	bytes_free(&all);
}

static void
profile_lines(
    struct bytes *out, const struct pending *p, const struct settings *settings)
{
	const struct endpoint *e = settings_endpoint(settings, p->endpoint);

	if (e == NULL) {
		bytes_addf(out, "The endpoint is no more: nothing will be "
				"issued\n");
		return;
	}
	bytes_addf(out, "Will get     profile %s\n", e->profile->name);
	bytes_addf(out, "  subject: %s\n",
	    p->subject[0] != '\0' ? p->subject : "none");
	if (p->san != NULL)
		bytes_addf(out, "  subjectAltName: %s\n", p->san);
	bytes_addf(out, "  validity: %s\n", e->profile->validity_text);
	if (!e->profile->ca)
		bytes_adds(out, "  CA: no\n");
	else if (e->profile->path_length < 0)
		bytes_adds(out, "  CA: YES, any path length\n");
	else
		bytes_addf(out, "  CA: YES, path length %d at most\n",
		    e->profile->path_length);
	strings(out, "key usage", &e->profile->key_usage_text);
	strings(out, "extended key usage", &e->profile->ext_key_usage_text);
}

static void
state_lines(struct bytes *out, const struct pending *p, int64_t now)
{
	char age[24];

	view_line(out, "State", pending_state_word(p->state));
	view_line(out, "Decided by", p->decider);
	view_line(out, "Note", p->note);
	view_time(out, "Asked", p->created);
	age_write(age, now - p->created);
	view_line(out, "Age", age);
	if (p->state != PENDING_ISSUED && p->state != PENDING_EXPIRED)
		view_time(out, "Expires", p->expires);
	if (p->state == PENDING_ISSUED)
		view_hash(out, "Certificate", p->certificate);
}

void
pending_text(struct bytes *out, const struct pending *p,
    const struct settings *settings, int64_t now)
{
	char id[24];

	(void)snprintf(id, sizeof(id), "%lld", (long long)p->id);
	view_line(out, "ID", id);
	view_hash(out, "CSR SHA-256", p->csr_sha256);
	state_lines(out, p, now);
	view_line(out, "Endpoint", p->endpoint);
	view_line(out, "Operation", p->operation);
	view_line(out, "Requester", p->requester);
	if (p->has_client)
		view_hash(out, "Shown", p->client_sha256);
	view_line(out, "From", p->peer);
	view_line(out, "Request", p->request);
	request_lines(out, p);
	profile_lines(out, p, settings);
}
