/*
 * guard - was an older database put in the place of this CA's?
 *
 * The last signed head (heads.h) tells of a record and its hash.  Where the
 * database has not that record, it is behind what this CA did: certificates
 * and revocations are missing, and what is issued, listed or answered from it
 * may be wrong.  microca restore sets the heads aside and says so in the audit;
 * microca audit gap does it for a database that came another way.
 *
 * Likewise a published revocation list that the database does not know of
 * (crls_ahead()): lists are in another folder than heads and database.
 *
 * Who puts back all of that is not seen here: heads told to syslog or a
 * connector show it, and the hub (docs/audit.md).
 */
#ifndef MICROCA_GUARD_H
#define MICROCA_GUARD_H

#include "lib/ca/settings.h"
#include "lib/store/store.h"

#define GUARD_BEHIND "db-behind"

/*
 * One read of a small file and one of the store, whatever their size, and one
 * each for each list.  Fails: FAIL_BUSY "db-behind"; and as heads_last(),
 * store_trail_find(), crls_ahead(): then nothing is known.  No head and no list
 * is no failure.
 */
MUST_CHECK int guard_check(
    const struct settings *settings, struct store *store, struct fail *why);

#endif
