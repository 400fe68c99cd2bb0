/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One way to one server, for as many as want it: a hundred targets of one cluster have as many
 * connections as exchanges run at a time, each with its handshake and its buffers. Who asks takes
 * what is free and gives it back; what nobody wants any more is closed. Nothing of a request stays
 * with a connection, so whose it was does not matter.
 */
#include <pthread.h>
#include <string.h>

#include "deploy/http_private.h"
#include "registry/base/clock.h"
#include "registry/base/vec.h"

#define IDLE_MS 5000 /* servers and what sits in between close idle ones sooner or later */

struct idle {
	struct http *h;
	uint64_t since_ms;
};
struct http_pool {
	struct http *first; /* says which way it is; taken like the others, and stays */
	unsigned users;
	VEC(struct idle) idle; /* the one that was used last at the end */
	struct http_pool *next;
};

/* Of this process; the lock is for all of them and all in them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_pool *pools;

static bool
is_pem(const char *a, struct str b)
{
	return a && b.p ? strlen(a) == b.n && memcmp(a, b.p, b.n) == 0 : !a && !b.p;
}

/* Each option: what was proved to a server over a connection must not serve somebody else. */
static bool
is_way(const struct http *h, const struct http_options *o)
{
	return streq(h->ca_file, o->ca_file) && is_pem(h->ca_pem, o->ca_pem) &&
	       is_pem(h->cert_pem, o->cert_pem) && is_pem(h->key_pem, o->key_pem) &&
	       streq(h->server_name, o->server_name) && streq(h->proxy, o->proxy) &&
	       streq(h->no_proxy, o->no_proxy) && streq(h->sigv4, o->sigv4) &&
	       streq(h->user, o->user) && streq(h->password, o->password) &&
	       streq(h->user_agent, o->user_agent ? o->user_agent : HTTP_USER_AGENT) &&
	       h->allow_plain == o->allow_plain && h->skip_verify == o->skip_verify &&
	       h->connect_ms == (o->connect_ms ? o->connect_ms : HTTP_CONNECT_MS);
}

static struct str
pem_of(const char *s)
{
	return (struct str){ s, s ? strlen(s) : 0 };
}

static struct http_options
way_of(const struct http *h)
{
	return (struct http_options){
		.ca_file = h->ca_file,
		.ca_pem = pem_of(h->ca_pem),
		.cert_pem = pem_of(h->cert_pem),
		.key_pem = pem_of(h->key_pem),
		.server_name = h->server_name,
		.proxy = h->proxy,
		.no_proxy = h->no_proxy,
		.user_agent = h->user_agent,
		.sigv4 = h->sigv4,
		.user = h->user,
		.password = h->password,
		.allow_plain = h->allow_plain,
		.skip_verify = h->skip_verify,
		.connect_ms = h->connect_ms,
	};
}

int
http_pool_open(const struct http_options *o, struct http_pool **ret, struct err *e)
{
	struct http_pool *p;
	int rc = 0;

	(void)pthread_mutex_lock(&lock);
	for (p = pools; p && !is_way(p->first, o); p = p->next)
		;
	if (!p) {
		p = xcalloc(1, sizeof *p);
		rc = http_new(o, &p->first, e);
		if (rc < 0) {
			free(p);
			p = NULL;
		} else {
			vec_push(&p->idle, ((struct idle){ p->first, clock_mono_ms() }));
			p->next = pools;
			pools = p;
		}
	}
	if (p) {
		p->users++;
		*ret = p;
	}
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

void
http_pool_close(struct http_pool *p)
{
	struct http_pool **at = &pools;
	bool is_last;

	if (!p)
		return;
	(void)pthread_mutex_lock(&lock);
	is_last = --p->users == 0;
	while (is_last && *at != p)
		at = &(*at)->next;
	if (is_last)
		*at = p->next;
	(void)pthread_mutex_unlock(&lock);
	if (!is_last)
		return;
	for (size_t i = 0; i < p->idle.n; i++)
		http_free(p->idle.v[i].h); /* all are back: who takes is a user */
	vec_fini(&p->idle);
	free(p);
}

static int
take(struct http_pool *p, struct http **ret, struct err *e)
{
	*ret = NULL;
	(void)pthread_mutex_lock(&lock);
	if (p->idle.n > 0)
		*ret = p->idle.v[--p->idle.n].h;
	(void)pthread_mutex_unlock(&lock);
	if (*ret)
		return 0;

	const struct http_options o = way_of(p->first);
	return http_new(&o, ret, e);
}

/* With the lock: one that has been idle for too long; NULL: none. */
static struct http *
old_one(struct http_pool *p, uint64_t now_ms)
{
	for (size_t i = 0; i < p->idle.n; i++) {
		struct http *const h = p->idle.v[i].h;

		if (h == p->first || now_ms - p->idle.v[i].since_ms < IDLE_MS)
			continue;
		p->idle.n--;
		memmove(&p->idle.v[i], &p->idle.v[i + 1], (p->idle.n - i) * sizeof *p->idle.v);
		return h;
	}
	return NULL;
}

static void
give(struct http_pool *p, struct http *h)
{
	const uint64_t now_ms = clock_mono_ms();
	struct http *old;

	(void)pthread_mutex_lock(&lock);
	vec_push(&p->idle, ((struct idle){ h, now_ms }));
	while ((old = old_one(p, now_ms))) {
		(void)pthread_mutex_unlock(&lock);
		http_free(old);
		(void)pthread_mutex_lock(&lock);
	}
	(void)pthread_mutex_unlock(&lock);
}

int
http_pool_perform(struct http_pool *p, const struct http_request *q, struct http_response *ret,
                  struct err *e)
{
	struct http *h;
	int rc = take(p, &h, e);

	if (rc < 0)
		return rc;
	rc = http_perform(h, q, ret, e);
	give(p, h);
	return rc;
}
