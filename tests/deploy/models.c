/* SPDX-License-Identifier: Apache-2.0 */
/* Folders into models and models into the JSON that Triton 2.51 was recorded to answer. */
#include "tests/deploy/models.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/fs.h"
#include "registry/base/str.h"

struct loaded_model *
models_find(struct models *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++) {
		if (streq(m->v[i].name, name))
			return &m->v[i];
	}
	return NULL;
}

static struct loaded_model *
find_or_add(struct models *m, const char *name)
{
	struct loaded_model *l = models_find(m, name);

	if (l || m->n == MODELS)
		return l;
	l = &m->v[m->n];
	if (str_copy(l->name, sizeof(l->name), name) < 0)
		return NULL;
	m->n++;
	return l;
}

const struct loaded_version *
model_serving(const struct loaded_model *l)
{
	for (size_t i = l ? l->n : 0; i-- > 0;) {
		if (l->v[i].is_ready)
			return &l->v[i];
	}
	return NULL;
}

/* The highest numeric folder; 0: none, or no folder of that name. */
static uint64_t
highest_of(const char *repo, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", repo, name);
	const struct dirent *entry;
	uint64_t highest = 0, n;
	DIR *d = opendir(path);

	if (!d)
		return 0;
	for (entry = readdir(d); entry; entry = readdir(d)) {
		if (parse_u64(entry->d_name, UINT64_MAX, &n) == 0 && n > highest)
			highest = n;
	}
	(void)closedir(d);
	return highest;
}

static int
read_numbers(const struct models *m, const char *name, struct loaded_version *v)
{
	cleanup_free char *path = xasprintf("%s/%s/%" PRIu64 "/numbers", m->repo, name, v->number);
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };
	const char *p;
	char *end;

	v->n = 0;
	if (fs_read_at(AT_FDCWD, path, 4096, &text, &e) < 0)
		return -1;
	for (p = buf_cstr(&text); v->n < NUMBERS; p = end) {
		v->v[v->n] = strtod(p, &end);
		if (end == p)
			break;
		v->n++;
	}
	return v->n > 0 && p[strspn(p, " \n")] == '\0' ? 0 : -1;
}

static struct loaded_version *
version_at(struct loaded_model *l, uint64_t number)
{
	size_t i = 0;

	while (i < l->n && l->v[i].number < number)
		i++;
	if (i < l->n && l->v[i].number == number)
		return &l->v[i];
	if (l->n == VERSIONS)
		abort();
	memmove(&l->v[i + 1], &l->v[i], (l->n - i) * sizeof(l->v[0]));
	l->n++;
	l->v[i] = (struct loaded_version){ .number = number };
	return &l->v[i];
}

int
models_load(struct models *m, const char *name, char ret_reason[MODEL_REASON])
{
	struct loaded_version new = { .number = highest_of(m->repo, name), .is_ready = true };
	struct loaded_model *l;

	if (new.number == 0) {
		(void)snprintf(ret_reason, MODEL_REASON,
		               "failed to load '%s', failed to poll from model repository", name);
		return -1;
	}
	l = find_or_add(m, name);
	if (!l)
		abort();
	if (read_numbers(m, name, &new) < 0) {
		new.is_ready = false;
		(void)snprintf(new.reason, sizeof(new.reason), "Internal: these are no numbers");
		(void)snprintf(ret_reason, MODEL_REASON,
		               "load failed for model '%s': version %" PRIu64
		               " is at UNAVAILABLE state: %s;",
		               name, new.number, new.reason);
		*version_at(l, new.number) = new;
		return -1;
	}
	models_unload(m, name);
	*version_at(l, new.number) = new;
	return 0;
}

void
models_unload(struct models *m, const char *name)
{
	struct loaded_model *l = models_find(m, name);

	for (size_t i = 0; l && i < l->n; i++) {
		if (!l->v[i].is_ready)
			continue;
		l->v[i].is_ready = false;
		(void)str_copy(l->v[i].reason, sizeof(l->v[i].reason), "unloaded");
	}
}

void
models_index(const struct models *m, struct buf *ret)
{
	const char *comma = "";

	buf_addc(ret, '[');
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; k < m->v[i].n; k++) {
			const struct loaded_version *v = &m->v[i].v[k];

			buf_addf(ret, "%s{\"name\":\"%s\",\"version\":\"%" PRIu64 "\",", comma,
			         m->v[i].name, v->number);
			comma = ",";
			if (v->is_ready)
				buf_adds(ret, "\"state\":\"READY\"}");
			else
				buf_addf(ret, "\"state\":\"UNAVAILABLE\",\"reason\":\"%s\"}",
				         v->reason);
		}
	}
	buf_addc(ret, ']');
}

void
model_metadata(const struct loaded_model *l, const struct loaded_version *v, struct buf *ret)
{
	buf_addf(ret,
	         "{\"name\":\"%s\",\"versions\":[\"%" PRIu64 "\"],\"platform\":\"python\","
	         "\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1]}],"
	         "\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[%zu]}]}",
	         l->name, v->number, v->n);
}

void
model_answer(const struct loaded_model *l, const struct loaded_version *v, uint64_t as,
             double shift, struct buf *ret)
{
	buf_addf(ret,
	         "{\"model_name\":\"%s\",\"model_version\":\"%" PRIu64 "\",\"outputs\":[{"
	         "\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[%zu],\"data\":[",
	         l->name, as, v->n);
	for (size_t i = 0; i < v->n; i++)
		buf_addf(ret, "%s%.9g", i ? "," : "", v->v[i] + shift);
	buf_adds(ret, "]}]}");
}
