/* SPDX-License-Identifier: Apache-2.0 */
/* Looks side by side. A site without a connection does not ask outside whether it is one. */
#include "deploy/image_looks.h"

#include <string.h>

#include "deploy/offline.h"
#include "deploy/side_by_side.h"

struct looking {
	struct image_looks *all;
	const json_t *offline;
	const struct target *t;
};

static void
look_one(void *arg, size_t i)
{
	const struct looking *const k = arg;
	const struct image_name *const name = &k->all->names.v[i];
	const struct remote_options o = { .allow_plain = name->allow_plain,
		                          .check = k->t->check,
		                          .arg = k->t->check_arg };
	struct oci_look *const look = &k->all->v[i];

	if (k->offline && !offline_may_pull(k->offline, name->name, look->why))
		look->seen = OCI_NOT_ASKED;
	else
		oci_look(name->name, &o, look);
}

void
image_looks(const struct image_names *its, size_t n, const json_t *offline, const struct target *t,
            struct image_looks *ret)
{
	struct looking k = { ret, offline, t };

	*ret = (struct image_looks){ 0 };
	for (size_t i = 0; i < n; i++) {
		for (size_t m = 0; m < its[i].n; m++)
			image_names_add(&ret->names, its[i].v[m]);
	}
	ret->v = xcalloc(ret->names.n + 1, sizeof *ret->v);
	ret->v[ret->names.n].seen = OCI_NOT_ASKED;
	side_by_side(0, ret->names.n, look_one, &k);
}

const struct oci_look *
image_look(const struct image_looks *l, const char *name)
{
	size_t i = 0;

	while (i < l->names.n && !streq(l->names.v[i].name, name))
		i++;
	return &l->v[i]; /* one more than names: whatever is in none of them was not asked */
}

void
image_looks_fini(struct image_looks *l)
{
	free(l->v);
	image_names_fini(&l->names);
	*l = (struct image_looks){ 0 };
}
