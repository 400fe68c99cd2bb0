/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan says of the images of its targets. What is missing is said and keeps nobody from
 * going on: nodes may have a mirror. At a site without a connection it blocks, by findings.
 */
#include <inttypes.h>
#include <string.h>

#include "deploy/agent_private.h"
#include "deploy/offline_check.h"

#define NAMED 3 /* in one line; each is with its target */

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
images_json(const struct image_names *its, const struct image_looks *all)
{
	json_t *array = json_array();

	for (size_t i = 0; i < its->n; i++)
		json_array_append_new(array,
		                      image_json(&its->v[i], image_look(all, its->v[i].name)));
	return array;
}

/* For the head of the plan. NULL: none is missing. */
static json_t *
say_missing(const struct wave *w, const json_t *carry)
{
	const size_t n = json_array_size(carry);
	const bool is_one = n == 1;
	cleanup_buf struct buf names = { 0 };

	for (size_t i = 0; i < n && i < NAMED; i++)
		buf_addf(&names, "%s%s", i > 0 ? ", " : "",
		         json_text(json_array_get(carry, i), "image"));
	if (n > NAMED)
		buf_addf(&names, " and %zu more", n - NAMED);
	if (n == 0)
		return NULL;
	if (w->offline)
		return json_sprintf(
		        "%zu image%s to be carried here, slipway bundle want %s@v%" PRIu64
		        " --to %s lists %s: %s",
		        n, is_one ? " has" : "s have", w->plan->model, w->plan->number,
		        w->plan->stage, is_one ? "it" : "them", buf_cstr(&names));
	return json_sprintf("%zu image%s not in %s registry, nodes without a mirror cannot pull "
	                    "%s: %s",
	                    n, is_one ? " is" : "s are", is_one ? "its" : "their",
	                    is_one ? "it" : "them", buf_cstr(&names));
}

/* Of a target that answered. */
static void
add_offline(const struct wave *w, const struct fetches *its, const struct image_looks *looks,
            json_t *target, bool *ret_blocked)
{
	cleanup_json json_t *more = NULL;
	struct findings found = { 0 };

	offline_judge(w->offline, w->plan, its, looks, &found);
	more = agent_findings_json(&found, ret_blocked);
	json_array_extend(json_object_get(target, "findings"), more);
	findings_fini(&found);
}

json_t *
agent_images(const struct wave *w, const struct fetches *its, json_t *targets, json_t *carry,
             bool *ret_blocked)
{
	cleanup_free struct image_names *names = xcalloc(w->n + 1, sizeof *names);
	struct image_looks looks;

	for (size_t i = 0; i < w->n; i++)
		names[i] = its[i].images; /* borrowed */
	image_looks(names, w->n, w->offline, w->n > 0 ? &w->v[0].t : NULL, &looks);
	for (size_t i = 0; i < w->n; i++) {
		json_t *const target = json_array_get(targets, i);

		json_object_set_new(target, "images", images_json(&names[i], &looks));
		if (w->offline && !json_is_null(json_object_get(target, "facts")))
			add_offline(w, &its[i], &looks, target, ret_blocked);
		offline_carry(w->offline, &names[i], &looks, carry);
	}
	image_looks_fini(&looks);
	return say_missing(w, carry);
}
