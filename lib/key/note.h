/*
 * note - a few octets that a token keeps beside its keys.
 *
 * A data object (PKCS#11 3.0, 4.5: CKO_DATA), private, of application
 * "microca", known by its label.  Not every token has room for such, or lets
 * this user write one: it says so, and that is no trouble of the key's.  The new
 * one is made before the old one goes, so that there may be two for a moment, or
 * after a loss of power.  None is changed in its place: tpm2-pkcs11 1.9 says yes
 * to that and forgets it with the session.
 */
#ifndef MICROCA_NOTE_H
#define MICROCA_NOTE_H

#include "lib/key/key.h"

#define NOTE_APPLICATION "microca"
#define NOTE_MAX (16 * 1024) /* octets of one */
#define NOTES_MOST 4         /* of one label */

struct notes { /* notes_free() */
	struct bytes note[NOTES_MOST];
	size_t n;
};
void notes_free(struct notes *notes); /* contents, then zero */

/*
 * Counts the openings of the key: what is read from the token may be another
 * thing after it.  0: the key is not usable now, or is in a file, which keeps
 * no notes.
 */
unsigned key_opening(struct key *key);

/* All notes of that label, perhaps none.  Fails: as key_ready(); FAIL_BUSY
 * "data-object". */
MUST_CHECK int key_notes(
    struct notes *notes, struct key *key, const char *label, struct fail *why);
/* From now on the note of that label is `note`, and was read back.  One process
 * at a time: the caller's lock.  Fails likewise. */
MUST_CHECK int key_note_write(
    struct key *key, const char *label, struct span note, struct fail *why);

#endif
