/* SPDX-License-Identifier: Apache-2.0 */
/* Which part a row belongs to is a table; the order of rows is that of the command. */
#include "tui/view/diff_parts.h"

#include <stdio.h>
#include <string.h>

#define NAME_CELLS 24

static const struct {
	const char *part;
	const char *what[4]; /* as diff calls it */
	const char *empty;   /* when the command has no row of it */
} parts[] = {
	{ "files", { "file" }, "neither version has a file" },
	{ "config", { "config" }, "no JSON configuration file changed" },
	{ "labels", { "label" }, "neither version has a label" },
	{ "metrics", { "metric" }, "nothing was measured of either" },
	{ "evidence", { "licence", "lineage", "scan" }, "nothing else was attested about either" },
	{ "signers", { "signer" }, "neither version is signed" },
};

static const struct {
	const char *change;
	char mark;
	enum ink ink;
} changes[] = {
	{ "added", '+', INK_ADDED },     { "removed", '-', INK_REMOVED },
	{ "changed", '~', INK_CHANGED }, { "not compared", '?', INK_WAIT },
	{ "same", ' ', INK_DIM },
};
#define SAME (COUNT(changes) - 1)

static size_t
change_of(const json_t *row)
{
	const char *said = json_opt_string(row, "change");

	for (size_t i = 0; said && i < COUNT(changes); i++)
		if (streq(changes[i].change, said))
			return i;
	return SAME;
}

static bool
is_of(const json_t *row, size_t part)
{
	const char *what = json_opt_string(row, "what");

	for (size_t i = 0; what && i < COUNT(parts[part].what) && parts[part].what[i]; i++)
		if (streq(parts[part].what[i], what))
			return true;
	return false;
}

static void
value_text(const json_t *v, struct buf *ret)
{
	char size[16];

	if (!v || json_is_null(v)) {
		buf_addc(ret, '-');
	} else if (json_is_string(v)) {
		buf_adds(ret, json_string_value(v));
	} else if (json_is_object(v) && json_object_get(v, "digest")) {
		const char *digest = json_opt_string(v, "digest");
		text_size(size, json_opt_u64(v, "bytes"));
		buf_addf(ret, "%s %.12s", size,
		         digest && has_prefix(digest, "sha256:") ? digest + 7 : "");
	} else {
		json_canonical(v, ret);
	}
}

/* By how much a number moved; "" where both are not numbers. */
static void
moved_by(const json_t *from, const json_t *to, struct buf *ret)
{
	double a, b;

	if (!json_is_string(from) || !json_is_string(to) ||
	    parse_double(json_string_value(from), &a) < 0 ||
	    parse_double(json_string_value(to), &b) < 0)
		return;
	buf_addf(ret, "  (%+.6g)", b - a);
}

static void
row_add(struct sheet *s, const json_t *row, size_t change)
{
	const json_t *const from = json_object_get(row, "from"), *const to =
	                                                                 json_object_get(row, "to");
	const char *name = json_opt_string(row, "name");
	cleanup_buf struct buf a = { 0 }, b = { 0 }, by = { 0 };

	value_text(from, &a);
	value_text(to, &b);
	if (change == 2 && streq(json_opt_string(row, "what"), "metric"))
		moved_by(from, to, &by);
	if (change < 3)
		sheet_add(s, changes[change].ink, 0, "%c %-*s  %s -> %s%s", changes[change].mark,
		          NAME_CELLS, name ? name : "?", buf_cstr(&a), buf_cstr(&b), buf_cstr(&by));
	else
		sheet_add(s, changes[change].ink, 0, "%c %-*s  %s%s", changes[change].mark,
		          NAME_CELLS, name ? name : "?",
		          change == SAME ? "" : "not compared: ", buf_cstr(&b));
	if (change != SAME)
		sheet_mark_last(s);
}

void
diff_row(struct sheet *s, const json_t *row)
{
	row_add(s, row, change_of(row));
}

static void
counts_text(const size_t n[static COUNT(changes)], struct buf *ret)
{
	for (size_t i = 0; i < COUNT(changes); i++)
		if (n[i] > 0)
			buf_addf(ret, "%s%zu %s", ret->n > 0 ? ", " : "", n[i], changes[i].change);
}

static void
rows_add(struct sheet *s, const json_t *items, size_t part, bool same)
{
	const json_t *row;
	size_t i;

	json_array_foreach(items, i, row)
	{
		const size_t change = change_of(row);
		if (is_of(row, part) && (change == SAME) == same && s->rows.n < DIFF_PARTS_ROWS_MAX)
			row_add(s, row, change);
	}
}

static void
part_add(struct sheet *s, const json_t *items, size_t part)
{
	size_t n[COUNT(changes)] = { 0 }, i, total = 0;
	cleanup_buf struct buf text = { 0 };
	const json_t *row;

	json_array_foreach(items, i, row)
	{
		if (is_of(row, part)) {
			n[change_of(row)]++;
			total++;
		}
	}
	counts_text(n, &text);
	if (total > n[SAME] || total == 0)
		sheet_head(s, false, "%s  %s", parts[part].part,
		           total ? buf_cstr(&text) : parts[part].empty);
	rows_add(s, items, part, false);
	if (n[SAME] == 0)
		return;
	if (n[SAME] == total)
		sheet_head(s, true, "%s  %zu same", parts[part].part, total);
	else
		sheet_head(s, true, "%s that are the same  %zu", parts[part].part, n[SAME]);
	rows_add(s, items, part, true);
}

bool
diff_parts(struct sheet *s, const json_t *answer)
{
	const json_t *const items = json_object_get(answer, "items");

	if (!json_is_array(items))
		return false;
	for (size_t i = 0; i < COUNT(parts); i++)
		part_add(s, items, i);
	sheet_head(s, false, "tensors  not compared: this comes later");
	return true;
}
