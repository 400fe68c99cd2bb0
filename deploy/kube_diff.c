/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two states of an object, field by field. Elements of lists are paired by the member that names
 * them where all have one (as the API server does), else by place. A change is ours when our apply
 * says that field, somebody's when another manager has it, and else the cluster's filling in.
 */
#include "deploy/kube_diff.h"

#include <stdio.h>
#include <string.h>

#include "deploy/kube_look.h"
#include "registry/base/text.h"

#define VALUE_MAX 160

static const char *const names[] = { "name", "containerPort", "port", "mountPath",
	                             "type", "key",           "uid" };

/* The member that tells the elements of these lists apart; NULL: none does. */
static const char *
naming(const json_t *a, const json_t *b)
{
	const json_t *const lists[] = { a, b };

	for (size_t k = 0; k < COUNT(names); k++) {
		bool is_good = json_array_size(a) + json_array_size(b) > 0;

		for (size_t l = 0; l < COUNT(lists); l++) {
			for (size_t i = 0; is_good && i < json_array_size(lists[l]); i++) {
				const json_t *v =
				        json_object_get(json_array_get(lists[l], i), names[k]);

				is_good = v != NULL;
				for (size_t j = 0; is_good && j < i; j++)
					is_good = !json_equal(
					        v, json_object_get(json_array_get(lists[l], j),
					                           names[k]));
			}
		}
		if (is_good)
			return names[k];
	}
	return NULL;
}

static const json_t *
find_named(const json_t *list, const char *key, const json_t *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (json_equal(json_object_get(one, key), name))
			return one;
	}
	return NULL;
}

static void
step_text(const struct kube_step *s, struct buf *ret)
{
	const json_t *name = NULL;

	if (s->key) {
		buf_addc(ret, '.');
		text_safe(ret, str_of(s->key));
		return;
	}
	for (size_t k = 0; !name && k < COUNT(names); k++)
		name = json_object_get(s->element, names[k]);
	if (json_is_string(name)) {
		buf_addc(ret, '[');
		text_safe(ret, str_of(json_string_value(name)));
		buf_addc(ret, ']');
	} else if (json_is_integer(name)) {
		buf_addf(ret, "[%lld]", (long long)json_integer_value(name));
	} else {
		buf_addf(ret, "[%zu]", s->index);
	}
}

void
kube_field_text(const struct kube_field *f, struct buf *ret)
{
	for (size_t i = 0; i < f->n; i++)
		step_text(&f->v[i], ret);
}

void
kube_changes_fini(struct kube_changes *c)
{
	vec_foreach(one, c) {
		free(one->field);
		free(one->before);
		free(one->after);
	}
	vec_fini(c);
}

static char *
value_text(const json_t *v)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_free char *s = NULL;
	size_t n;

	if (!v)
		return NULL;
	s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	text_safe(&b, str_of(s ? s : "?"));
	n = b.n < VALUE_MAX ? b.n : VALUE_MAX;
	while (n > 0 && n < b.n && ((unsigned char)b.p[n] & 0xC0) == 0x80)
		n--;
	return n < b.n ? xasprintf("%.*s...", (int)n, b.p) : xstrndup(b.n ? b.p : "", n);
}

/* --- what is compared --- */

struct walk {
	const json_t *live, *dry; /* whole objects, for their owners */
	const char *ours;
	bool is_drift; /* only what b says is looked at */
	struct kube_field at;
	struct kube_changes *ret;
};

/* Who scales through the API by a rule of his own, and not a person through kubectl. */
static bool
is_autoscaler(const json_t *entry)
{
	const char *manager = kube_text(entry, "manager");

	return strstr(manager, "autoscaler") ||
	       (streq(kube_text(entry, "subresource"), "scale") &&
	        streq(manager, "kube-controller-manager"));
}

static void
set_owner(const struct walk *w, const char *field, struct kube_change *c)
{
	const json_t *entry = kube_other_entry(w->live, w->ours, &w->at);

	kube_other_owner(w->live, w->ours, &w->at, c->manager);
	kube_safe(c->since, sizeof c->since, kube_text(entry, "time"));
	c->is_autoscaled = streq(field, ".spec.replicas") && is_autoscaler(entry);
}

static void
add_change(struct walk *w, const json_t *before, const json_t *after)
{
	struct kube_change c = { .group = KUBE_DEFAULTED };
	cleanup_buf struct buf field = { 0 };
	bool is_ours;

	if (w->ret->n >= KUBE_CHANGES_MAX) {
		w->ret->is_cut = true;
		return;
	}
	kube_field_text(&w->at, &field);
	set_owner(w, buf_cstr(&field), &c);
	c.is_ours = kube_is_owned(w->live, w->ours, &w->at);
	is_ours = (w->dry && kube_is_owned(w->dry, w->ours, &w->at)) ||
	          kube_is_owned(w->live, w->ours, &w->at);
	if (w->is_drift)
		c.group = c.manager[0] ? KUBE_FOREIGN : KUBE_OURS;
	else if (c.manager[0])
		c.group = KUBE_FOREIGN;
	else if (is_ours)
		c.group = KUBE_OURS;
	c.field = buf_steal(&field);
	c.before = value_text(before);
	c.after = value_text(after);
	vec_push(w->ret, c);
}

/* "1", "1000m", "1Gi": equal in value though written otherwise. */
static double
quantity(const char *s)
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = { { "", 1 },
		      { "m", 1e-3 },
		      { "k", 1e3 },
		      { "M", 1e6 },
		      { "G", 1e9 },
		      { "T", 1e12 },
		      { "Ki", 1024.0 },
		      { "Mi", 1048576.0 },
		      { "Gi", 1073741824.0 },
		      { "Ti", 1099511627776.0 } };
	char number[32];
	const size_t n = strspn(s, "0123456789.");
	double v;

	if (n == 0 || n >= sizeof number)
		return -1;
	memcpy(number, s, n);
	number[n] = '\0';
	for (size_t i = 0; i < COUNT(units); i++) {
		if (streq(s + n, units[i].unit) && parse_double(number, &v) == 0)
			return v * units[i].factor;
	}
	return -1;
}

static bool
is_same(const json_t *a, const json_t *b)
{
	double x, y;

	if (json_equal(a, b))
		return true;
	if (!json_is_string(a) || !json_is_string(b))
		return false;
	x = quantity(json_string_value(a));
	y = quantity(json_string_value(b));
	return x >= 0 && y >= 0 && x <= y * (1 + 1e-9) && y <= x * (1 + 1e-9);
}

/* What nobody says and everybody changes. */
static bool
is_noise(const struct kube_field *at, const char *key)
{
	static const char *const metadata[] = { "managedFields", "resourceVersion",   "generation",
		                                "uid",           "creationTimestamp", "selfLink" };

	if (at->n == 0)
		return streq(key, "status");
	if (at->n != 1 || !at->v[0].key || !streq(at->v[0].key, "metadata"))
		return false;
	for (size_t i = 0; i < COUNT(metadata); i++) {
		if (streq(key, metadata[i]))
			return true;
	}
	return false;
}

static void compare(struct walk *w, const json_t *a, const json_t *b);

static void
down(struct walk *w, const struct kube_step *s, const json_t *a, const json_t *b)
{
	w->at.v[w->at.n++] = *s;
	compare(w, a, b);
	w->at.n--;
}

static void
compare_objects(struct walk *w, const json_t *a, const json_t *b)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)a, key, v)
	{
		const struct kube_step s = { .key = key };

		if (!is_noise(&w->at, key))
			down(w, &s, v, json_object_get(b, key));
	}
	if (w->is_drift)
		return;
	json_object_foreach((json_t *)(uintptr_t)b, key, v)
	{
		const struct kube_step s = { .key = key };

		if (!json_object_get(a, key) && !is_noise(&w->at, key))
			down(w, &s, NULL, v);
	}
}

/* As many objects on both sides and no names: each against the one in its place. */
static bool
is_paired(const json_t *a, const json_t *b)
{
	const size_t n = json_array_size(a);
	bool is_good = n == json_array_size(b);

	for (size_t i = 0; is_good && i < n; i++)
		is_good = json_is_object(json_array_get(a, i)) &&
		          json_is_object(json_array_get(b, i));
	return is_good;
}

static const json_t *
partner(const char *key, const json_t *one, const json_t *list, size_t i)
{
	return key ? find_named(list, key, json_object_get(one, key)) : json_array_get(list, i);
}

static void
compare_arrays(struct walk *w, const json_t *a, const json_t *b)
{
	const char *key = naming(a, b);
	const json_t *one;
	size_t i;

	if (!key && !is_paired(a, b)) {
		add_change(w, a, b);
		return;
	}
	json_array_foreach(a, i, one)
	{
		const struct kube_step s = { .element = one, .index = i };

		down(w, &s, one, partner(key, one, b, i));
	}
	if (w->is_drift)
		return;
	json_array_foreach(b, i, one)
	{
		const struct kube_step s = { .element = one, .index = i };

		if (!partner(key, one, a, i))
			down(w, &s, NULL, one);
	}
}

/* An object that comes or goes as a whole is told member by member when more than its being there
 * is known: who owns what differs. */
static bool
is_deep(const json_t *v)
{
	return json_object_size(v) > 0;
}

static bool
is_nothing(const json_t *v)
{
	return (json_is_object(v) || json_is_array(v)) && !json_object_size(v) &&
	       !json_array_size(v);
}

static void
compare(struct walk *w, const json_t *a, const json_t *b)
{
	if (is_same(a, b) && (a || b))
		return;
	if (w->at.n >= KUBE_DEPTH_MAX) {
		add_change(w, a, b);
		return;
	}
	if (json_is_object(a) && json_is_object(b))
		compare_objects(w, a, b);
	else if (json_is_array(a) && json_is_array(b))
		compare_arrays(w, a, b);
	else if ((!a && is_deep(b)) || (!b && is_deep(a)))
		compare_objects(w, a, b);
	else if ((!a && json_is_array(b) && naming(a, b)) ||
	         (!b && json_is_array(a) && naming(a, b)))
		compare_arrays(w, a, b);
	/* sent as nothing and left out by the server: the same */
	else if (!(w->is_drift && !b && is_nothing(a)))
		add_change(w, a, b);
}

void
kube_diff(const json_t *live, const json_t *dry, const char *ours, struct kube_changes *ret)
{
	struct walk w = { .live = live, .dry = dry, .ours = ours, .ret = ret };

	compare_objects(&w, live, dry);
}

void
kube_drift(const json_t *sent, const json_t *live, const char *ours, struct kube_changes *ret)
{
	struct walk w = { .live = live, .ours = ours, .is_drift = true, .ret = ret };

	compare_objects(&w, sent, live);
}

/* --- what others have --- */

struct foreign {
	const json_t *live; /* the whole object */
	const char *ours;
	struct kube_field at;
};

static void add_members(struct foreign *f, const json_t *sent, const json_t *live, json_t *into);

static bool
is_foreign(const struct foreign *f)
{
	char owner[128];

	kube_other_owner(f->live, f->ours, &f->at, owner);
	return owner[0] && !kube_is_owned(f->live, f->ours, &f->at);
}

/* Elements that into does not have come with the member that names them. */
static void
add_elements(struct foreign *f, const char *key, const json_t *sent, const json_t *live,
             json_t *into)
{
	const json_t *one;
	size_t i;

	json_array_foreach(sent, i, one)
	{
		const json_t *name = json_object_get(one, key), *has = find_named(live, key, name);
		const json_t *old = find_named(into, key, name);
		json_t *part = old ? json_incref((json_t *)(uintptr_t)old) : json_object();
		const size_t n = json_object_size(part);

		if (has) {
			f->at.v[f->at.n++] = (struct kube_step){ .element = has, .index = i };
			add_members(f, one, has, part);
			f->at.n--;
		}
		if (!old && json_object_size(part) > n) {
			json_object_set(part, key, (json_t *)(uintptr_t)name);
			json_array_append(into, part);
		}
		json_decref(part);
	}
}

static void
add_member(struct foreign *f, const char *member, const json_t *sent, const json_t *live,
           json_t *into)
{
	const char *key = json_is_array(sent) && json_is_array(live) ? naming(sent, live) : NULL;
	json_t *old = json_object_get(into, member), *part;

	if (!key && !(json_is_object(sent) && json_is_object(live))) {
		if (is_foreign(f))
			json_object_set_new(into, member, json_deep_copy(live));
		return;
	}
	part = old ? json_incref(old) : key ? json_array() : json_object();
	if (key)
		add_elements(f, key, sent, live, part);
	else
		add_members(f, sent, live, part);
	if (!old && (json_array_size(part) > 0 || json_object_size(part) > 0))
		json_object_set(into, member, part);
	json_decref(part);
}

static void
add_members(struct foreign *f, const json_t *sent, const json_t *live, json_t *into)
{
	const char *key;
	json_t *v;

	if (f->at.n + 2 >= KUBE_DEPTH_MAX)
		return;
	json_object_foreach((json_t *)(uintptr_t)sent, key, v)
	{
		const json_t *has = json_object_get(live, key);

		if (!has)
			continue;
		f->at.v[f->at.n++] = (struct kube_step){ .key = key };
		add_member(f, key, v, has, into);
		f->at.n--;
	}
}

void
kube_add_foreign(const json_t *sent, const json_t *live, const char *ours, json_t *into)
{
	struct foreign f = { .live = live, .ours = ours };

	add_members(&f, sent, live, into);
}
