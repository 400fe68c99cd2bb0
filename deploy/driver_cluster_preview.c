/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would change, by the server's own dry run: it fills in, rewrites and refuses as it would in
 * earnest, and keeps nothing. Fields are grouped by who says them; our stamps are left out, as
 * every plan changes them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"
#include "registry/base/clock.h"
#include "registry/base/text.h"

#define TRIAL_MS 60000 /* so long one is as good as new for people to read */

struct cluster_trial {
	struct kube_reply reply;
	struct kube_reply taken; /* the conflicts that the plan takes upon itself */
	json_t *live;
	char *body;
	uint64_t made_ms;
	struct cluster_trial *next;
};

static void
trial_fini(struct cluster_trial *t)
{
	kube_reply_fini(&t->reply);
	kube_reply_fini(&t->taken);
	json_decref(t->live);
	free(t->body);
	*t = (struct cluster_trial){ 0 };
}

void
cluster_trials_free(struct cluster_trial *list)
{
	while (list) {
		struct cluster_trial *const next = list->next;

		trial_fini(list);
		free(list);
		list = next;
	}
}

/* For the preview that comes next. */
static void
keep(struct cluster *c, struct cluster_trial *t)
{
	struct cluster_trial *const kept = xmalloc(sizeof *kept);

	*kept = *t;
	*t = (struct cluster_trial){ 0 };
	kept->next = c->tried;
	c->tried = kept;
}

static bool
take_kept(struct cluster *c, const char *body, struct cluster_trial *ret)
{
	for (struct cluster_trial **at = &c->tried; *at; at = &(*at)->next) {
		struct cluster_trial *const one = *at;

		if (!streq(one->body, body) || clock_mono_ms() - one->made_ms > TRIAL_MS)
			continue;
		*at = one->next;
		*ret = *one;
		ret->next = NULL;
		free(one);
		return true;
	}
	return false;
}

static int
try_object(struct cluster *c, const struct rollout *q, const json_t *object,
           struct cluster_trial *ret, struct err *e)
{
	cleanup_buf struct buf path = { 0 }, body = { 0 };
	int rc;

	*ret = (struct cluster_trial){ 0 };
	json_canonical(object, &body);
	if (take_kept(c, buf_cstr(&body), ret))
		return 0;
	rc = cluster_get(c, object, &ret->live, e);
	if (rc == 0)
		rc = cluster_path(object, &path, e);
	if (rc < 0)
		return rc;
	ret->body = xstrdup(buf_cstr(&body));
	ret->made_ms = clock_mono_ms();
	struct kube_apply a = { .path = buf_cstr(&path), .body = buf_str(&body), .dry_run = true };
	rc = kube_apply(c->k, &a, &ret->reply, e);
	if (rc != -ERR_CONFLICT || !cluster_may_take(q, &ret->reply))
		return rc;
	ret->taken = ret->reply;
	ret->reply = (struct kube_reply){ 0 };
	err_clear(e);
	a.force = true;
	return kube_apply(c->k, &a, &ret->reply, e);
}

/* A webhook that does more than it says cannot be tried: nothing is known then. */
static bool
is_untriable(const struct err *e)
{
	return strstr(e->msg, "does not support dry run") != NULL;
}

static void
add_refusal(const json_t *object, const struct cluster_trial *t, const struct err *e,
            struct findings *ret)
{
	const char *kind = kube_text(object, "kind"), *name = kube_text(object, "metadata.name");

	if (is_untriable(e)) {
		findings_add(ret, FINDING_UNKNOWN, "dry-run", NULL, "%s \"%s\" cannot be tried: %s",
		             kind, name, e->msg);
		return;
	}
	if (strstr(e->msg, ".spec.canary: field not declared in schema")) {
		findings_add(ret, FINDING_BLOCK, "canary", "plan it without --steps",
		             "the cluster's %s has no spec.canary: KServe has it from 0.20 on",
		             kind);
		return;
	}
	for (size_t i = 0; i < t->reply.conflicts_n; i++)
		findings_add(ret, FINDING_BLOCK, "conflict",
		             "take the field out of the target's settings, have its owner give it "
		             "up, or plan it with --take FIELD",
		             "%s \"%s\": \"%s\" belongs to \"%s\"%s%s", kind, name,
		             t->reply.conflicts[i].field, t->reply.conflicts[i].manager,
		             t->reply.conflicts[i].time[0] ? " since " : "",
		             t->reply.conflicts[i].time);
	if (t->reply.conflicts_n == 0)
		findings_add(ret, FINDING_BLOCK, e->code == ERR_POLICY ? "quota" : "refused",
		             e->hint[0] ? e->hint : NULL, "the cluster refuses %s \"%s\": %s", kind,
		             name, e->msg);
}

static void
add_taken(const json_t *object, const struct cluster_trial *t, struct findings *ret)
{
	for (size_t i = 0; i < t->taken.conflicts_n; i++)
		findings_add(ret, FINDING_WARN, "take", "it is not asked, and may set it again",
		             "%s \"%s\": \"%s\" is taken from \"%s\"", kube_text(object, "kind"),
		             kube_text(object, "metadata.name"), t->taken.conflicts[i].field,
		             t->taken.conflicts[i].manager);
}

static bool
is_refusal(int rc)
{
	return rc == -ERR_CONFLICT || rc == -ERR_ROLLOUT_FAILED || rc == -ERR_DENIED ||
	       rc == -ERR_POLICY || rc == -ERR_NOT_FOUND;
}

int
cluster_try(struct cluster *c, const struct rollout *q, const json_t *object, struct findings *ret,
            struct err *e)
{
	struct cluster_trial t;
	int rc = try_object(c, q, object, &t, e);

	if (rc == 0) {
		add_taken(object, &t, ret);
		keep(c, &t);
	}
	if (is_refusal(rc)) {
		add_refusal(object, &t, e, ret);
		err_clear(e);
		rc = 0;
	}
	trial_fini(&t);
	return rc;
}

int
cluster_dry_run(struct cluster *c, const struct rollout *q, struct findings *ret, struct err *e)
{
	cleanup_json json_t *wanted = NULL;
	const json_t *one;
	size_t i;
	int rc;

	rc = cluster_wanted(c, q, &wanted, e);
	json_array_foreach(json_object_get(wanted, "apply"), i, one)
	{
		if (rc < 0)
			return rc;
		rc = cluster_try(c, q, one, ret, e);
	}
	return rc;
}

/* --- for people --- */

/* Our own words on it: they say again what the plan's head says. */
static bool
is_stamp(const char *field)
{
	return strstr(field, ".metadata.labels.slipway.dev/") ||
	       strstr(field, ".metadata.annotations.slipway.dev/");
}

/* Of what is made anew, its metadata and what is filled in are no news. */
static bool
is_news(const struct kube_change *one, bool is_made)
{
	static const char *const dull[] = { ".metadata.", ".spec.template.metadata.",
		                            ".spec.selector." };

	if (is_stamp(one->field))
		return false;
	if (is_made && one->group == KUBE_DEFAULTED)
		return false;
	for (size_t i = 0; is_made && i < COUNT(dull); i++) {
		if (has_prefix(one->field, dull[i]))
			return false;
	}
	return true;
}

static bool
any_of(const struct kube_changes *c, enum kube_group g, bool is_made)
{
	for (const struct kube_change *one = c->v; one && one < c->v + c->n; one++) {
		if (one->group == g && is_news(one, is_made))
			return true;
	}
	return false;
}

static void
add_group(const struct kube_changes *c, enum kube_group g, bool is_made, struct buf *ret)
{
	static const char *const titles[] = {
		[KUBE_OURS] = "ours",
		[KUBE_DEFAULTED] = "defaulted by the cluster",
		[KUBE_FOREIGN] = "owned by somebody else",
	};

	if (!any_of(c, g, is_made))
		return;
	buf_addf(ret, "  %s\n", titles[g]);
	for (const struct kube_change *one = c->v; one && one < c->v + c->n; one++) {
		if (one->group != g || !is_news(one, is_made))
			continue;
		buf_addf(ret, "    %s: %s -> %s%s%s%s\n", one->field,
		         one->before ? one->before : "(none)", one->after ? one->after : "(none)",
		         one->manager[0] ? " (" : "", one->manager, one->manager[0] ? ")" : "");
	}
}

/* A new plan is stamped on the pods, so they are replaced whatever else changes. */
static void
add_restarts(const json_t *object, const struct cluster_trial *t, struct buf *ret)
{
	const char *kind = kube_text(object, "kind");

	if (!t->live || (!streq(kind, "Deployment") && !streq(kind, "InferenceService")))
		return;
	buf_adds(ret, "  its pods are replaced\n");
}

static void
add_warnings(struct cluster_trial *t, struct buf *ret)
{
	const char *line = buf_cstr(&t->reply.warnings);

	while (*line) {
		const size_t n = strcspn(line, "\n");

		buf_adds(ret, "  the cluster warns: ");
		text_safe(ret, (struct str){ line, n });
		buf_addc(ret, '\n');
		line += n + (line[n] == '\n');
	}
}

static void
add_object(const json_t *object, struct cluster_trial *t, struct buf *ret)
{
	struct kube_changes changes = { 0 };
	bool any = false;

	kube_diff(t->live, t->reply.object, KUBE_FIELD_MANAGER, &changes);
	for (int g = KUBE_OURS; g <= KUBE_FOREIGN; g++)
		any = any || any_of(&changes, (enum kube_group)g, false);
	buf_addf(ret, "%s %s%s\n", kube_text(object, "kind"), kube_text(object, "metadata.name"),
	         !t->live ? " is made"
	         : any    ? ""
	                  : " stays as it is");
	for (int g = KUBE_OURS; g <= KUBE_FOREIGN; g++)
		add_group(&changes, (enum kube_group)g, !t->live, ret);
	if (changes.is_cut)
		buf_adds(ret, "    and more\n");
	add_restarts(object, t, ret);
	add_warnings(t, ret);
	kube_changes_fini(&changes);
}

static int
preview_delete(struct cluster *c, const json_t *gone, struct buf *ret, struct err *e)
{
	const json_t *one;
	size_t i;

	json_array_foreach(gone, i, one)
	{
		cleanup_json json_t *live = NULL;
		int rc = cluster_get(c, one, &live, e);

		if (rc < 0)
			return rc;
		buf_addf(ret, "%s %s %s\n", kube_text(one, "kind"), kube_text(one, "metadata.name"),
		         live ? "is deleted" : "is not there");
	}
	return 0;
}

int
cluster_preview(void *st, const struct rollout *q, struct str rendered, struct preview *ret,
                struct err *e)
{
	struct cluster *c = st;
	cleanup_json json_t *j = NULL;
	const json_t *one;
	size_t i;
	int rc;

	rc = json_parse(rendered, "rendered objects", &j, e);
	if (rc == 0)
		rc = cluster_kube(c, e);
	if (rc < 0)
		return rc;
	ret->verified = true;
	json_array_foreach(json_object_get(j, "apply"), i, one)
	{
		struct cluster_trial t;

		rc = try_object(c, q, one, &t, e);
		if (rc == 0)
			add_object(one, &t, &ret->text);
		if (is_refusal(rc)) {
			ret->verified = false;
			buf_addf(&ret->text, "%s %s is refused by the cluster\n",
			         kube_text(one, "kind"), kube_text(one, "metadata.name"));
			err_clear(e);
			rc = 0;
		}
		trial_fini(&t);
		if (rc < 0)
			return rc;
	}
	kubernetes_say_split(c, q, &ret->text);
	return preview_delete(c, json_object_get(j, "delete"), &ret->text, e);
}
