/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables: a cell is written where it will stay. tsv, name and JSON go straight to the data buffer,
 * so a million rows need no memory; text and wide keep the cells one behind the other and are laid
 * out at the end, when the widths are known. Nothing is printf'ed or allocated per cell.
 */
#include "registry/base/out.h"

#include <assert.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/out_private.h"
#include "registry/base/text.h"

static bool
is_shown(const struct out *o, size_t column)
{
	if (o->format == OUT_NAME)
		return column == o->table.name;
	return o->format != OUT_TEXT || !o->table.columns[column].wide_only;
}

static void
add_envelope(struct buf *b, const char *kind)
{
	buf_adds(b, "{\"apiVersion\":\"" OUT_API_VERSION "\",\"kind\":\"");
	text_json(b, str_of(kind));
	buf_addc(b, '"');
}

/* A row that is a line of its own is one of the list: "Model" of "ModelList". */
static void
add_row_envelope(struct buf *b, const char *kind)
{
	cleanup_free char *one = xstrdup(kind);

	if (has_suffix(one, "List"))
		one[strlen(one) - strlen("List")] = '\0';
	add_envelope(b, one);
}

/* Inside an object the table is one of its members, named kind. */
static void
begin_json(struct out *o, const char *kind)
{
	struct out_table *const t = &o->table;

	buf_clear(&t->row_open);
	if (o->in_object) {
		jo_begin(&o->json, kind, '[');
	} else if (o->format == OUT_JSON) {
		add_envelope(&o->data, kind);
		buf_adds(&o->data, ",\"items\":[");
	} else {
		add_row_envelope(&t->row_open, kind);
		buf_addc(&t->row_open, ',');
	}
}

void
out_table_begin(struct out *o, const char *kind, const struct out_column *c, size_t n)
{
	struct out_table *const t = &o->table;

	assert(!t->is_open && n > 0 && n <= OUT_COLUMNS_MAX);
	t->columns = c;
	t->n = n;
	t->at = t->name = 0;
	t->now_s = clock_now_s();
	t->day = -1;
	t->is_open = true;
	buf_clear(&t->text);
	t->cells.n = 0;
	t->is_laid_out = o->format == OUT_TEXT || o->format == OUT_WIDE;
	if (t->is_laid_out) {
		/* grown by halves, each would be copied where the other left it no room */
		(void)buf_reserve(&t->text, OUT_WRITE_SIZE - 1);
		vec_reserve(&t->cells, OUT_WRITE_SIZE / sizeof(*t->cells.v));
	}
	(void)buf_reserve(&o->data, OUT_WRITE_SIZE + OUT_WRITE_SIZE / 8 - 1);
	for (size_t i = 0; i < n; i++) {
		if (c[i].name)
			t->name = i;
		/* a line of ndjson says so itself */
		assert(!streq(c[i].key, "kind") && !streq(c[i].key, "apiVersion"));
		t->widths[i] = 0;
	}
	for (size_t i = 0; i < n; i++)
		t->shown[i] = is_shown(o, i);
	for (size_t i = 0; i < n && t->is_laid_out; i++)
		out_cell_word(o, c[i].title);
	t->has_rows = false;
	if (out_is_json(o))
		begin_json(o, kind);
	for (size_t i = 0; i < n && o->format == OUT_TSV; i++) {
		buf_adds(&o->data, c[i].title);
		buf_addc(&o->data, i + 1 < n ? '\t' : '\n');
	}
	out_data_grew(o);
}

static void
row_open_json(struct out *o)
{
	struct out_table *const t = &o->table;
	const bool is_line = t->row_open.n > 0;

	if (is_line) {
		buf_add(&o->data, t->row_open.p, t->row_open.n);
	} else {
		if (t->has_rows)
			buf_addc(&o->data, ',');
		buf_addc(&o->data, '{');
	}
}

/* Where the next cell's value goes; NULL when this format does not show its column. */
static struct buf *
cell_open(struct out *o)
{
	struct out_table *const t = &o->table;
	struct buf *const b = &o->data;

	assert(t->is_open && !t->is_laid_out);
	if (!t->shown[t->at])
		return NULL;
	if (o->format == OUT_TSV && t->at > 0)
		buf_addc(b, '\t');
	if (!out_is_json(o))
		return b;
	if (t->at == 0)
		row_open_json(o);
	else
		buf_addc(b, ',');
	buf_addc(b, '"');
	buf_adds(b, t->columns[t->at].key);
	buf_add(b, "\":", 2);
	return b;
}

static void
row_close(struct out *o)
{
	struct out_table *const t = &o->table;

	t->at = 0;
	t->has_rows = true;
	if (t->is_laid_out)
		return;
	if (out_is_json(o))
		buf_addc(&o->data, '}');
	if (!out_is_json(o) || t->row_open.n > 0)
		buf_addc(&o->data, '\n');
	out_data_grew(o);
}

static void
cell_close(struct out *o)
{
	if (++o->table.at == o->table.n)
		row_close(o);
}

enum made { OURS, FOREIGN }; /* ours: ASCII, as wide as it is long and nothing to escape */

/* Laid out at the end; the common path of a list, so it calls little. */
static void
cell_keep(struct out *o, struct str s, enum made made)
{
	struct out_table *const t = &o->table;
	const size_t start = t->text.n;
	struct out_cell_text cell = { (uint32_t)s.n, (uint32_t)s.n };

	assert(t->is_open);
	if (t->shown[t->at]) {
		if (made == OURS || text_is_plain(s)) {
			char *const at = t->text.cap - t->text.n > s.n ? t->text.p + start
			                                               : buf_reserve(&t->text, s.n);
			assert(s.n <= UINT32_MAX);
			memcpy(at, s.p, s.n);
			t->text.n += s.n;
		} else {
			text_safe(&t->text, s);
			s = (struct str){ t->text.p + start, t->text.n - start };
			assert(s.n <= UINT32_MAX);
			cell = (struct out_cell_text){ (uint32_t)s.n, (uint32_t)text_width(s) };
		}
		vec_push(&t->cells, cell);
		if (cell.width > t->widths[t->at])
			t->widths[t->at] = cell.width;
	}
	cell_close(o);
}

/* A value that is a string in JSON. */
static void
cell_string(struct out *o, struct str s, enum made made)
{
	struct buf *b;
	bool quoted;

	if (o->table.is_laid_out) {
		cell_keep(o, s, made);
		return;
	}
	b = cell_open(o);
	quoted = b && out_is_json(o);
	if (b && made == FOREIGN && text_is_plain(s))
		made = OURS;
	if (quoted)
		buf_addc(b, '"');
	if (b && made == OURS)
		buf_add(b, s.p, s.n);
	else if (quoted)
		text_json(b, s);
	else if (b)
		text_safe(b, s);
	if (quoted)
		buf_addc(b, '"');
	cell_close(o);
}

static void
cell_nothing(struct out *o)
{
	struct buf *b;

	if (o->table.is_laid_out) {
		cell_keep(o, (struct str){ "-", 1 }, OURS);
		return;
	}
	b = cell_open(o);
	if (b && out_is_json(o))
		buf_add(b, "null", 4);
	cell_close(o);
}

void
out_cell_str(struct out *o, struct str s)
{
	cell_string(o, s, FOREIGN);
}

void
out_cell(struct out *o, const char *s)
{
	if (s)
		cell_string(o, str_of(s), FOREIGN);
	else
		cell_nothing(o);
}

void
out_cell_word(struct out *o, const char *s)
{
	cell_string(o, str_of(s), OURS);
}

void
out_cell_u64(struct out *o, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);
	struct buf *b;

	do {
		digits[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	if (o->table.is_laid_out) {
		cell_keep(o, (struct str){ digits + i, sizeof(digits) - i }, OURS);
		return;
	}
	b = cell_open(o);
	if (b)
		buf_add(b, digits + i, sizeof(digits) - i);
	cell_close(o);
}

void
out_cell_size(struct out *o, uint64_t bytes)
{
	char text[16];

	if (o->format != OUT_TEXT) {
		out_cell_u64(o, bytes);
		return;
	}
	text_size(text, bytes);
	cell_string(o, str_of(text), OURS);
}

/* clock_text with the date kept from the row before: rows come by time, the date is dear. */
static struct str
time_text(struct out_table *t, int64_t s)
{
	static const int64_t day_s = 86400, last_s = INT64_C(253402300799); /* of the year 9999 */
	char *const text = t->day_text;
	unsigned rest;

	if (s < 0 || s > last_s || s / day_s != t->day) {
		clock_text(text, s);
		t->day = s < 0 || s > last_s ? -1 : s / day_s;
		return str_of(text);
	}
	rest = (unsigned)(s % day_s);
	for (size_t i = 0; i < 3; i++) {
		static const unsigned units[] = { 3600, 60, 1 };
		const unsigned v = rest / units[i];
		text[11 + 3 * i] = (char)('0' + v / 10);
		text[12 + 3 * i] = (char)('0' + v % 10);
		rest %= units[i];
	}
	return str_of(text);
}

/* Counts a cell that this format does not show, before anything is made of its value. */
static bool
cell_skip(struct out *o)
{
	if (o->table.shown[o->table.at])
		return false;
	cell_close(o);
	return true;
}

void
out_cell_time(struct out *o, int64_t s)
{
	char text[16];

	if (cell_skip(o))
		return;
	if (o->format == OUT_TEXT) {
		text_age(text, s, o->table.now_s);
		cell_string(o, str_of(text), OURS);
	} else {
		cell_string(o, time_text(&o->table, s), OURS);
	}
}

void
out_cell_digest(struct out *o, const struct digest *d)
{
	char text[7 + DIGEST_HEX_SIZE] = "sha256:";

	if (cell_skip(o))
		return;
	if (!d) {
		cell_nothing(o);
		return;
	}
	if (o->format == OUT_TEXT) {
		static const char hex[] = "0123456789abcdef";

		for (size_t i = 0; i < 6; i++) { /* the whole would be five times the work */
			text[2 * i] = hex[d->b[i] >> 4];
			text[2 * i + 1] = hex[d->b[i] & 15];
		}
		cell_string(o, (struct str){ text, 12 }, OURS);
		return;
	}
	digest_hex(d, text + 7);
	cell_string(o, str_of(text), OURS);
}

void
out_cell_json(struct out *o, const char *text, const json_t *v)
{
	struct buf *b;

	if (!out_is_json(o) || !v) {
		out_cell(o, out_is_json(o) ? NULL : text);
		return;
	}
	b = cell_open(o);
	struct json_out j = { .b = b };
	jo_value(&j, NULL, v);
	cell_close(o);
}

/*
 * Two spaces between columns; spaces wait in *gap until something follows them. at has room for
 * the gap, the cell and SLACK more, s has SLACK bytes behind it; gives where the next one goes.
 * Most cells and gaps are shorter than SLACK, and that many bytes are moved without a call.
 */
#define SLACK 16u
static char *
lay_cell(char *at, enum out_align align, struct str s, size_t cell, size_t column, size_t *gap)
{
	const size_t pad = column - cell;

	if (align == OUT_RIGHT)
		*gap += pad;
	if (s.n > 0) {
		if (*gap <= SLACK)
			memset(at, ' ', SLACK);
		else
			memset(at, ' ', *gap);
		at += *gap;
		if (s.n <= SLACK)
			memcpy(at, s.p, SLACK);
		else
			memcpy(at, s.p, s.n);
		at += s.n;
		*gap = 0;
	}
	*gap += align == OUT_RIGHT ? 2 : pad + 2;
	return at;
}

/* A row of cells from *c and *p on; both are moved behind it. */
static void
lay_row(struct out *o, char *at, size_t *c, const char **p)
{
	const struct out_table *const t = &o->table;
	size_t gap = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (!t->shown[i])
			continue;
		const struct out_cell_text cell = t->cells.v[(*c)++];
		at = lay_cell(at, t->columns[i].align, (struct str){ *p, cell.len }, cell.width,
		              t->widths[i], &gap);
		*p += cell.len;
	}
	o->data.n = (size_t)(at - o->data.p);
}

static size_t
row_bytes(const struct out_table *t, size_t c)
{
	size_t bytes = 0;

	for (size_t i = 0; i < t->n; i++)
		bytes += t->shown[i] ? t->cells.v[c++].len : 0;
	return bytes;
}

static void
lay_out(struct out *o)
{
	const struct out_table *const t = &o->table;
	const bool bold = out_colored(o, o->fd_data);
	size_t room = SLACK, c = 0; /* room: what a row has at most besides its cells */
	const char *p;

	(void)buf_reserve(&o->table.text, SLACK);
	p = t->text.p;
	for (size_t i = 0; i < t->n; i++)
		room += t->widths[i] + 2;
	buf_adds(&o->data, bold ? "\033[1m" : "");
	lay_row(o, buf_reserve(&o->data, room + row_bytes(t, c)), &c, &p);
	buf_adds(&o->data, bold ? "\033[0m\n" : "\n");
	while (c < t->cells.n) {
		lay_row(o, buf_reserve(&o->data, room + row_bytes(t, c)), &c, &p);
		buf_addc(&o->data, '\n');
		out_data_grew(o);
	}
}

void
out_table_end(struct out *o)
{
	struct out_table *const t = &o->table;

	assert(t->is_open && t->at == 0);
	t->is_open = false;
	if (t->is_laid_out && t->has_rows)
		lay_out(o);
	if (out_is_json(o) && o->in_object)
		jo_end(&o->json, ']');
	else if (o->format == OUT_JSON)
		buf_adds(&o->data, "]}\n");
	out_data_grew(o);
}
