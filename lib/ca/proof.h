/*
 * proof - a profile that no file has: proof of possession for Azure IoT Hub and
 * its Device Provisioning Service.
 *
 * Who registers a CA there is given a code, and has to show a certificate that
 * the CA issued with the code as its common name.  Such a certificate does
 * nothing else: no CA, no purpose, no other name, some hours.
 */
#ifndef MICROCA_PROOF_H
#define MICROCA_PROOF_H

#include "lib/ca/profile.h"

#define PROOF_HOURS 24
#define PROOF_HOURS_MOST 168

/* Can it be such a code: 1 to 64 of A-Z a-z 0-9 _ -?  FAIL_CONFIG "usage". */
MUST_CHECK int proof_code_ok(const char *code, struct fail *why);
/* One profile, "proof".  profiles_free(). */
MUST_CHECK int proof_profile(
    struct profiles **profiles, int64_t hours, struct fail *why);

#endif
