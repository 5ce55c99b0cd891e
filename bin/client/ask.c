/* est-client cacerts, csrattrs - what a server says of itself. */
#include "bin/client/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/file.h"
#include "lib/wire/csrattrs.h"
#include "lib/wire/der.h"

/* The server of the certificate named, or the only one. */
static int
source_find(struct source *source, struct client *client, struct fail *why)
{
	const struct settings *s = &client->settings;
	struct certificate *all = s->certificates.item, *cert;
	const char *name =
	    client->options.operands > 0 ? client->options.operand[0] : NULL;

	if (client->options.operands > 1)
		return fail(why, FAIL_CONFIG, "usage", "too many operands");
	cert = name != NULL ? settings_find(s, name)
	                    : (s->certificates.n == 1 ? all : NULL);
	if (cert == NULL)
		return fail(why, FAIL_CONFIG, "usage",
		    name != NULL ? "no certificate \"%s\" is configured"
				 : "which certificate's server?  %s",
		    name != NULL ? name : "Name one");
	return source_open(source, cert, why);
}

int
talk_find(struct talk *talk, struct source *source, struct client *client,
    struct fail *why)
{
	struct keep_pair *pair;
	int rc;

	if (source_find(source, client, why) != 0)
		return -1;
	rc = talk_pair(&pair, source, why);
	if (rc == 0)
		rc = talk_open(talk, source, pair, why);
	keep_pair_free(pair);
	if (rc != 0)
		source_close(source);
	return rc;
}

int
put_out(const char *path, struct span text, mode_t mode, struct fail *why)
{
	if (path != NULL)
		return file_put(path, text, mode, why);
	if (fwrite(text.data, 1, text.len, stdout) == text.len)
		return 0;
	fail(why, FAIL_BROKEN, "file", "cannot write the output");
	return fail_errno(why, "write");
}

/* RFC 7030, 4.1: and only what ends in an anchor is handed on. */
static int
cacerts(struct client *client, struct source *source, struct talk *talk,
    struct fail *why)
{
	STACK_OF(X509) *certs = NULL, *good = NULL;
	struct bytes pem = {0};
	int i, rc = -1;

	if (est_cacerts(&certs, talk->est, why) == 0 &&
	    trust_follow(source->anchors, source->cert->server, certs, why) ==
		0) {
		good = trust_select(certs, source->anchors);
		for (i = 0; i < sk_X509_num(good); i++)
			pem_add(&pem, sk_X509_value(good, i));
		rc = pem.len == 0
		         ? fail(why, FAIL_DENIED, "up-chain",
			       "no certificate of the answer ends in a trust "
			       "anchor")
		         : put_out(
			       client->options.out, span_of(&pem), 0644, why);
	}
	bytes_free(&pem);
	sk_X509_pop_free(good, X509_free);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

int
cacerts_run(struct client *client, struct fail *why)
{
	struct source source;
	struct talk talk;
	int rc;

	if (talk_find(&talk, &source, client, why) != 0)
		return -1;
	rc = cacerts(client, &source, &talk, why);
	talk_close(&talk);
	source_close(&source);
	return rc;
}

/* ---- csrattrs ----------------------------------------------------------- */

static void
oid_say(struct bytes *out, struct span oid)
{
	struct bytes der = {0};
	const unsigned char *p;
	ASN1_OBJECT *object;
	char text[128] = "?";

	der_put(&der, DER_OID, oid);
	p = der.data;
	object = d2i_ASN1_OBJECT(NULL, &p, (long)der.len);
	if (object != NULL)
		(void)OBJ_obj2txt(text, sizeof(text), object, 0);
	ASN1_OBJECT_free(object);
	bytes_free(&der);
	bytes_adds(out, text);
}

static void
hex_say(struct bytes *out, struct span value)
{
	char *hex = mem_new(2 * value.len + 1);

	hex_write(hex, value, false);
	bytes_adds(out, hex);
	free(hex);
}

static void
key_say(struct bytes *out, const struct csrattrs_wishes *w)
{
	if (w->key == NID_undef)
		return;
	bytes_addf(out, "key %s", OBJ_nid2sn(w->key));
	if (w->curve != NID_undef)
		bytes_addf(out, " %s", OBJ_nid2sn(w->curve));
	if (w->rsa_bits != 0)
		bytes_addf(out, " %d", w->rsa_bits);
	bytes_addc(out, '\n');
}

static void
wishes_say(struct bytes *out, const struct csrattrs_wishes *w)
{
	size_t i;

	bytes_addf(out, "form %s\n", w->template ? "template" : "list");
	if (w->challenge_password)
		bytes_adds(out, "pop-link wanted\n");
	key_say(out, w);
	if (w->hash != NID_undef)
		bytes_addf(out, "hash %s\n", OBJ_nid2sn(w->hash));
	for (i = 0; i < w->names; i++) {
		bytes_adds(out, "subject ");
		oid_say(out, w->name[i].oid);
		if (w->name[i].value.data != NULL) {
			bytes_adds(out, "=");
			text_escape(out, w->name[i].value);
		}
		bytes_addc(out, '\n');
	}
	for (i = 0; i < w->extensions; i++) {
		bytes_adds(out, "extension ");
		oid_say(out, w->extension[i].oid);
		bytes_adds(out, w->extension[i].critical ? " critical" : "");
		if (w->extension[i].value.data != NULL) {
			bytes_adds(out, " ");
			hex_say(out, w->extension[i].value);
		}
		bytes_addc(out, '\n');
	}
}

static int
csrattrs(struct client *client, struct talk *talk, struct fail *why)
{
	struct csrattrs_wishes wishes;
	struct bytes der = {0}, text = {0};
	int rc = -1;

	if (est_csrattrs(&der, talk->est, why) == 0 &&
	    csrattrs_read(&wishes, span_of(&der), why) == 0) {
		if (der.len == 0)
			bytes_adds(&text, "no wishes\n");
		else
			wishes_say(&text, &wishes);
		rc = put_out(NULL, span_of(&text), 0644, why);
		if (rc == 0 && client->options.out != NULL)
			rc = put_out(
			    client->options.out, span_of(&der), 0644, why);
	}
	bytes_free(&text);
	bytes_free(&der);
	return rc;
}

int
csrattrs_run(struct client *client, struct fail *why)
{
	struct source source;
	struct talk talk;
	int rc;

	if (talk_find(&talk, &source, client, why) != 0)
		return -1;
	rc = csrattrs(client, &talk, why);
	talk_close(&talk);
	source_close(&source);
	return rc;
}
