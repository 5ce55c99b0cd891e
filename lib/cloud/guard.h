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
 * Who puts back all of that is seen by the token, if it keeps a counter
 * (counter.h): it does not come back with a disk.  Without one, heads told to
 * syslog or a connector show it, and the hub (docs/audit.md).
 */
#ifndef MICROCA_GUARD_H
#define MICROCA_GUARD_H

#include "lib/ca/ca.h"
#include "lib/ca/counter.h"

/*
 * One read of a small file and one of the store, whatever their size, for the
 * heads, for what the token said last, and for each list.  Fails: FAIL_BUSY
 * "db-behind"; and as heads_last(), store_trail_find(), crls_ahead(): then
 * nothing is known.  No head, no list, no counter is no failure.
 */
MUST_CHECK int guard_check(
    const struct settings *settings, struct store *store, struct fail *why);
/* The same, with the token's own word where it was opened since the last look:
 * for who has it open. */
MUST_CHECK int guard_look(struct ca *ca, struct fail *why);

#endif
