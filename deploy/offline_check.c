/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One finding for each thing, with the thing and the reason in it. What could not be looked at is
 * not taken for good: whoever signed that the site is offline wanted to know before the pods do.
 */
#include "deploy/offline_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "deploy/offline.h"

#define CODE "offline"

int
offline_fetches(const struct wave_target *v, struct fetches *ret, struct err *e)
{
	cleanup_free char *uri = NULL;

	if (v->q.empty)
		return 0;
	if (v->d->fetches)
		return v->d->fetches(v->st, &v->q, ret, e);
	uri = xasprintf("file://%s", v->t.path ? v->t.path : "");
	fetches_add(ret, uri, NULL);
	return 0;
}

/* Why the site does not have it, for who has to bring it. false: it has, or this rollout puts it
 * there. */
static bool
is_missing(const json_t *offline, const struct image_name *name, const struct oci_look *l,
           char why[sizeof l->why + 32])
{
	const size_t size = sizeof l->why + 32;

	if (offline && !offline_may_pull(offline, name->name, why))
		return true;
	if (name->is_ours || l->seen == OCI_THERE || (!offline && l->seen == OCI_NOT_ASKED))
		return false;
	(void)snprintf(why, size, "%s%s%s", l->seen == OCI_ABSENT ? "not found" : "not checked",
	               l->why[0] ? ": " : "", l->why);
	return true;
}

/* There, and yet not to be relied on. */
static void
say_tag(const struct oci_look *l, char *why, size_t size)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(&l->digest, hex);
	(void)snprintf(why, size, "named by a tag, not by its digest%s%s",
	               l->has_digest ? ", now sha256:" : "", l->has_digest ? hex : "");
}

/* A command that was cut off would be about something else. */
static void
say_next(const struct plan *p, char *hint, size_t size)
{
	const char *const first = "bring it to a registry of the site and name it there";
	cleanup_free char *both =
	        xasprintf("%s; slipway bundle want %s@v%" PRIu64 " --to %s lists what is missing",
	                  first, p->model, p->number, p->stage);

	if (str_copy(hint, size, both) < 0)
		(void)str_copy(hint, size, first);
}

struct judging {
	const json_t *offline;
	const struct plan *p;
	struct findings *ret;
};

static PRINTF(3, 4) void refuse(const struct judging *j, const char *hint, const char *fmt, ...)
{
	cleanup_buf struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	findings_add(j->ret, streq(j->p->kind, "promote") ? FINDING_BLOCK : FINDING_WARN, CODE,
	             hint, "offline: %s", buf_cstr(&text));
}

static void
judge_uri(const struct judging *j, const struct fetch *f)
{
	char why[OFFLINE_WHY_SIZE];

	if (!offline_may_fetch(j->offline, f->uri, f->endpoint, why))
		refuse(j,
		       "give the target a store inside the site, or have the policy name this one: "
		       "slipway policy set offline.schemes, offline.registries",
		       "%s: %s", why, f->uri);
}

static void
judge_image(const struct judging *j, const struct image_name *name, const struct oci_look *l)
{
	char why[sizeof l->why + 64], hint[sizeof j->ret->v->hint];

	if (is_missing(j->offline, name, l, why)) {
		say_next(j->p, hint, sizeof hint);
	} else if (!offline_is_by_digest(name->name)) {
		say_tag(l, why, sizeof why);
		(void)snprintf(hint, sizeof hint, "name it by its digest: NAME@sha256:HEX");
	} else {
		return;
	}
	refuse(j, hint, "%s: image %s", why, name->name);
}

/* An image that is fetched as a storage URI was judged as that. */
static bool
is_source(const struct fetches *f, const struct image_name *name)
{
	for (size_t i = 0; i < f->n; i++) {
		if (has_prefix(f->v[i].uri, "oci://") &&
		    streq(f->v[i].uri + strlen("oci://"), name->name))
			return true;
	}
	return false;
}

static void
judge_unseen(const struct judging *j, const struct fetches *f)
{
	if (f->unseeable[0])
		findings_add(j->ret, FINDING_UNKNOWN, CODE, NULL,
		             "offline: not checked: the images of %s", f->unseeable);
	if (f->unseen[0])
		refuse(j, "have the cluster's administrator let you look at it",
		       "%s cannot be looked at, and so its images", f->unseen);
}

void
offline_judge(const json_t *offline, const struct plan *p, const struct fetches *f,
              const struct image_looks *looks, struct findings *ret)
{
	const struct judging j = { offline, p, ret };

	for (size_t i = 0; i < f->n; i++)
		judge_uri(&j, &f->v[i]);
	for (size_t i = 0; i < f->images.n; i++) {
		const struct image_name *const name = &f->images.v[i];

		if (!is_source(f, name))
			judge_image(&j, name, image_look(looks, name->name));
	}
	judge_unseen(&j, f);
}

void
offline_carry(const json_t *offline, const struct image_names *its, const struct image_looks *looks,
              json_t *ret)
{
	for (size_t i = 0; i < its->n; i++) {
		const struct oci_look *const l = image_look(looks, its->v[i].name);
		char why[sizeof l->why + 32];
		bool is_known = false;
		const json_t *one;
		size_t k;

		json_array_foreach(ret, k, one) is_known =
		        is_known || streq(json_text(one, "image"), its->v[i].name);
		if (is_known || its->v[i].is_ours || !is_missing(offline, &its->v[i], l, why))
			continue;
		json_t *const image = json_from_str(str_of(its->v[i].name));
		json_t *const reason = json_from_str(str_of(why));
		if (image)
			json_array_append_new(ret, json_pack("{s:O, s:o}", "image", image, "reason",
			                                     reason ? reason : json_string("")));
		json_decref(image);
	}
}

/* --- a job --- */

/* What this job has written is looked at by who watches it, and goes on or back. */
static bool
is_asked(const struct wave_target *v)
{
	return v->dead.code == ERR_OK && !v->was_begun;
}

static int
first_block(const struct wave_target *v, const struct findings *f, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].level != FINDING_BLOCK)
			continue;
		err_set(e, ERR_POLICY, "target \"%s\": %s", v->row.name, f->v[i].text);
		return err_hint(e, "%s", f->v[i].hint);
	}
	return 0;
}

static int
judge_all(const struct wave *w, const struct fetches *its, const struct image_looks *looks,
          struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < w->n; i++) {
		struct findings found = { 0 };

		if (!is_asked(&w->v[i]))
			continue;
		offline_judge(w->offline, w->plan, &its[i], looks, &found);
		rc = first_block(&w->v[i], &found, e);
		findings_fini(&found);
	}
	return rc;
}

int
offline_check(struct wave *w, struct err *e)
{
	cleanup_free struct image_names *names = xcalloc(w->n + 1, sizeof *names);
	cleanup_free struct fetches *its = xcalloc(w->n + 1, sizeof *its);
	struct image_looks looks = { 0 };
	int rc = 0;

	if (!w->offline || w->n == 0)
		return 0;
	for (size_t i = 0; rc == 0 && i < w->n; i++) {
		if (is_asked(&w->v[i]))
			rc = offline_fetches(&w->v[i], &its[i], e);
		names[i] = its[i].images; /* borrowed */
	}
	if (rc == 0) {
		image_looks(names, w->n, w->offline, &w->v[0].t, &looks);
		rc = judge_all(w, its, &looks, e);
		image_looks_fini(&looks);
	}
	for (size_t i = 0; i < w->n; i++)
		fetches_fini(&its[i]);
	return rc;
}
