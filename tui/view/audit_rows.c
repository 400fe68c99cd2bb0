/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that came since are in front: their words are looked at before the walk goes on. */
#include "tui/view/audit_rows.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/ref.h"

#define PAGE_MAX      256u
#define CLOCK_ENTRIES 16u

void
audit_rows_fini(struct audit_rows *r)
{
	vec_fini(&r->found);
	free(r->page);
}

void
audit_rows_reset(struct audit_rows *r, const char *filter)
{
	(void)str_copy(r->filter, sizeof(r->filter), filter);
	r->found.n = 0;
	r->entries = r->next = 0;
	r->want = 0;
	r->page_n = 0;
}

void
audit_row_of(const struct policy *p, const struct entry *n, struct audit_row *ret)
{
	cleanup_buf struct buf what = { 0 }, who = { 0 };

	*ret = (struct audit_row){ .seq = n->seq,
		                   .time_s = n->time_s,
		                   .is_signed = n->statement != NULL };
	history_sentence(n, &what, &who);
	ret->is_glass = strstr(buf_cstr(&what), ", BREAK-GLASS") != NULL && !streq(n->type, "note");
	history_name(p, &who);
	history_login(n, &who);
	(void)snprintf(ret->type, sizeof(ret->type), "%s", n->type);
	(void)snprintf(ret->model, sizeof(ret->model), "%s", n->model ? n->model : "");
	(void)snprintf(ret->who, sizeof(ret->who), "%s", buf_cstr(&who));
	(void)snprintf(ret->what, sizeof(ret->what), "%s", buf_cstr(&what));
}

bool
audit_row_match(const struct filter *f, const struct audit_row *n)
{
	const char *const texts[] = { n->what, n->who, n->model, n->type, NULL };
	const struct filter_row r = { .texts = texts,
		                      .signer = n->is_signed ? n->who : "",
		                      .is_signed = n->is_signed ? FACT_YES : FACT_NO };

	return filter_row_match(f, &r);
}

static int
row_read(struct audit_rows *r, struct registry *reg, struct txn *t, uint64_t seq,
         struct audit_row *ret, struct err *e)
{
	struct entry n;
	const int rc = history_entry(reg, t, seq, &n, e);

	if (rc < 0)
		return rc;
	audit_row_of(&r->policy, &n, ret);
	entry_fini(&n);
	return 0;
}

/* --- what is found --- */

static bool
is_found(const struct audit_rows *r)
{
	return r->filter[0] || r->model[0];
}

/* The entry at *next less one; *next is then where the walk goes on. */
static int
step(struct audit_rows *r, struct registry *reg, struct txn *t, uint64_t *next,
     struct audit_row *ret, struct err *e)
{
	const uint64_t seq = *next - 1;
	struct entry n;
	const int rc = history_entry(reg, t, seq, &n, e);

	if (rc < 0)
		return rc;
	audit_row_of(&r->policy, &n, ret);
	*next = !r->model[0] ? seq : n.has_previous && n.previous < seq ? n.previous + 1 : 0;
	const bool is_of = !r->model[0] || (n.model && streq(n.model, r->model));
	entry_fini(&n);
	if (is_of)
		return 0;
	return err_set(e, ERR_MALFORMED, "log entry %llu breaks the chain of \"%s\"",
	               (unsigned long long)seq, r->model);
}

/* Those from newest down to `from` that match, in front of what was found. */
static int
look_at_new(struct audit_rows *r, struct registry *reg, struct txn *t, uint64_t newest,
            uint64_t from, const struct filter *f, struct err *e)
{
	struct audit_row row;
	VEC(uint64_t) fresh = { 0 };
	int rc = 0;

	while (newest > from && rc == 0) {
		const uint64_t seq = newest - 1;
		rc = step(r, reg, t, &newest, &row, e);
		if (rc == 0 && audit_row_match(f, &row))
			vec_push(&fresh, seq);
	}
	for (size_t i = 0; i < r->found.n; i++)
		vec_push(&fresh, r->found.v[i]);
	r->found.n = 0;
	for (size_t i = 0; i < fresh.n; i++)
		vec_push(&r->found, fresh.v[i]);
	vec_fini(&fresh);
	return rc;
}

/* What is older belongs to another registry: the entry that says so stands between. */
static int
border_tell(struct audit_rows *r, struct registry *reg, struct txn *t, const struct filter *f,
            struct err *e)
{
	struct audit_row row;
	const int rc = row_read(r, reg, t, r->border, &row, e);

	if (rc == 0 && audit_row_match(f, &row))
		vec_push(&r->found, r->border);
	r->border = 0;
	return rc;
}

static int
walk(struct audit_rows *r, struct registry *reg, struct txn *t, const struct filter *f,
     struct err *e)
{
	const uint64_t until = r->slice_ms > 0 ? clock_mono_ms() + r->slice_ms : 0;
	struct audit_row row;
	size_t seen = 0;
	int rc = 0;

	while (r->next > 0 && r->found.n < r->want && rc == 0) {
		const uint64_t seq = r->next - 1;
		if (++seen % CLOCK_ENTRIES == 0 && until > 0 && clock_mono_ms() >= until)
			return 0;
		if (r->model[0] && seq < r->border)
			rc = border_tell(r, reg, t, f, e);
		if (rc == 0)
			rc = step(r, reg, t, &r->next, &row, e);
		if (rc == 0 && audit_row_match(f, &row))
			vec_push(&r->found, seq);
	}
	return rc;
}

static int
find(struct audit_rows *r, struct registry *reg, struct txn *t, uint64_t had, struct err *e)
{
	uint64_t newest = r->entries;
	struct model_row m;
	struct filter f;
	int rc = 0;

	if (r->model[0]) {
		rc = ref_model(t, r->model, &m, e);
		newest = m.last_seq + 1;
	}
	if (rc < 0)
		return rc;
	filter_compile(&f, r->filter);
	if (had == 0) {
		r->next = newest;
		rc = r->model[0] ? born_get(t, &r->border, e) : 0;
	} else if (newest > had) {
		rc = look_at_new(r, reg, t, newest, had, &f, e);
	}
	return rc < 0 ? rc : walk(r, reg, t, &f, e);
}

/* --- rows --- */

static bool
seq_at(const struct audit_rows *r, size_t i, uint64_t *ret)
{
	if (is_found(r) ? i >= r->found.n : i >= r->entries)
		return false;
	*ret = is_found(r) ? r->found.v[i] : r->entries - 1 - i;
	return true;
}

static int
page_read(struct audit_rows *r, struct registry *reg, struct txn *t, size_t top, size_t page,
          struct err *e)
{
	struct audit_row *const had = r->page;
	const size_t had_n = r->page_n;
	int rc = 0;

	r->page = xcalloc(PAGE_MAX, sizeof(*r->page));
	r->page_at = top;
	r->page_n = 0;
	for (size_t i = 0; i < page && i < PAGE_MAX && rc == 0; i++) {
		const struct audit_row *known = NULL;
		uint64_t seq;
		if (!seq_at(r, top + i, &seq))
			break;
		for (size_t k = 0; k < had_n && !known; k++)
			known = had[k].seq == seq ? &had[k] : NULL; /* entries never change */
		if (known)
			r->page[r->page_n] = *known;
		else
			rc = row_read(r, reg, t, seq, &r->page[r->page_n], e);
		r->page_n += rc == 0;
	}
	free(had);
	return rc;
}

int
audit_rows_read(struct audit_rows *r, struct registry *reg, struct txn *t, size_t top, size_t page,
                struct err *e)
{
	const uint64_t had = r->entries;
	struct err unnamed = { 0 }; /* then keys stay keys */
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc < 0)
		return rc;
	if (a.entries < had)
		r->page_n = 0; /* another log */
	r->entries = a.entries;
	if (top + page > r->want)
		r->want = top + page;
	(void)policy_current(reg, t, &r->policy, &unnamed);
	if (is_found(r))
		rc = find(r, reg, t, a.entries < had ? 0 : had, e);
	if (rc == 0)
		rc = page_read(r, reg, t, top, page, e);
	policy_fini(&r->policy);
	r->policy = (struct policy){ 0 };
	return rc;
}

bool
audit_rows_unfinished(const struct audit_rows *r)
{
	return is_found(r) && r->next > 0 && r->found.n < r->want;
}

size_t
audit_rows_total(const struct audit_rows *r, bool *ret_is_known)
{
	*ret_is_known = !is_found(r) || r->next == 0;
	return is_found(r) ? r->found.n : (size_t)r->entries;
}

const struct audit_row *
audit_rows_row(const struct audit_rows *r, size_t i)
{
	return i >= r->page_at && i < r->page_at + r->page_n ? &r->page[i - r->page_at] : NULL;
}

size_t
audit_rows_find(const struct audit_rows *r, uint64_t seq)
{
	if (!is_found(r))
		return seq < r->entries ? (size_t)(r->entries - 1 - seq) : SIZE_MAX;
	for (size_t i = 0; i < r->found.n; i++)
		if (r->found.v[i] == seq)
			return i;
	return SIZE_MAX;
}
