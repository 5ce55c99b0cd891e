/*
 * fault - places where a test ends the process, or holds it up.
 *
 * fault_point("signed") is nothing unless configured with
 * --enable-fault-points, which is for tests alone.  Then MICROCA_FAULT names a
 * file; whoever comes to the place that its first line names
 *
 *	PLACE kill      removes the file and is killed (SIGKILL)
 *	PLACE wait MS   goes on MS milliseconds later, each time
 *
 * The file is removed first, so that one process is killed, once, and what is
 * started in its place lives.
 */
#ifndef MICROCA_FAULT_H
#define MICROCA_FAULT_H

void fault_point(const char *place);
#ifndef FAULT_POINTS
#define fault_point(place) ((void)0)
#endif

#endif
