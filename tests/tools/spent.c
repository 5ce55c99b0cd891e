/*
 * spent - what a program costs.
 *
 *	spent FILE PROGRAM [ARGUMENT...]
 *
 * FILE gets "max_rss_kib N", "cpu_ms N" and "wall_ms N"; the exit status is the
 * program's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long
ms_of(struct timeval t)
{
	return t.tv_sec * 1000 + t.tv_usec / 1000;
}

static long
clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
tell(const char *path, const struct rusage *used, long wall)
{
	FILE *f = fopen(path, "w");

	if (f == NULL) {
		perror(path);
		return -1;
	}
	(void)fprintf(f, "max_rss_kib %ld\ncpu_ms %ld\nwall_ms %ld\n",
	    used->ru_maxrss, ms_of(used->ru_utime) + ms_of(used->ru_stime),
	    wall);
	return fclose(f);
}

int
main(int argc, char **argv)
{
	struct rusage used;
	long began;
	pid_t child;
	int status;

	if (argc < 3) {
		(void)fprintf(
		    stderr, "usage: spent FILE PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	began = clock_ms();
	child = fork();
	if (child == 0) {
		(void)execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &used) != child) {
		perror("spent");
		return 1;
	}
	if (tell(argv[1], &used, clock_ms() - began) != 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
