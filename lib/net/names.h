/*
 * names - what the C library loads when it looks for a host's address.
 *
 * Which services it asks, and by which libraries, nsswitch.conf(5) says; they
 * are loaded at the first question.  A program that gives up to load code
 * (confine.h) has them loaded before.
 */
#ifndef MICROCA_NAMES_H
#define MICROCA_NAMES_H

/* Load them, to stay.  `path` NULL: /etc/nsswitch.conf.  What cannot be loaded
 * is left out, as the C library does.  How many were. */
int names_load(const char *path);

#endif
