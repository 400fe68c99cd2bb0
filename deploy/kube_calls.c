/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of a Kubernetes API server, in its words: objects and lists, server-side apply,
 * deletion of one very object. How it is asked is kube.c's.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deploy/kube_look.h"
#include "deploy/kube_private.h"
#include "registry/base/clock.h"

#define PAGE_MOST  500
#define PAGE_FIRST 25
#define PAGE_LEAST 4 /* objects of the largest size that a server keeps */
#define PAGES      1000
#define LIST_BYTES (64u << 20)

static void
add_query(struct buf *b, const char *more)
{
	if (!more || !*more)
		return;
	buf_addc(b, b->n > 0 ? '&' : '?');
	buf_adds(b, more);
}

/* --- reading --- */

int
kube_get(struct kube *k, const char *path, json_t **ret, struct err *e)
{
	const struct kube_call c = {
		.method = "GET", .path = path, .is_read = true, .idle_ms = KUBE_SILENT_MS
	};

	return kube_call_json(k, &c, ret, e);
}

static int
add_page(json_t *all, const json_t *page, size_t max, const char *path, struct err *e)
{
	json_t *const items = json_object_get(all, "items");
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(page, "items"), i, one)
	{
		if (json_array_size(items) >= max)
			return err_set(e, ERR_TOO_BIG, "\"%s\" lists more than %zu things", path,
			               max);
		(void)json_object_del(json_object_get(one, "metadata"), "managedFields");
		(void)json_array_append(items, one);
	}
	(void)json_object_set_new(all, "resourceVersion",
	                          json_string(kube_text(page, "metadata.resourceVersion")));
	return 0;
}

struct list {
	const char *path, *query, *accept;
	unsigned page; /* objects at a time; 0: few at first, more when there are many */
	size_t max;    /* objects */
	size_t room;   /* bytes that may still come; 0 when more came */
};

static int
get_page(struct kube *k, struct list *l, const char *query, json_t **ret, struct err *e)
{
	const struct kube_call c = { .method = "GET",
		                     .path = l->path,
		                     .query = query,
		                     .accept = l->accept,
		                     .is_read = true };
	cleanup_response struct http_response r = { 0 };
	int rc = kube_call(k, &c, &r, NULL, e);

	if (rc == 0 && r.body.n >= l->room) {
		l->room = 0;
		return err_set(e, ERR_TOO_BIG, "\"%s\" lists more than %u MiB", l->path,
		               LIST_BYTES >> 20);
	}
	l->room -= rc == 0 ? r.body.n : 0;
	return rc < 0 ? rc : kube_parse(&c, &r, ret, e);
}

static int
list_once(struct kube *k, struct list *l, json_t *all, struct err *e)
{
	cleanup_buf struct buf next = { 0 };
	unsigned limit = l->page ? l->page : PAGE_FIRST;

	l->room = LIST_BYTES;

	/* a page may be empty and not the last; a server that has nothing else is left */
	for (unsigned i = 0; i < PAGES; i++) {
		cleanup_json json_t *page = NULL;
		cleanup_buf struct buf q = { 0 };
		int rc;

		buf_addf(&q, "limit=%u", limit);
		add_query(&q, l->query);
		if (next.n > 0) {
			buf_adds(&q, "&continue=");
			http_escape(&q, buf_cstr(&next));
		}
		rc = get_page(k, l, buf_cstr(&q), &page, e);
		if (rc == -ERR_TOO_BIG && limit > PAGE_LEAST && l->room > 0) {
			err_clear(e);
			limit /= 5; /* large things: fewer of them at once, from the same place */
			continue;
		}
		if (rc == 0)
			rc = add_page(all, page, l->max, l->path, e);
		if (l->page == 0)
			limit = limit + limit / 5 < PAGE_MOST ? limit + limit / 5 : PAGE_MOST;
		buf_clear(&next);
		if (rc == 0)
			buf_adds(&next, kube_text(page, "metadata.continue"));
		if (next.n == 0)
			return rc;
	}
	return err_set(e, ERR_TOO_BIG, "\"%s\" lists more than %d pages", l->path, PAGES);
}

static int
list(struct kube *k, struct list *l, json_t **ret, struct err *e)
{
	int rc = -ERR_CONFLICT;

	/* a list that expired between two pages is made anew */
	for (unsigned i = 0; i < 3 && rc == -ERR_CONFLICT; i++) {
		json_t *const all = json_object();

		err_clear(e);
		(void)json_object_set_new(all, "items", json_array());
		rc = list_once(k, l, all, e);
		if (rc == 0)
			*ret = all;
		else
			json_decref(all);
	}
	return rc;
}

/* Did the API server answer instead of whom it should have asked? Its own refusals are objects of
 * its own kind. That nobody listens there is what it would have been told. */
static bool
is_of_server(const struct http_response *r)
{
	static const char *const told[] = { "connection refused", "no endpoints available" };
	cleanup_json json_t *j = NULL;
	struct err ignored = { 0 };
	const char *words;

	if (r->status < 400)
		return false;
	if (http_is_html(r)) /* of a gateway in front of it */
		return r->status >= 502;
	if (json_parse(buf_str(&r->body), "answer", &j, &ignored) < 0 ||
	    !streq(kube_text(j, "kind"), "Status") || !streq(kube_text(j, "apiVersion"), "v1"))
		return false;
	words = kube_text(j, "message");
	for (size_t i = 0; i < COUNT(told); i++) {
		if (r->status == 503 && strstr(words, told[i]))
			return false;
	}
	return true;
}

int
kube_list(struct kube *k, const char *path, const char *query, size_t max, json_t **ret,
          struct err *e)
{
	struct list l = { .path = path, .query = query, .page = PAGE_MOST, .max = max };

	return list(k, &l, ret, e);
}

/* The fields' owners cannot be left out, and take much more room than their text. */
int
kube_list_metadata(struct kube *k, const char *path, const char *query, size_t max, json_t **ret,
                   struct err *e)
{
	struct list l = { .path = path,
		          .query = query,
		          .accept = KUBE_METADATA("List"),
		          .max = max };

	return list(k, &l, ret, e);
}

int
kube_proxy(struct kube *k, const char *method, const char *path, const char *content_type,
           struct str body, uint64_t timeout_ms, struct http_response *ret, struct err *e)
{
	const struct kube_call c = { .method = method,
		                     .path = path,
		                     .content_type = content_type,
		                     .body = body,
		                     .is_read = true,
		                     .any_status = true,
		                     .timeout_ms = timeout_ms,
		                     /* a model may think for a minute, and is silent */
		                     .idle_ms = timeout_ms ? timeout_ms : k->timeout_ms };
	int rc = kube_call(k, &c, ret, NULL, e);

	if (rc < 0 || !is_of_server(ret))
		return rc;
	rc = kube_error(&c, ret, NULL, e);
	if (rc != -ERR_DENIED && rc != -ERR_NOT_FOUND)
		e->code = ERR_UNREACHABLE; /* it has told nothing of whom it should have asked */
	return -(int)e->code;
}

/* --- writing --- */

void
kube_reply_fini(struct kube_reply *r)
{
	json_decref(r->object);
	buf_fini(&r->warnings);
	free(r->conflicts);
	*r = (struct kube_reply){ 0 };
}

static int
write_object(struct kube *k, const struct kube_call *c, struct kube_reply *ret, struct err *e)
{
	cleanup_response struct http_response r = { 0 };
	int rc = kube_call(k, c, &r, ret, e);

	if (rc < 0)
		return rc;
	ret->created = r.status == 201;
	return kube_parse(c, &r, &ret->object, e);
}

/* The whole intent, with the resourceVersion that it rests on. */
static int
with_version(const struct kube_apply *a, struct buf *ret, struct err *e)
{
	cleanup_json json_t *j = NULL;
	json_t *meta;
	int rc = json_parse(a->body, "the object", &j, e);

	if (rc == 0)
		rc = json_get_object(j, "metadata", "the object", &meta, e);
	if (rc < 0)
		return rc;
	(void)json_object_set_new(meta, "resourceVersion", json_string(a->resource_version));
	json_canonical(j, ret);
	return 0;
}

int
kube_apply(struct kube *k, const struct kube_apply *a, struct kube_reply *ret, struct err *e)
{
	cleanup_buf struct buf query = { 0 }, body = { 0 };
	struct kube_call c = { .method = "PATCH",
		               .path = a->path,
		               .content_type = "application/apply-patch+yaml",
		               .body = a->body,
		               .is_read = a->dry_run };
	int rc;

	*ret = (struct kube_reply){ 0 };
	buf_addf(&query, "fieldManager=" KUBE_FIELD_MANAGER "&force=%s&fieldValidation=%s%s",
	         a->force ? "true" : "false", a->no_strict ? "Warn" : "Strict",
	         a->dry_run ? "&dryRun=All" : "");
	if (a->resource_version) {
		rc = with_version(a, &body, e);
		if (rc < 0)
			return rc;
		c.body = buf_str(&body);
	}
	c.query = buf_cstr(&query);
	return write_object(k, &c, ret, e);
}

int
kube_patch(struct kube *k, const char *path, const char *content_type, struct str body,
           struct kube_reply *ret, struct err *e)
{
	const struct kube_call c = { .method = "PATCH",
		                     .path = path,
		                     .query = "fieldManager=" KUBE_FIELD_MANAGER
		                              "&fieldValidation=Strict",
		                     .content_type = content_type,
		                     .body = body };

	*ret = (struct kube_reply){ 0 };
	return write_object(k, &c, ret, e);
}

int
kube_create(struct kube *k, const char *path, const json_t *object, json_t **ret, struct err *e)
{
	cleanup_buf struct buf body = { 0 };
	struct kube_call c = { .method = "POST",
		               .path = path,
		               .query = "fieldManager=" KUBE_FIELD_MANAGER
		                        "&fieldValidation=Strict",
		               .content_type = "application/json" };

	json_canonical(object, &body);
	c.body = buf_str(&body);
	return kube_call_json(k, &c, ret, e);
}

int
kube_delete(struct kube *k, const char *path, const char *uid, struct err *e)
{
	cleanup_json json_t *options = json_object();
	json_t *const only = json_object();
	cleanup_buf struct buf body = { 0 };
	cleanup_json json_t *answer = NULL; /* a page of a proxy is no deletion */
	struct kube_call c = { .method = "DELETE",
		               .path = path,
		               .content_type = "application/json" };

	json_object_set_new(options, "apiVersion", json_string("v1"));
	json_object_set_new(options, "kind", json_string("DeleteOptions"));
	json_object_set_new(options, "propagationPolicy", json_string("Foreground"));
	json_object_set_new(options, "preconditions", only);
	json_object_set_new(only, "uid", json_string(uid));
	json_canonical(options, &body);
	c.body = buf_str(&body);
	return kube_call_json(k, &c, &answer, e);
}
