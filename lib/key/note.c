#include "lib/key/note.h"

#include <string.h>

#include <p11-kit/pkcs11.h>

#include "lib/key/job.h"
#include "lib/key/watch.h"

/* A session of our own in a token that is logged in, and what is looked for. */
struct session {
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE s;
	const char *label;
	struct span write; /* data NULL: only to be read */
	struct notes *notes;
};

struct found {
	CK_OBJECT_HANDLE object[NOTES_MOST];
	CK_ULONG n;
};

void
notes_free(struct notes *notes)
{
	for (size_t i = 0; i < notes->n; i++)
		bytes_free(&notes->note[i]);
	*notes = (struct notes){0};
}

static int
no(struct fail *why, const char *text, const char *call, CK_RV rv)
{
	(void)fail(why, FAIL_BUSY, "data-object", "%s", text);
	return fail_cause(why, "%s: CKR 0x%lX", call, (unsigned long)rv);
}

static int
find(struct found *found, struct session *s, struct fail *why)
{
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)},
	    {CKA_TOKEN, &yes, sizeof(yes)},
	    {CKA_APPLICATION, (void *)NOTE_APPLICATION,
		strlen(NOTE_APPLICATION)},
	    {CKA_LABEL, (void *)s->label, strlen(s->label)}};
	CK_RV rv = s->f->C_FindObjectsInit(s->s, wanted, 4);

	found->n = 0;
	if (rv == CKR_OK) {
		rv = s->f->C_FindObjects(
		    s->s, found->object, NOTES_MOST, &found->n);
		(void)s->f->C_FindObjectsFinal(s->s);
	}
	return rv == CKR_OK ? 0
	                    : no(why, "the token does not list its data",
				  "C_FindObjects", rv);
}

static CK_RV
value_read(struct bytes *out, struct session *s, CK_OBJECT_HANDLE object)
{
	CK_ATTRIBUTE value = {CKA_VALUE, NULL, 0};
	CK_RV rv = s->f->C_GetAttributeValue(s->s, object, &value, 1);

	if (rv != CKR_OK)
		return rv;
	if (value.ulValueLen > NOTE_MAX)
		return CKR_DATA_LEN_RANGE;
	bytes_room(out, value.ulValueLen);
	value.pValue = out->data;
	rv = s->f->C_GetAttributeValue(s->s, object, &value, 1);
	if (rv == CKR_OK && value.ulValueLen <= NOTE_MAX)
		out->len = value.ulValueLen;
	out->data[out->len] = '\0';
	return rv;
}

static int
notes_read(struct session *s, struct fail *why)
{
	struct notes *notes = s->notes;
	struct found found;
	CK_RV rv = CKR_OK;

	if (find(&found, s, why) != 0)
		return -1;
	for (CK_ULONG i = 0; i < found.n && rv == CKR_OK; i++)
		rv = value_read(&notes->note[notes->n++], s, found.object[i]);
	if (rv == CKR_OK)
		return 0;
	notes_free(notes);
	return no(
	    why, "the token does not show its data", "C_GetAttributeValue", rv);
}

static bool
is_there(struct session *s, CK_OBJECT_HANDLE object)
{
	struct bytes value = {0};
	bool same = value_read(&value, s, object) == CKR_OK &&
	            span_equal(span_of(&value), s->write);

	bytes_free(&value);
	return same;
}

static CK_RV
create(CK_OBJECT_HANDLE *object, struct session *s)
{
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE made[] = {{CKA_CLASS, &class, sizeof(class)},
	    {CKA_TOKEN, &yes, sizeof(yes)}, {CKA_PRIVATE, &yes, sizeof(yes)},
	    {CKA_APPLICATION, (void *)NOTE_APPLICATION,
		strlen(NOTE_APPLICATION)},
	    {CKA_LABEL, (void *)s->label, strlen(s->label)},
	    {CKA_VALUE, (void *)s->write.data, s->write.len}};

	return s->f->C_CreateObject(
	    s->s, made, sizeof(made) / sizeof(made[0]), object);
}

static int
destroy(struct session *s, const CK_OBJECT_HANDLE *object, CK_ULONG n,
    struct fail *why)
{
	CK_RV rv = CKR_OK;

	for (CK_ULONG i = 0; i < n && rv == CKR_OK; i++)
		rv = s->f->C_DestroyObject(s->s, object[i]);
	return rv == CKR_OK ? 0
	                    : no(why, "the token does not let go of old data",
				  "C_DestroyObject", rv);
}

/* What a change that failed has left goes first: a token that lets nothing go
 * is not to be filled. */
static int
note_write(struct session *s, struct fail *why)
{
	struct found old;
	CK_OBJECT_HANDLE made;
	CK_RV rv;

	if (find(&old, s, why) != 0 ||
	    (old.n > 1 && destroy(s, old.object + 1, old.n - 1, why) != 0))
		return -1;
	rv = create(&made, s);
	if (rv != CKR_OK)
		return no(why, "the token keeps no data of ours",
		    "C_CreateObject", rv);
	if (!is_there(s, made)) {
		(void)s->f->C_DestroyObject(s->s, made);
		return no(why, "the token does not keep what it is given",
		    "C_GetAttributeValue", CKR_OK);
	}
	return old.n > 0 ? destroy(s, old.object, 1, why) : 0;
}

static int
in_session(void *what, void *functions, unsigned long slot, struct fail *why)
{
	struct session *s = what;
	struct watch watch;
	CK_RV rv;
	int rc;

	s->f = functions;
	watch_begin(&watch, "the token's data");
	rv = s->f->C_OpenSession(slot,
	    CKF_SERIAL_SESSION | (s->notes == NULL ? CKF_RW_SESSION : 0), NULL,
	    NULL, &s->s);
	if (rv != CKR_OK) {
		rc = no(why, "the token opens no session for data",
		    "C_OpenSession", rv);
	} else {
		rc = s->notes != NULL ? notes_read(s, why) : note_write(s, why);
		(void)s->f->C_CloseSession(s->s);
	}
	watch_end(&watch);
	return rc;
}

int
key_notes(
    struct notes *notes, struct key *key, const char *label, struct fail *why)
{
	struct session s = {.label = label, .notes = notes};

	*notes = (struct notes){0};
	return key_in_token(key, in_session, &s, why);
}

int
key_note_write(
    struct key *key, const char *label, struct span note, struct fail *why)
{
	struct session s = {.label = label, .write = note};

	return key_in_token(key, in_session, &s, why);
}
