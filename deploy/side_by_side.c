/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that take the next one until there is none. */
#include "deploy/side_by_side.h"

#include <pthread.h>

#define THREADS 32 /* connections are what limits, not processors */

struct queue {
	side_fn *fn;
	void *arg;
	size_t next, end; /* next: taken by whoever comes */
};

static void *
take_all(void *arg)
{
	struct queue *const q = arg;
	size_t i;

	while ((i = __atomic_fetch_add(&q->next, 1, __ATOMIC_RELAXED)) < q->end)
		q->fn(q->arg, i);
	return NULL;
}

/* This thread takes its part too, and so all of it where none can be made. */
void
side_by_side(size_t from, size_t end, side_fn *fn, void *arg)
{
	struct queue q = { .fn = fn, .arg = arg, .next = from, .end = end };
	pthread_t threads[THREADS];
	size_t n = 0;

	while (from + n + 1 < end && n < THREADS &&
	       pthread_create(&threads[n], NULL, take_all, &q) == 0)
		n++;
	(void)take_all(&q);
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
}
