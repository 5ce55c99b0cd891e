#include "lib/cloud/desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t desk_lock = PTHREAD_MUTEX_INITIALIZER;

int
desk_open(struct desk **desk, const char *conf, struct fail *why)
{
	struct desk *d = mem_new(sizeof(*d));

	*desk = NULL;
	d->refs = 1;
	if (edges_read(&d->edges, conf, why) != 0) {
		free(d);
		return -1;
	}
	if (access(d->edges->state, R_OK | W_OK | X_OK) != 0) {
		fail(why, FAIL_CONFIG, "config",
		    "%s: state: the folder %s cannot be used", d->edges->path,
		    d->edges->state);
		fail_errno(why, "access");
		desk_drop(d);
		return -1;
	}
	*desk = d;
	return 0;
}

static void
line_free(struct desk_line *line)
{
	hub_close(line->hub);
	free(line);
}

void
desk_drop(struct desk *desk)
{
	struct desk_line *line, *next;

	if (desk == NULL ||
	    __atomic_sub_fetch(&desk->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (line = desk->idle; line != NULL; line = next) {
		next = line->next;
		line_free(line);
	}
	edges_free(desk->edges);
	free(desk);
}

/* The one that was used last: its connection may still be open. */
static struct desk_line *
idle_find(struct desk *desk, const struct edge_hub *hub)
{
	struct desk_line **at, *found = NULL;

	(void)pthread_mutex_lock(&desk_lock);
	for (at = &desk->idle; *at != NULL && found == NULL;)
		if ((*at)->to == hub) {
			found = *at;
			*at = found->next;
		} else {
			at = &(*at)->next;
		}
	(void)pthread_mutex_unlock(&desk_lock);
	return found;
}

int
desk_take(struct desk_line **line, struct desk *desk,
    const struct edge_hub *hub, int64_t deadline, struct fail *why)
{
	struct desk_line *l = idle_find(desk, hub);

	*line = NULL;
	if (l == NULL) {
		l = mem_new(sizeof(*l));
		l->to = hub;
		if (hub_open(&l->hub, &hub->azure, &l->pace, desk->edges->state,
			why) != 0) {
			free(l);
			return -1;
		}
	}
	/* What would have to wait is the edge's to ask for again. */
	l->pace.deadline = deadline;
	l->pace.wait = false;
	*line = l;
	return 0;
}

void
desk_give(struct desk *desk, struct desk_line *line)
{
	if (line == NULL)
		return;
	(void)pthread_mutex_lock(&desk_lock);
	line->next = desk->idle;
	desk->idle = line;
	(void)pthread_mutex_unlock(&desk_lock);
}
