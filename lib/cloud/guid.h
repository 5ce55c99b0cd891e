/* guid - random UUIDs (RFC 9562, 5.4) as Azure's request ids are. */
#ifndef MICROCA_GUID_H
#define MICROCA_GUID_H

#define GUID_LEN 37 /* with its NUL */

void guid_write(char out[GUID_LEN]);

#endif
