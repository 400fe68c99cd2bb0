/* SPDX-License-Identifier: Apache-2.0 */
/* A policy as lines of title and text, in the order of the document. */
#include "registry/policy_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "registry/base/clock.h"
#include "registry/base/vec.h"
#include "registry/labels.h"

struct lines {
	policy_line_fn *fn;
	void *arg;
};

static PRINTF(3, 4) void line(const struct lines *l, const char *title, const char *fmt, ...)
{
	cleanup_buf struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	l->fn(l->arg, title, buf_cstr(&text));
}

static void
people(const struct policy *p, const struct lines *l)
{
	for (size_t i = 0; i < p->people_n; i++)
		for (size_t k = 0; k < p->people[i].keys_n; k++)
			line(l, p->people[i].id, "%s", p->people[i].keys[k].id);
}

static void
roles(const struct policy *p, const struct lines *l)
{
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		cleanup_buf struct buf names = { 0 };
		char title[32];
		for (size_t k = 0; k < p->people_n; k++)
			if (p->roles[i] & UINT64_C(1) << k)
				buf_addf(&names, "%s%s", names.n > 0 ? ", " : "", p->people[k].id);
		(void)snprintf(title, sizeof title, "role %s",
		               policy_role_name((enum policy_role)i));
		line(l, title, "%s", names.n > 0 ? buf_cstr(&names) : "nobody");
	}
}

static void
break_glass(const struct policy_stage *s, const struct lines *l)
{
	cleanup_buf struct buf names = { 0 };

	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (s->break_glass & ROLE_BIT(i))
			buf_addf(&names, "%s%s", names.n > 0 ? ", " : "",
			         policy_role_name((enum policy_role)i));
	if (names.n > 0)
		line(l, s->name, "break-glass by %s", buf_cstr(&names));
}

static void
canary(const struct policy_stage *s, const struct lines *l)
{
	cleanup_buf struct buf steps = { 0 };

	canary_steps_text(&s->canary, &steps);
	if (steps.n > 0)
		line(l, s->name, "steps %s", buf_cstr(&steps));
	for (size_t i = 0; i < s->canary.limits_n; i++)
		line(l, s->name, "limit %s", s->canary.limits[i].text);
	if (s->has_limits && s->canary.limits_n == 0)
		line(l, s->name, "limits none");
}

static void
stage(const struct policy_stage *s, const struct lines *l)
{
	static const char *const layers[] = PROOF_WORDS;

	line(l, "stage", "%" PRIu64 " %s%s", s->order, s->name,
	     s->is_protected ? ", protected" : "");
	if (s->approvals > 0)
		line(l, s->name, "%" PRIu64 " approval%s, counting for %" PRIu64 " h", s->approvals,
		     s->approvals == 1 ? "" : "s", s->approval_hours);
	break_glass(s, l);
	if (s->min_proof >= 0)
		line(l, s->name, "min-proof %s", layers[s->min_proof]);
	for (size_t i = 0; i < s->gates_n; i++)
		line(l, s->name, "gate %s", s->gates[i].text);
	canary(s, l);
}

static void
sites(const struct policy *p, const struct lines *l)
{
	for (size_t i = 0; i < p->sites_n; i++) {
		const struct policy_site *const s = &p->sites[i];
		cleanup_buf struct buf counts = { 0 };
		char title[SIGNER_SIZE + 8], hex[DIGEST_HEX_SIZE];
		digest_hex(&s->root, hex);
		policy_counts_text(s->counts, &counts);
		(void)snprintf(title, sizeof title, "site %s", s->name);
		line(l, title, "sha256:%s, for %s", hex, buf_cstr(&counts));
	}
}

static void
offline(const struct policy *p, const struct lines *l)
{
	cleanup_buf struct buf registries = { 0 }, schemes = { 0 };

	if (!p->offline)
		return;
	policy_offline_text(p, "registries", &registries);
	policy_offline_text(p, "schemes", &schemes);
	line(l, "offline", "registries %s", buf_cstr(&registries));
	line(l, "offline", "schemes %s", buf_cstr(&schemes));
}

void
policy_lines(const struct policy *p, policy_line_fn *fn, void *arg)
{
	const struct lines l = { fn, arg };
	char when[CLOCK_TEXT_SIZE] = "never";

	if (p->expires_s != 0)
		clock_text(when, p->expires_s);
	line(&l, "expires", "%s", when);
	line(&l, "root-threshold", "%" PRIu64, p->root_threshold);
	people(p, &l);
	roles(p, &l);
	for (size_t i = 0; i < p->stages_n; i++)
		stage(&p->stages[i], &l);
	for (size_t i = 0; i < p->revoked_n; i++)
		line(&l, "revoked", "%s from log entry %" PRIu64 " on", p->revoked[i].key.id,
		     p->revoked[i].at);
	sites(p, &l);
	offline(p, &l);
}

/* --- what differs --- */

struct pair {
	char *title, *text;
};
struct pairs {
	VEC(struct pair) all;
};

static void
keep(void *arg, const char *title, const char *text)
{
	struct pairs *const w = arg;
	const struct pair one = { xstrdup(title), xstrdup(text) };

	vec_push(&w->all, one);
}

static bool
has(const struct pairs *w, const struct pair *one)
{
	for (size_t i = 0; i < w->all.n; i++)
		if (streq(w->all.v[i].title, one->title) && streq(w->all.v[i].text, one->text))
			return true;
	return false;
}

static void
release(struct pairs *w)
{
	vec_foreach(p, &w->all) {
		free(p->title);
		free(p->text);
	}
	vec_fini(&w->all);
}

void
policy_lines_beyond(const struct policy *a, const struct policy *b, policy_line_fn *fn, void *arg)
{
	struct pairs had = { 0 }, now = { 0 };

	policy_lines(a, keep, &had);
	policy_lines(b, keep, &now);
	vec_foreach(p, &now.all)
		if (!has(&had, p))
			fn(arg, p->title, p->text);
	release(&had);
	release(&now);
}
