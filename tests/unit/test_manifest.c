/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: kinds, paths, the one spelling of a list of files, and a reader that takes no
 * other. */
#include "registry/manifest.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/fs.h"
#include "registry/base/json.h"

Test(manifest, kinds)
{
	static const struct {
		const char *path, *kind;
	} cases[] = {
		{ "config.json", "weight.config" },   { "a/b/x.yaml", "weight.config" },
		{ "x.yml", "weight.config" },         { "x.toml", "weight.config" },
		{ "config.pbtxt", "weight.config" },  { "x.cfg", "weight.config" },
		{ "x.ini", "weight.config" },         { "spm.model", "weight.config" },
		{ "x.vocab", "weight.config" },       { "tokenizer.py", "weight.config" },
		{ "vocab.txt", "weight.config" },     { "merges.txt", "weight.config" },
		{ "README.json", "weight.config" },   { "README", "doc" },
		{ "README.bin", "doc" },              { "sub/LICENSE-MIT", "doc" },
		{ "NOTICE", "doc" },                  { "x.md", "doc" },
		{ "x.rst", "doc" },                   { "x.txt", "doc" },
		{ "x.pdf", "doc" },                   { "x.html", "doc" },
		{ "train.py", "code" },               { "x.sh", "code" },
		{ "x.ipynb", "code" },                { "x.js", "code" },
		{ "x.c", "code" },                    { "x.cc", "code" },
		{ "x.cpp", "code" },                  { "x.h", "code" },
		{ "x.so", "code" },                   { "x.csv", "dataset" },
		{ "x.parquet", "dataset" },           { "x.arrow", "dataset" },
		{ "x.jsonl", "dataset" },             { "model.safetensors", "weight" },
		{ "model.onnx", "weight" },           { "a.JSON", "weight" },
		{ "readme", "weight" },               { "README/x", "weight" },
		{ "x.json/y", "weight" },             { "json", "weight" },
		{ "amerges.txt", "doc" },             { ".json", "weight.config" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_str_eq(manifest_kind(cases[i].path), cases[i].kind, "%s", cases[i].path);
}

Test(manifest, paths)
{
	static const struct {
		const char *path;
		bool is_good;
	} cases[] = {
		{ "a", true },        { "a/b/c", true },    { ".hidden", true },  { "...", true },
		{ "a b", true },      { "caf\xc3\xa9", true }, { "a\\b", true },  { "a\nb", true },
		{ "..a/b..", true },  { "", false },        { "/", false },       { "/a", false },
		{ "a/", false },      { "a//b", false },    { ".", false },       { "..", false },
		{ "./a", false },     { "a/.", false },     { "a/../b", false },  { "../a", false },
		{ "a/..", false },    { "\xff", false },    { "a/\xc3", false },
		{ "\xed\xa0\x80", false }, { "\xc0\xaf", false },
	};
	char part[300];
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		const int rc = manifest_path_check(cases[i].path, &e);

		cr_expect_eq(rc, cases[i].is_good ? 0 : -(int)ERR_MALFORMED, "%zu", i);
	}
	memset(part, 'x', sizeof(part));
	part[256] = '\0';
	cr_expect_eq(manifest_path_check(part, &e), -(int)ERR_MALFORMED);
	part[255] = '\0';
	cr_expect_eq(manifest_path_check(part, &e), 0);
}

Test(manifest, sorts_and_refuses_what_is_no_tree)
{
	static const struct {
		const char *paths[4];
		int rc;
		const char *sorted[4];
	} cases[] = {
		{ { "b", "a/b", "a.b", "a b" }, 0, { "a b", "a.b", "a/b", "b" } },
		{ { "\xc3\xa9", "z", "Z" }, 0, { "Z", "z", "\xc3\xa9" } },
		{ { "a", "b", "a" }, -(int)ERR_EXISTS, { 0 } },
		{ { "a/b", "a" }, -(int)ERR_EXISTS, { 0 } },
		{ { "a/b/c", "a!", "a.x", "a/b" }, -(int)ERR_EXISTS, { 0 } },
		{ { "a/b/c/d", "a.", "a-", "a" }, -(int)ERR_EXISTS, { 0 } },
		{ { "ab", "a" }, 0, { "a", "ab" } },
	};
	const struct digest d = { { 1 } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct manifest m = { 0 };
		struct err e = { 0 };

		for (size_t k = 0; k < 4 && cases[i].paths[k]; k++)
			manifest_add(&m, cases[i].paths[k], 1, &d);
		cr_expect_eq(manifest_sort(&m, &e), cases[i].rc, "%zu: %s", i, e.msg);
		for (size_t k = 0; k < m.n && cases[i].rc == 0; k++)
			cr_expect_str_eq(m.files[k].path, cases[i].sorted[k], "%zu", i);
		manifest_fini(&m);
	}
}

/* The same document as values, to be written by the general canonical writer. */
static json_t *
as_values(const struct manifest *m, const struct digest *config, uint64_t config_size)
{
	json_t *const layers = json_array();

	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_file *const f = &m->files[i];
		cleanup_free char *type =
			xasprintf("application/vnd.cncf.model.%s.v1.raw", f->kind);

		json_array_append_new(
			layers, json_pack("{s:s, s:o, s:I, s:{s:s}}", "mediaType", type, "digest",
		                          json_from_digest(&f->digest), "size", (json_int_t)f->size,
		                          "annotations", "org.cncf.model.filepath", f->path));
	}
	return json_pack("{s:i, s:s, s:s, s:{s:s, s:o, s:I}, s:o}", "schemaVersion", 2, "mediaType",
	                 "application/vnd.oci.image.manifest.v1+json", "artifactType",
	                 "application/vnd.cncf.model.manifest.v1+json", "config", "mediaType",
	                 "application/vnd.cncf.model.config.v1+json", "digest",
	                 json_from_digest(config), "size", (json_int_t)config_size, "layers",
	                 layers);
}

static const char *const odd_paths[] = {
	"\"quoted\".bin", "a\\b", "a/\b\f\n\r\t", "bell\a\x01\x1f", "caf\xc3\xa9/\xe6\xbc\xa2.md",
	"del\x7f", "emoji\xf0\x9f\x98\x80.json", "last\xf4\x8f\xbf\xbf", "plain/weights.bin",
	"slash/</script>.py", "sp ace.csv", "u+ffff\xef\xbf\xbf", "\xc2\x80\xe2\x80\xae",
};

static void
odd_manifest(struct manifest *m)
{
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(odd_paths); i++) {
		struct digest d;

		digest_small(odd_paths[i], strlen(odd_paths[i]), &d);
		manifest_add(m, odd_paths[i], i == 3 ? 0 : i * 1000003 * (i << 24), &d);
	}
	cr_assert_eq(manifest_sort(m, &e), 0, "%s", e.msg);
}

/* Config and manifest of m. */
static void
write_both(struct manifest *m, struct buf *config, struct buf *text)
{
	struct err e = { 0 };

	cr_assert_eq(manifest_write_config(m, config, &e), 0, "%s", e.msg);
	digest_small(config->p, config->n, &m->config);
	cr_assert_eq(manifest_write(m, &m->config, config->n, text, &e), 0, "%s", e.msg);
}

Test(manifest, writer_is_canonical_and_reads_back)
{
	cleanup_buf struct buf config = { 0 };
	cleanup_buf struct buf text = { 0 };
	cleanup_buf struct buf expected = { 0 };
	struct manifest m = { 0 };
	struct manifest back = { 0 };
	struct err e = { 0 };

	odd_manifest(&m);
	write_both(&m, &config, &text);
	cleanup_json json_t *values = as_values(&m, &m.config, config.n);
	json_canonical(values, &expected);
	cr_assert_str_eq(buf_cstr(&text), buf_cstr(&expected));

	cr_assert_eq(manifest_parse(buf_str(&text), &back, &e), 0, "%s", e.msg);
	cr_assert_eq(back.n, m.n);
	cr_expect_eq(back.bytes, m.bytes);
	cr_expect(digest_eq(&back.config, &m.config));
	for (size_t i = 0; i < m.n; i++) {
		cr_expect_str_eq(back.files[i].path, m.files[i].path);
		cr_expect_str_eq(back.files[i].kind, m.files[i].kind);
		cr_expect_eq(back.files[i].size, m.files[i].size);
		cr_expect(digest_eq(&back.files[i].digest, &m.files[i].digest));
	}
	manifest_fini(&back);
	manifest_fini(&m);
}

#define ZEROS31 "0000000000000000000000000000000"
#define ZEROS62 ZEROS31 ZEROS31

/* The members that the model specification's schema requires, and none that it does not know. */
static void
check_against_schema(const json_t *config, const json_t *schema)
{
	size_t i;
	const char *key;
	json_t *v;

	json_array_foreach(json_object_get(schema, "required"), i, v)
		cr_expect_not_null(json_object_get(config, json_string_value(v)), "%s",
		                   json_string_value(v));
	json_t *const known = json_object_get(schema, "properties");
	for (void *it = json_object_iter(known); it; it = json_object_iter_next(known, it))
		cr_expect_not_null(json_object_get(config, json_object_iter_key(it)));
	cr_expect_eq(json_object_size(config), json_object_size(known));
	json_t *const fs = json_object_get(json_object_get(schema, "$defs"), "ModelFS");
	json_array_foreach(json_object_get(fs, "required"), i, v)
	{
		key = json_string_value(v);
		cr_expect_not_null(json_object_get(json_object_get(config, "modelfs"), key), "%s",
		                   key);
	}
}

Test(manifest, config_is_what_the_specification_wants)
{
	cleanup_buf struct buf config = { 0 };
	cleanup_buf struct buf schema = { 0 };
	cleanup_json json_t *c = NULL;
	cleanup_json json_t *s = NULL;
	struct manifest m = { 0 };
	struct err e = { 0 };
	const struct digest one = { { 0x11 } };
	const struct digest two = { { 0x22 } };
	const char *const shared = getenv("SLIPWAY_SHARED");
	cleanup_free char *path =
		xasprintf("%s/upstream/modelpack-model-spec/schema/config-schema.json",
	                  shared ? shared : "");

	manifest_add(&m, "a", 1, &one);
	manifest_add(&m, "b", 2, &two);
	cr_assert_eq(manifest_write_config(&m, &config, &e), 0);
	cr_expect_str_eq(buf_cstr(&config),
	                 "{\"config\":{},\"descriptor\":{},\"modelfs\":{\"diffIds\":["
	                 "\"sha256:11" ZEROS62 "\",\"sha256:22" ZEROS62 "\""
	                 "],\"type\":\"layers\"}}");
	manifest_fini(&m);
	if (fs_read_at(AT_FDCWD, path, 1 << 20, &schema, &e) < 0)
		cr_skip_test("the model specification's schema is not here");
	cr_assert_eq(json_parse(buf_str(&schema), "schema", &s, &e), 0, "%s", e.msg);
	cr_assert_eq(json_parse(buf_str(&config), "config", &c, &e), 0, "%s", e.msg);
	check_against_schema(c, s);
}

/* text with the first `from` replaced by `to`. */
static void
edited(struct buf *ret, const struct buf *text, const char *from, const char *to)
{
	const char *const at = strstr(text->p, from);

	cr_assert_not_null(at, "%s", from);
	buf_add(ret, text->p, (size_t)(at - text->p));
	buf_adds(ret, to);
	buf_adds(ret, at + strlen(from));
}

Test(manifest, reader_takes_one_spelling_only)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "\"a/b\"", "\"../b\"" },             { "\"a/b\"", "\"/a/b\"" },
		{ "\"a/b\"", "\"a\\u0000b\"" },        { "\"a/b\"", "\"a\\/b\"" },
		{ "\"a/b\"", "\"\\u0061/b\"" },        { "\"a/b\"", "\"\"" },
		{ "\"a/b\"", "\"zz\"" },               { "\"a/b\"", "\"c.py\"" },
		{ "\"a/b\"", "\"a/b" },                { "\"a/b\"", "\"a\\ud800b\"" },
		{ "\"a/b\"", "\"a\xc3\xa9\"" },        { "\"a/b\"", "\"a\\u00e9\"" },
		{ "\"a/b\"", "\"c.py/b\"" },           { "\"size\":5}", "\"size\":05}" },
		{ "\"size\":5}", "\"size\":-5}" },     { "\"size\":5}", "\"size\":5.0}" },
		{ "\"size\":5}", "\"size\":9223372036854775808}" },
		{ "\"size\":5}", "\"size\":9223372036854775807}" },
		{ "\"size\":5}", "\"size\":18446744073709551616}" },
		{ "\"size\":5}", "\"size\":5,\"x\":1}" },
		{ "model.code.v1.raw", "model.weight.v1.raw" },
		{ "model.code.v1.raw", "model.code.v1.tar" },
		{ "\"schemaVersion\":2", "\"schemaVersion\":1" },
		{ "\"schemaVersion\":2}", "\"schemaVersion\":2} " },
		{ "\"schemaVersion\":2}", "\"schemaVersion\":2}}" },
		{ "\"schemaVersion\":2}", "\"schemaVersion\":2" },
		{ "sha256:01", "sha256:0A" },          { "sha256:01", "sha256:03" },
		{ "sha256:01", "sha512:01" },
		{ "{\"artifactType\"", " {\"artifactType\"" },
		{ "config.v1+json\",\"size\":", "config.v1+json\",\"size\":1" },
		{ "\"layers\":[", "\"layers\":[]," },
	};
	cleanup_buf struct buf config = { 0 };
	cleanup_buf struct buf text = { 0 };
	struct manifest m = { 0 };

	manifest_add(&m, "a/b", 5, &(struct digest){ { 1 } });
	manifest_add(&m, "c.py", 6, &(struct digest){ { 2 } });
	write_both(&m, &config, &text);
	manifest_fini(&m);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf bad = { 0 };
		struct err e = { 0 };

		edited(&bad, &text, cases[i].from, cases[i].to);
		cr_expect_eq(manifest_parse(buf_str(&bad), &m, &e), -(int)ERR_MALFORMED, "%s -> %s",
		             cases[i].from, cases[i].to);
	}
	for (size_t n = 0; n < text.n; n++) {
		struct err e = { 0 };

		cr_expect_eq(manifest_parse((struct str){ text.p, n }, &m, &e),
		             -(int)ERR_MALFORMED);
	}
}

/* The config is that of the sorted list, so it alone would not tell. */
Test(manifest, reader_wants_the_order)
{
	static const char begin[] = "{\"annotations\"";
	cleanup_buf struct buf config = { 0 }, text = { 0 }, swapped = { 0 };
	struct manifest m = { 0 };
	struct err e = { 0 };

	manifest_add(&m, "a", 5, &(struct digest){ { 1 } });
	manifest_add(&m, "b", 6, &(struct digest){ { 2 } });
	write_both(&m, &config, &text);
	manifest_fini(&m);
	const char *first = strstr(buf_cstr(&text), begin), *second = strstr(first + 1, begin);
	const char *end = strstr(second, "],\"mediaType\"");
	cr_assert_not_null(end);
	buf_add(&swapped, text.p, (size_t)(first - text.p));
	buf_add(&swapped, second, (size_t)(end - second));
	buf_addc(&swapped, ',');
	buf_add(&swapped, first, (size_t)(second - 1 - first));
	buf_adds(&swapped, end);
	cr_assert_eq(swapped.n, text.n);
	cr_assert_eq(manifest_parse(buf_str(&text), &m, &e), 0, "%s", e.msg);
	manifest_fini(&m);
	cr_expect_eq(manifest_parse(buf_str(&swapped), &m, &e), -(int)ERR_MALFORMED);
}

Test(manifest, limits)
{
	static const struct {
		size_t files, path_len;
		int rc;
	} cases[] = {
		{ 0, 8, -(int)ERR_TOO_BIG },
		{ MANIFEST_FILES_MAX, 24, 0 },
		{ MANIFEST_FILES_MAX + 1, 8, -(int)ERR_TOO_BIG },
		{ 9500, 255, -(int)ERR_TOO_BIG },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf text = { 0 };
		struct manifest m = { 0 };
		struct err e = { 0 };
		const struct digest d = { { 7 } };

		for (size_t k = 0; k < cases[i].files; k++) {
			cleanup_free char *path = xasprintf("%0*zu", (int)cases[i].path_len, k);

			manifest_add(&m, path, 1u << 20, &d);
		}
		cr_expect_eq(manifest_write(&m, &d, 1, &text, &e), cases[i].rc, "%zu: %s", i,
		             e.msg);
		if (cases[i].rc == 0)
			cr_expect_leq(text.n, MANIFEST_MAX);
		manifest_fini(&m);
	}
}

Test(manifest, second_lists)
{
	cleanup_buf struct buf set = { 0 };
	cleanup_buf struct buf root = { 0 };
	struct manifest m = { 0 };
	struct digest expected;
	struct digest found;
	struct err e = { 0 };
	static const struct {
		const char *path;
		bool is_in_oms;
	} cases[] = {
		{ ".gitattributes", false }, { ".github/x", false }, { ".gitignore", false },
		{ ".gitignore2", true },     { "a", true },          { "b/.gitignore", true },
		{ "caf\xc3\xa9", true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char hex[DIGEST_HEX_SIZE];
		struct digest d;

		digest_small(cases[i].path, strlen(cases[i].path), &d);
		manifest_add(&m, cases[i].path, i * 77, &d);
		digest_hex(&d, hex);
		buf_addf(&set, "%s%c%zu%c%s\n", cases[i].path, 0, i * 77, 0, hex);
		if (cases[i].is_in_oms)
			buf_add(&root, d.b, sizeof(d.b));
	}
	cr_assert_eq(manifest_sort(&m, &e), 0);
	manifest_fileset_digest(&m, &found);
	digest_small(set.p, set.n, &expected);
	cr_expect(digest_eq(&found, &expected));
	manifest_oms_root(&m, &found);
	digest_small(root.p, root.n, &expected);
	cr_expect(digest_eq(&found, &expected));
	manifest_fini(&m);
}
