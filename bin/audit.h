/*
 * audit - the acts of microca audit that have a file of their own.
 */
#ifndef MICROCA_BIN_AUDIT_H
#define MICROCA_BIN_AUDIT_H

#include "bin/microca.h"

command_run audit_list, audit_show, audit_export;

#endif
