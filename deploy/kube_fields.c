/* SPDX-License-Identifier: Apache-2.0 */
/*
 * managedFields of an object. A manager's fields are a tree: "f:name" for members, k:{..} for
 * elements of a list by their keys, v:.. for values of a set, i:N by place; an empty node owns all
 * below it, "." owns that the thing is there at all. Knows no kind of object.
 */
#include "deploy/kube_diff.h"

#include <stdlib.h>
#include <string.h>

#include "deploy/kube_look.h"

/* Element keys are short JSON texts; a longer one is no key. */
#define KEY_MAX 1024

static bool
fits_keys(const json_t *keys, const json_t *element)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)keys, key, v)
	{
		const json_t *has = json_object_get(element, key);

		/* an absent member has its default, which the key spells out */
		if (has && !json_equal(v, has))
			return false;
	}
	return json_object_size(keys) > 0;
}

static json_t *
parse_key(const char *text)
{
	struct err ignored = { 0 };
	json_t *j = NULL;

	if (strlen(text) > KEY_MAX)
		return NULL;
	/* a value of a set may be a bare string or number */
	if (text[0] == '{')
		return json_parse(str_of(text), "key", &j, &ignored) < 0 ? NULL : j;
	return json_loads(text, JSON_DECODE_ANY, NULL);
}

/* Is this name in a tree the one of that element? */
static bool
names_element(const char *name, const json_t *element, size_t index)
{
	cleanup_json json_t *key = NULL;
	uint64_t n;

	if (has_prefix(name, "i:"))
		return parse_u64(name + 2, SIZE_MAX, &n) == 0 && n == index;
	if (!has_prefix(name, "k:") && !has_prefix(name, "v:"))
		return false;
	key = parse_key(name + 2);
	if (!key)
		return false;
	return name[0] == 'k' ? fits_keys(key, element) : json_equal(key, element) == 1;
}

static const json_t *
tree_step(const json_t *tree, const struct kube_step *s)
{
	const char *name;
	json_t *v;

	if (s->key) {
		cleanup_free char *member = xasprintf("f:%s", s->key);
		return json_object_get(tree, member);
	}
	json_object_foreach((json_t *)(uintptr_t)tree, name, v)
	{
		if (names_element(name, s->element, s->index))
			return v;
	}
	return NULL;
}

static bool
tree_owns(const json_t *tree, const struct kube_field *f)
{
	for (size_t i = 0; i < f->n; i++) {
		tree = tree_step(tree, &f->v[i]);
		if (!tree)
			return false;
		if (json_object_size(tree) == 0)
			return true;
	}
	/* members of it are owned: the whole only when it says so */
	return json_object_get(tree, ".") != NULL;
}

static const json_t *
tree_of(const json_t *entry)
{
	/* who writes through "scale" sets spec.replicas like any other */
	if (streq(kube_text(entry, "subresource"), "status"))
		return NULL;
	return json_object_get(entry, "fieldsV1");
}

bool
kube_is_owned(const json_t *object, const char *manager, const struct kube_field *f)
{
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(object, "metadata.managedFields"), i, one)
	{
		if (streq(kube_text(one, "manager"), manager) && tree_owns(tree_of(one), f))
			return true;
	}
	return false;
}

const json_t *
kube_other_entry(const json_t *object, const char *ours, const struct kube_field *f)
{
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(object, "metadata.managedFields"), i, one)
	{
		if (!streq(kube_text(one, "manager"), ours) && tree_owns(tree_of(one), f))
			return one;
	}
	return NULL;
}

void
kube_other_owner(const json_t *object, const char *ours, const struct kube_field *f, char ret[128])
{
	const json_t *entry = kube_other_entry(object, ours, f);
	const char *manager = kube_text(entry, "manager");

	ret[0] = '\0';
	if (entry)
		kube_safe(ret, 128, *manager ? manager : "somebody without a name");
}

/* --- what was applied --- */

static json_t *extract(const json_t *tree, const json_t *value, unsigned depth);

static json_t *
extract_members(const json_t *tree, const json_t *value, unsigned depth)
{
	json_t *o = json_object();
	const char *name;
	json_t *sub;

	json_object_foreach((json_t *)(uintptr_t)tree, name, sub)
	{
		const json_t *v;

		if (!has_prefix(name, "f:"))
			continue;
		v = json_object_get(value, name + 2);
		if (v)
			json_object_set_new(o, name + 2, extract(sub, v, depth + 1));
	}
	return o;
}

/* The members that name an element are part of what was said. */
static void
add_keys(const char *name, const json_t *element, json_t *o)
{
	cleanup_json json_t *keys = has_prefix(name, "k:") ? parse_key(name + 2) : NULL;
	const char *key;
	json_t *v;

	json_object_foreach(keys, key, v)
	{
		if (json_object_get(element, key) && !json_object_get(o, key))
			json_object_set(o, key, v);
	}
}

static json_t *
extract_elements(const json_t *tree, const json_t *value, unsigned depth)
{
	json_t *a = json_array(), *one;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)value, i, one)
	{
		const char *name;
		json_t *sub;

		json_object_foreach((json_t *)(uintptr_t)tree, name, sub)
		{
			json_t *part;

			if (!names_element(name, one, i))
				continue;
			part = extract(sub, one, depth + 1);
			add_keys(name, one, part);
			json_array_append_new(a, part);
			break;
		}
	}
	return a;
}

static json_t *
extract(const json_t *tree, const json_t *value, unsigned depth)
{
	if (json_object_size(tree) == 0 || depth >= KUBE_DEPTH_MAX)
		return json_deep_copy(value);
	if (json_is_object(value))
		return extract_members(tree, value, depth);
	if (json_is_array(value))
		return extract_elements(tree, value, depth);
	return json_deep_copy(value);
}

static void
copy_text(const json_t *from, const char *path, json_t *to, const char *key)
{
	const char *s = kube_text(from, path);

	if (*s)
		json_object_set_new(to, key, json_string(s));
}

json_t *
kube_extract(const json_t *object, const char *manager)
{
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(object, "metadata.managedFields"), i, one)
	{
		json_t *o, *metadata;

		if (!streq(kube_text(one, "manager"), manager) ||
		    !streq(kube_text(one, "operation"), "Apply") || !tree_of(one))
			continue;
		o = extract_members(tree_of(one), object, 0);
		copy_text(object, "apiVersion", o, "apiVersion");
		copy_text(object, "kind", o, "kind");
		metadata = json_object_get(o, "metadata");
		if (!metadata) {
			metadata = json_object();
			json_object_set_new(o, "metadata", metadata);
		}
		copy_text(object, "metadata.name", metadata, "name");
		copy_text(object, "metadata.namespace", metadata, "namespace");
		return o;
	}
	return NULL;
}
