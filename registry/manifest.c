/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of a version's files: added in any order, sorted once, checked that it can be a tree.
 * Paths are bytes: no normalisation, no case folding. Knows neither disks nor JSON
 * (manifest_json.c).
 */
#include "registry/manifest.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/str.h"
#include "registry/base/text.h"

#define PATH_MAX_BYTES 4095
#define PART_MAX_BYTES 255

enum match { MATCH_SUFFIX, MATCH_PREFIX, MATCH_NAME };
struct kind_rule {
	const char *kind;
	enum match match;
	const char *text;
};

/* clang-format off */
/* kinds v1, frozen: a changed row would change the digest of every version that has such a file. */
static const struct kind_rule kind_rules[] = {
	{ "weight.config", MATCH_SUFFIX, ".json" },
	{ "weight.config", MATCH_SUFFIX, ".yaml" },
	{ "weight.config", MATCH_SUFFIX, ".yml" },
	{ "weight.config", MATCH_SUFFIX, ".toml" },
	{ "weight.config", MATCH_SUFFIX, ".pbtxt" },
	{ "weight.config", MATCH_SUFFIX, ".cfg" },
	{ "weight.config", MATCH_SUFFIX, ".ini" },
	{ "weight.config", MATCH_SUFFIX, ".model" },
	{ "weight.config", MATCH_SUFFIX, ".vocab" },
	{ "weight.config", MATCH_PREFIX, "tokenizer" },
	{ "weight.config", MATCH_PREFIX, "vocab" },
	{ "weight.config", MATCH_NAME,   "merges.txt" },
	{ "doc",           MATCH_SUFFIX, ".md" },
	{ "doc",           MATCH_SUFFIX, ".rst" },
	{ "doc",           MATCH_SUFFIX, ".txt" },
	{ "doc",           MATCH_SUFFIX, ".pdf" },
	{ "doc",           MATCH_SUFFIX, ".html" },
	{ "doc",           MATCH_PREFIX, "README" },
	{ "doc",           MATCH_PREFIX, "LICENSE" },
	{ "doc",           MATCH_PREFIX, "NOTICE" },
	{ "code",          MATCH_SUFFIX, ".py" },
	{ "code",          MATCH_SUFFIX, ".sh" },
	{ "code",          MATCH_SUFFIX, ".ipynb" },
	{ "code",          MATCH_SUFFIX, ".js" },
	{ "code",          MATCH_SUFFIX, ".c" },
	{ "code",          MATCH_SUFFIX, ".cc" },
	{ "code",          MATCH_SUFFIX, ".cpp" },
	{ "code",          MATCH_SUFFIX, ".h" },
	{ "code",          MATCH_SUFFIX, ".so" },
	{ "dataset",       MATCH_SUFFIX, ".csv" },
	{ "dataset",       MATCH_SUFFIX, ".parquet" },
	{ "dataset",       MATCH_SUFFIX, ".arrow" },
	{ "dataset",       MATCH_SUFFIX, ".jsonl" },
};
/* clang-format on */

static bool
rule_matches(const struct kind_rule *r, const char *name)
{
	switch (r->match) {
	case MATCH_SUFFIX:
		return has_suffix(name, r->text);
	case MATCH_PREFIX:
		return has_prefix(name, r->text);
	case MATCH_NAME:
		return streq(name, r->text);
	}
	return false;
}

const char *
manifest_kind(const char *path)
{
	const char *const slash = strrchr(path, '/');
	const char *const name = slash ? slash + 1 : path;

	for (size_t i = 0; i < COUNT(kind_rules); i++) {
		if (rule_matches(&kind_rules[i], name))
			return kind_rules[i].kind;
	}
	return "weight";
}

int
manifest_path_check(const char *path, struct err *e)
{
	const size_t n = strlen(path);

	if (n == 0)
		return err_set(e, ERR_MALFORMED, "a path is empty");
	if (n > PATH_MAX_BYTES)
		return err_set(e, ERR_MALFORMED, "path \"%.60s...\" is longer than %d bytes", path,
		               PATH_MAX_BYTES);
	if (!text_is_utf8((struct str){ path, n }))
		return err_set(e, ERR_MALFORMED, "path \"%s\" is not UTF-8", path);
	for (const char *part = path;;) {
		const size_t len = strcspn(part, "/");
		const struct str s = { part, len };

		if (len == 0)
			return err_set(e, ERR_MALFORMED,
			               "path \"%s\" has an empty part or a slash at an end", path);
		if (str_is(s, ".") || str_is(s, ".."))
			return err_set(e, ERR_MALFORMED, "path \"%s\" has the part \"%.*s\"", path,
			               (int)len, part);
		if (len > PART_MAX_BYTES)
			return err_set(e, ERR_MALFORMED,
			               "path \"%s\" has a part longer than %d bytes", path,
			               PART_MAX_BYTES);
		if (part[len] == '\0')
			return 0;
		part += len + 1;
	}
}

void
manifest_add(struct manifest *m, const char *path, uint64_t size, const struct digest *d)
{
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 16;
		m->files = xrealloc(m->files, m->cap * sizeof(*m->files));
	}
	m->files[m->n++] = (struct manifest_file){
		.path = xstrdup(path),
		.size = size,
		.digest = *d,
		.kind = manifest_kind(path),
	};
	m->bytes += size;
}

static int
by_path(const void *a, const void *b)
{
	const struct manifest_file *const x = a;
	const struct manifest_file *const y = b;

	return strcmp(x->path, y->path); /* compares as unsigned bytes */
}

/* Is one of the folders on the way to f a file of the same manifest? */
static const struct manifest_file *
file_above(const struct manifest *m, const struct manifest_file *f)
{
	for (const char *slash = strchr(f->path, '/'); slash; slash = strchr(slash + 1, '/')) {
		cleanup_free char *above = xstrndup(f->path, (size_t)(slash - f->path));
		const struct manifest_file key = { .path = above };
		const struct manifest_file *const hit =
			bsearch(&key, m->files, m->n, sizeof(*m->files), by_path);

		if (hit)
			return hit;
	}
	return NULL;
}

int
manifest_sort(struct manifest *m, struct err *e)
{
	if (m->n > 1)
		qsort(m->files, m->n, sizeof(*m->files), by_path);
	for (size_t i = 1; i < m->n; i++) {
		if (streq(m->files[i - 1].path, m->files[i].path))
			return err_set(e, ERR_EXISTS, "path \"%s\" is there twice",
			               m->files[i].path);
	}
	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_file *const above = file_above(m, &m->files[i]);

		if (above)
			return err_set(e, ERR_EXISTS,
			               "path \"%s\" is a file and the folder of \"%s\"",
			               above->path, m->files[i].path);
	}
	return 0;
}

void
manifest_fini(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->files[i].path);
	free(m->files);
	*m = (struct manifest){ 0 };
}

static struct hasher *
hasher_or_abort(void)
{
	struct hasher *const h = hasher_new();

	if (!h)
		abort();
	return h;
}

void
manifest_fileset_digest(const struct manifest *m, struct digest *ret)
{
	struct hasher *const h = hasher_or_abort();

	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_file *const f = &m->files[i];
		char size[24];
		char hex[DIGEST_HEX_SIZE];
		const int n = snprintf(size, sizeof(size), "%" PRIu64, f->size);

		digest_hex(&f->digest, hex);
		hex[DIGEST_HEX_SIZE - 1] = '\n';
		hasher_update(h, f->path, strlen(f->path) + 1);
		hasher_update(h, size, (size_t)n + 1);
		hasher_update(h, hex, sizeof(hex));
	}
	hasher_final(h, ret);
	hasher_free(h);
}

bool
manifest_oms_ignores(const char *path)
{
	static const char *const names[] = { ".git", ".gitattributes", ".github", ".gitignore" };
	const struct str top = { path, strcspn(path, "/") };

	for (size_t i = 0; i < COUNT(names); i++) {
		if (str_is(top, names[i]))
			return true;
	}
	return false;
}

void
manifest_oms_root(const struct manifest *m, struct digest *ret)
{
	struct hasher *const h = hasher_or_abort();

	for (size_t i = 0; i < m->n; i++) {
		if (!manifest_oms_ignores(m->files[i].path))
			hasher_update(h, m->files[i].digest.b, DIGEST_SIZE);
	}
	hasher_final(h, ret);
	hasher_free(h);
}
