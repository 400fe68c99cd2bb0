/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The images of a plan's targets, each asked for once however many targets want it. What is missing
 * is said and keeps nobody from going on: nodes may have a mirror.
 */
#include <string.h>

#include "deploy/agent_private.h"
#include "deploy/oci_look.h"
#include "deploy/side_by_side.h"

#define NAMED 3 /* in one line; each is with its target */

struct looks {
	const struct image_names *names;
	struct oci_look *v;
	const struct wave_target *asks; /* whose word ends it */
};

static void
look_one(void *arg, size_t i)
{
	struct looks *const all = arg;
	const struct image_name *const name = &all->names->v[i];
	const struct remote_options o = { .allow_plain = name->allow_plain,
		                          .check = all->asks->t.check,
		                          .arg = all->asks->t.check_arg };

	oci_look(name->name, &o, &all->v[i]);
}

static void
image_text(const struct image_name *name, const struct oci_look *l, struct buf *ret)
{
	char hex[DIGEST_HEX_SIZE];

	buf_addf(ret, "%s: ", name->name);
	switch (l->seen) {
	case OCI_THERE:
		digest_hex(&l->digest, hex);
		if (!l->has_digest)
			buf_adds(ret, "there, its registry does not say its digest");
		else if (strstr(name->name, hex))
			buf_adds(ret, "there");
		else
			buf_addf(ret, "there, sha256:%s", hex);
		break;
	case OCI_ABSENT:
		if (name->is_ours)
			buf_adds(ret, "not there yet, this rollout puts it there");
		else
			buf_addf(ret, "not found%s%s", l->why[0] ? ": " : "", l->why);
		break;
	case OCI_NOT_ASKED:
		buf_addf(ret, "not asked: %s", l->why);
		break;
	}
}

static json_t *
image_json(const struct image_name *name, const struct oci_look *l)
{
	static const char *const states[] = { "there", "not found", "not asked" };
	cleanup_buf struct buf text = { 0 };
	json_t *o = json_object();

	image_text(name, l, &text);
	agent_set_text(o, "image", name->name);
	agent_set_text(o, "state", states[l->seen]);
	json_object_set_new(o, "digest",
	                    l->seen == OCI_THERE && l->has_digest ? json_from_digest(&l->digest)
	                                                          : json_null());
	json_object_set_new(o, "pushed", json_boolean(name->is_ours));
	agent_set_text(o, "text", buf_cstr(&text));
	return o;
}

/* Of one target, as they were found among all. */
static json_t *
images_json(const struct image_names *its, const struct looks *all)
{
	json_t *array = json_array();

	for (size_t i = 0; i < its->n; i++) {
		for (size_t k = 0; k < all->names->n; k++) {
			if (streq(all->names->v[k].name, its->v[i].name))
				json_array_append_new(array, image_json(&its->v[i], &all->v[k]));
		}
	}
	return array;
}

/* For the head of the plan. NULL: none is missing. */
static json_t *
say_missing(const struct looks *all)
{
	cleanup_buf struct buf names = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < all->names->n; i++) {
		if (all->v[i].seen != OCI_ABSENT || all->names->v[i].is_ours)
			continue;
		if (n < NAMED)
			buf_addf(&names, "%s%s", n > 0 ? ", " : "", all->names->v[i].name);
		n++;
	}
	if (n > NAMED)
		buf_addf(&names, " and %zu more", n - NAMED);
	return n == 0 ? NULL
	              : json_sprintf("%zu image%s not in %s registry, nodes without a mirror "
	                             "cannot pull %s: %s",
	                             n, n == 1 ? " is" : "s are", n == 1 ? "its" : "their",
	                             n == 1 ? "it" : "them", buf_cstr(&names));
}

json_t *
agent_images(const struct wave *w, const struct image_names *its, json_t *targets)
{
	struct image_names names = { 0 };
	struct looks all = { .names = &names, .asks = w->v };
	json_t *ret;

	for (size_t i = 0; i < w->n; i++) {
		for (size_t k = 0; k < its[i].n; k++)
			image_names_add(&names, its[i].v[k]);
	}
	all.v = xcalloc(names.n + 1, sizeof *all.v);
	side_by_side(0, names.n, look_one, &all);
	for (size_t i = 0; i < w->n; i++)
		json_object_set_new(json_array_get(targets, i), "images",
		                    images_json(&its[i], &all));
	ret = say_missing(&all);
	free(all.v);
	image_names_fini(&names);
	return ret;
}
