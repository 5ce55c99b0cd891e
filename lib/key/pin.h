/*
 * pin - a token's PIN, read securely, and the mark of one that was refused.
 *
 * A wrong PIN is one try: tokens lock after three.  What was refused is noted
 * in STATE/pin-refused, one line of hex for each: the SHA-256 over what the URI
 * says of the token, the module and the PIN file's identity, size and time.  No
 * program tries that combination again, whichever key of the token it wants;
 * another file, or another token, is another combination.
 */
#ifndef MICROCA_PIN_H
#define MICROCA_PIN_H

#include "lib/base/bytes.h"
#include "lib/key/pkcs11uri.h"

#define PIN_MAX 255

struct pin {
	char text[PIN_MAX + 1];
	size_t len;
	char mark[2 * SHA256_LEN + 1];
};

/*
 * Read `path`, unless what it holds was refused before; one line end after the
 * PIN does no harm.  The caller wipes it, also after a failure.  Fails:
 * FAIL_BUSY "token-pin".
 */
MUST_CHECK int pin_read(struct pin *pin, const char *path,
    const struct pkcs11uri *uri, const char *module, const char *state,
    struct fail *why);
void pin_wipe(struct pin *pin);
/* The token refused it: nobody tries it again.  Under the token's lock. */
MUST_CHECK int pin_refuse(
    const struct pin *pin, const char *state, struct fail *why);
/* May the file be read at all?  FAIL_CONFIG "file-mode"; a missing file is
 * for pin_read() to tell. */
MUST_CHECK int secret_mode_ok(const char *path, struct fail *why);

#endif
