/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest as bytes. A native manifest has exactly one spelling, the canonical JSON of its
 * files: the writer streams it, the reader walks the same literals and accepts nothing else, and
 * the config blob that it must name follows from the layers. No tree of values is built, so
 * 16,384 files cost little more than their text. Foreign manifests are not read here.
 */
#include "registry/manifest.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "registry/base/str.h"
#include "registry/base/text.h"

/* The canonical form sorts members, so every literal between two values is known. */
#define CONFIG_HEAD "{\"config\":{},\"descriptor\":{},\"modelfs\":{\"diffIds\":["
#define CONFIG_TAIL "],\"type\":\"layers\"}}"
#define HEAD \
	"{\"artifactType\":\"application/vnd.cncf.model.manifest.v1+json\"," \
	"\"config\":{\"digest\":\"sha256:"
#define CONFIG_TYPE \
	"\",\"mediaType\":\"application/vnd.cncf.model.config.v1+json\",\"size\":"
#define LAYERS       "},\"layers\":["
#define LAYER_PATH   "{\"annotations\":{\"org.cncf.model.filepath\":\""
#define LAYER_DIGEST "\"},\"digest\":\"sha256:"
#define LAYER_TYPE   "\",\"mediaType\":\"application/vnd.cncf.model."
#define LAYER_SIZE   ".v1.raw\",\"size\":"
#define TAIL \
	"],\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}"

#define SIZE_MAX_JSON ((uint64_t)INT64_MAX) /* OCI sizes are int64 */

static void
add_digest(struct buf *b, const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	buf_add(b, hex, DIGEST_HEX_SIZE - 1);
}

static void
add_escaped(struct buf *b, uint32_t c)
{
	static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(shorts); i += 2) {
		if (c == (uint32_t)(unsigned char)shorts[i]) {
			buf_addc(b, '\\');
			buf_addc(b, shorts[i + 1]);
			return;
		}
	}
	if (c == 0x7f) /* lower case is what json_canonical writes for it */
		buf_adds(b, "\\u007f");
	else if (c >= 0x20 && c < 0x7f)
		buf_addc(b, (char)c);
	else if (c < 0x10000)
		buf_addf(b, "\\u%04X", (unsigned)c);
	else
		buf_addf(b, "\\u%04X\\u%04X", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
		         (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
}

/* A JSON string's body as json_canonical writes it; path is UTF-8. */
static void
add_path(struct buf *b, const char *path)
{
	const char *p = path;
	size_t left = strlen(path);

	while (left > 0) {
		uint32_t c;
		const size_t n = text_decode(p, left, &c);

		if (n == 0)
			abort(); /* manifest_path_check lets no such path in */
		add_escaped(b, c);
		p += n;
		left -= n;
	}
}

int
manifest_write_config(const struct manifest *m, struct buf *ret, struct err *e)
{
	if (m->n == 0 || m->n > MANIFEST_FILES_MAX)
		return err_set(e, ERR_TOO_BIG, "a version has 1 to %d files, not %zu",
		               MANIFEST_FILES_MAX, m->n);
	buf_adds(ret, CONFIG_HEAD);
	for (size_t i = 0; i < m->n; i++) {
		buf_adds(ret, i == 0 ? "\"sha256:" : ",\"sha256:");
		add_digest(ret, &m->files[i].digest);
		buf_addc(ret, '"');
	}
	buf_adds(ret, CONFIG_TAIL);
	return 0;
}

static void
add_layer(struct buf *b, const struct manifest_file *f)
{
	buf_adds(b, LAYER_PATH);
	add_path(b, f->path);
	buf_adds(b, LAYER_DIGEST);
	add_digest(b, &f->digest);
	buf_adds(b, LAYER_TYPE);
	buf_adds(b, f->kind);
	buf_adds(b, LAYER_SIZE);
	buf_addf(b, "%" PRIu64 "}", f->size);
}

int
manifest_write(const struct manifest *m, const struct digest *config, uint64_t config_size,
               struct buf *ret, struct err *e)
{
	const size_t start = ret->n;
	bool fits = m->n > 0 && m->n <= MANIFEST_FILES_MAX;

	buf_adds(ret, HEAD);
	add_digest(ret, config);
	buf_addf(ret, CONFIG_TYPE "%" PRIu64 LAYERS, config_size);
	for (size_t i = 0; i < m->n && fits; i++) {
		if (i > 0)
			buf_addc(ret, ',');
		add_layer(ret, &m->files[i]);
		fits = ret->n - start <= MANIFEST_MAX;
	}
	buf_adds(ret, TAIL);
	if (fits && ret->n - start <= MANIFEST_MAX)
		return 0;
	(void)err_set(e, ERR_TOO_BIG, "the list of %zu files is larger than %u bytes or %d files",
	              m->n, MANIFEST_MAX, MANIFEST_FILES_MAX);
	return err_hint(e, "pack folders of many small files into archives first");
}

/* What is left to read; at says where, for messages. */
struct scan {
	struct str text;
	size_t at;
};

static bool
skip(struct scan *s, struct str literal)
{
	if (s->text.n - s->at < literal.n || memcmp(s->text.p + s->at, literal.p, literal.n) != 0)
		return false;
	s->at += literal.n;
	return true;
}

static bool
scan_digest(struct scan *s, struct digest *ret)
{
	const size_t n = DIGEST_HEX_SIZE - 1;

	if (s->text.n - s->at < n || digest_parse(ret, s->text.p + s->at, n) < 0)
		return false;
	s->at += n;
	return true;
}

static bool
scan_size(struct scan *s, uint64_t *ret)
{
	const char *const p = s->text.p + s->at;
	size_t n = 0;

	while (s->at + n < s->text.n && p[n] >= '0' && p[n] <= '9' && n < 20)
		n++;
	if (parse_u64_n(p, n, SIZE_MAX_JSON, ret) < 0)
		return false;
	s->at += n;
	return true;
}

static bool
scan_hex4(struct scan *s, uint32_t *ret)
{
	uint32_t v = 0;

	if (s->text.n - s->at < 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		const char c = s->text.p[s->at + i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint32_t)(c - 'A' + 10);
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	s->at += 4;
	*ret = v;
	return true;
}

static void
add_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_addc(b, (char)c);
	} else if (c < 0x800) {
		buf_addc(b, (char)(0xc0 | c >> 6));
		buf_addc(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_addc(b, (char)(0xe0 | c >> 12));
		buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(b, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_addc(b, (char)(0xf0 | c >> 18));
		buf_addc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(b, (char)(0x80 | (c & 0x3f)));
	}
}

/* What follows a backslash. Whether it is the canonical spelling is asked once the string is
 * whole. */
static bool
scan_escape(struct scan *s, struct buf *ret)
{
	static const char shorts[] = "\"\"\\\\b\bf\fn\nr\rt\t";
	uint32_t c;
	uint32_t low;

	if (s->at == s->text.n)
		return false;
	const char kind = s->text.p[s->at++];
	for (size_t i = 0; i + 1 < sizeof(shorts); i += 2) {
		if (kind == shorts[i]) {
			buf_addc(ret, shorts[i + 1]);
			return true;
		}
	}
	if (kind != 'u' || !scan_hex4(s, &c) || c == 0)
		return false;
	if (c >= 0xd800 && c < 0xdc00) {
		if (!skip(s, STR("\\u")) || !scan_hex4(s, &low) || low < 0xdc00 || low > 0xdfff)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c <= 0xdfff) {
		return false;
	}
	add_utf8(ret, c);
	return true;
}

/* Up to the closing quote, which stays. */
static bool
scan_path(struct scan *s, struct buf *ret)
{
	cleanup_buf struct buf again = { 0 };
	const size_t start = s->at;

	while (s->at < s->text.n && s->text.p[s->at] != '"') {
		const char c = s->text.p[s->at++];

		if (c == '\\') {
			if (!scan_escape(s, ret))
				return false;
		} else if (c < 0x20 || c >= 0x7f) {
			return false;
		} else {
			buf_addc(ret, c);
		}
	}
	add_path(&again, buf_cstr(ret));
	return str_eq(buf_str(&again), (struct str){ s->text.p + start, s->at - start });
}

static int
scan_layer(struct scan *s, struct manifest *m, struct err *e)
{
	cleanup_buf struct buf path = { 0 };
	struct digest d;
	uint64_t size;
	uint64_t sum;
	int rc;

	if (!skip(s, STR(LAYER_PATH)) || !scan_path(s, &path) || !skip(s, STR(LAYER_DIGEST)) ||
	    !scan_digest(s, &d) || !skip(s, STR(LAYER_TYPE)) ||
	    !skip(s, str_of(manifest_kind(buf_cstr(&path)))) || !skip(s, STR(LAYER_SIZE)) ||
	    !scan_size(s, &size) || !skip(s, STR("}")))
		return err_set(e, ERR_MALFORMED, "manifest: no native layer at byte %zu", s->at);
	rc = manifest_path_check(buf_cstr(&path), e);
	if (rc < 0)
		return err_prefix(e, "manifest");
	if (m->n > 0 && strcmp(m->files[m->n - 1].path, buf_cstr(&path)) >= 0)
		return err_set(e, ERR_MALFORMED, "manifest: \"%s\" is not after \"%s\"",
		               buf_cstr(&path), m->files[m->n - 1].path);
	if (m->n == MANIFEST_FILES_MAX)
		return err_set(e, ERR_TOO_BIG, "manifest: more than %d files", MANIFEST_FILES_MAX);
	if (__builtin_add_overflow(m->bytes, size, &sum) || sum > SIZE_MAX_JSON)
		return err_set(e, ERR_MALFORMED, "manifest: the sizes add up to more than %" PRIu64,
		               SIZE_MAX_JSON);
	manifest_add(m, buf_cstr(&path), size, &d);
	return 0;
}

/* The config is a function of the layers: a second list that says something else is refused
 * here. */
static int
check_config(const struct manifest *m, uint64_t size, struct err *e)
{
	cleanup_buf struct buf config = { 0 };
	struct digest d;
	int rc;

	rc = manifest_write_config(m, &config, e);
	if (rc < 0)
		return rc;
	digest_small(config.p, config.n, &d);
	if (size != config.n || !digest_eq(&d, &m->config))
		return err_set(e, ERR_MALFORMED,
		               "manifest: the config that it names is not that of its layers");
	return 0;
}

static int
scan_manifest(struct scan *s, struct manifest *m, struct err *e)
{
	uint64_t config_size;
	int rc;

	if (!skip(s, STR(HEAD)) || !scan_digest(s, &m->config) || !skip(s, STR(CONFIG_TYPE)) ||
	    !scan_size(s, &config_size) || !skip(s, STR(LAYERS)))
		return err_set(e, ERR_MALFORMED, "manifest: not a native one, at byte %zu", s->at);
	do {
		rc = scan_layer(s, m, e);
		if (rc < 0)
			return rc;
	} while (skip(s, STR(",")));
	if (!skip(s, STR(TAIL)) || s->at != s->text.n)
		return err_set(e, ERR_MALFORMED, "manifest: no native end at byte %zu", s->at);
	rc = manifest_sort(m, e);
	if (rc < 0)
		return err_set(e, ERR_MALFORMED, "manifest: a path is a file and a folder");
	return check_config(m, config_size, e);
}

int
manifest_parse(struct str text, struct manifest *ret, struct err *e)
{
	struct scan s = { .text = text };
	struct manifest m = { 0 };
	int rc;

	if (text.n > MANIFEST_MAX)
		return err_set(e, ERR_TOO_BIG, "manifest: larger than %u bytes", MANIFEST_MAX);
	rc = scan_manifest(&s, &m, e);
	if (rc < 0) {
		manifest_fini(&m);
		return rc;
	}
	*ret = m;
	return 0;
}
