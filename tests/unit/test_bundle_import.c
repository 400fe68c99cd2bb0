/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles into a registry: versions arrive with their home's numbers, once, whole or not at all;
 * the database is a function of log and blobs; and what was believed is asked of the policy again.
 */
#include "registry/bundle_import.h"

#include "bundle_fixture.h"
#include "change_fixture.h"
#include "registry/bundle_tar.h"

struct carried {
	struct bundle_draft d;
	struct bundle_source *s;
};

static void
bring(struct pair *p, const struct wanted *w, size_t n, uint64_t since, struct carried *ret)
{
	char name[32];

	build(p, w, n, since, &ret->d);
	(void)snprintf(name, sizeof name, "b%d.tar", (int)ret->d.bundle.inventory.counter);
	ret->s = carry(p, &ret->d.bundle, name);
}

static void
put_away(struct carried *c)
{
	bundle_source_close(c->s);
	bundle_draft_fini(&c->d);
}

static int
get_version(struct site *s, const char *model, uint64_t number, struct version_row *ret)
{
	struct txn *t;
	struct err e = { 0 };
	int rc;

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	rc = version_get(t, model, number, ret, &e);
	store_abort(t);
	return rc;
}

static void
get_model(struct site *s, const char *model, struct model_row *ret)
{
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(model_get(t, model, ret, &e), &e, model);
	store_abort(t);
}

static void
expect_version(struct site *s, const char *model, uint64_t number, const struct digest *d)
{
	struct version_row v;

	cr_assert_eq(get_version(s, model, number, &v), 0, "%s@v%d", model, (int)number);
	cr_expect(digest_eq(&v.digest, d), "%s@v%d", model, (int)number);
	cr_expect_str_eq(v.signer, "hq/ana");
}

/* By what is signed, as a promotion asks. */
static int
admit(struct site *s, const struct digest *version, struct err *e)
{
	struct admitted a = { 0 };
	struct ledger l;
	int rc;

	*e = (struct err){ 0 };
	rc = ledger_open(s->r, &l, e);
	if (rc < 0)
		return rc;
	rc = ledger_version(s->r, &l, MODEL, version, &a, e);
	admitted_fini(&a);
	ledger_fini(&l);
	return rc;
}

Test(bundle_import, arrives_once)
{
	struct bundle_arrived done;
	struct model_row m;
	struct carried c;
	struct pair p;
	struct err e;

	pair_make(&p);
	bring(&p, want_all, 3, 0, &c);
	const uint64_t before = entries(&p.gap);
	cr_assert_eq(take_in(&p, c.s, &done, &e), 0, "%s", e.msg);
	cr_expect(done.changed);
	cr_expect_eq(done.versions_new, 3);
	cr_expect_gt(done.new_bytes, 0);
	cr_expect_eq(done.seq, before);
	cr_expect_eq(entries(&p.gap), before + 4);
	expect_version(&p.gap, MODEL, 1, &p.v1);
	expect_version(&p.gap, MODEL, 2, &p.v2);
	expect_version(&p.gap, OTHER, 1, &p.o1);
	get_model(&p.gap, MODEL, &m);
	cr_expect_str_eq(m.home, p.hq.r->id);
	cr_expect_eq(m.latest, 2);
	cr_expect_eq(m.live_n, 2);
	cr_expect(digest_eq(&m.digest, &p.v2));
	cr_expect_eq(admit(&p.gap, &p.v1, &e), 0, "%s", e.msg);
	cr_expect_eq(admit(&p.gap, &p.v2, &e), 0, "%s", e.msg);

	cr_assert_eq(take_in(&p, c.s, &done, &e), 0, "%s", e.msg);
	cr_expect_not(done.changed);
	cr_expect_eq(done.versions_new, 0);
	cr_expect_eq(entries(&p.gap), before + 4);
	/* only its home numbers a model */
	struct change_result r;
	const char key[] = "k";
	p.gap.forges = true; /* a line that does not count leaves no version */
	site_version(&p.gap, 3, "ours");
	p.gap.forges = false;
	struct version_row v;
	cr_expect_eq(get_version(&p.gap, MODEL, 3, &v), -ERR_NOT_FOUND);
	cr_expect_eq(site_try_commit(
	                     &p.gap, "label", MODEL,
	                     json_pack("{s:n, s:[], s:{s:s}}", "number", "remove", "set", key, "v"),
	                     NULL, &r, &e),
	             0, "%s", e.msg);
	put_away(&c);
	pair_leave(&p);
}

Test(bundle_import, an_older_one_and_a_difference)
{
	struct bundle_arrived done;
	struct carried one, two;
	struct pair p;
	struct err e;

	pair_make(&p);
	bring(&p, want_v1, 1, 0, &one);
	bring(&p, want_all, 2, 1, &two);
	/* a difference without what it builds on */
	const uint64_t size = log_size(&p.gap);
	cr_expect_eq(take_in(&p, two.s, &done, &e), -ERR_DIGEST, "%s", e.msg);
	cr_expect(strstr(e.hint, "builds on bundle 1"), "%s", e.hint);
	cr_expect_eq(log_size(&p.gap), size);
	cr_assert_eq(take_in(&p, one.s, &done, &e), 0, "%s", e.msg);
	cr_assert_eq(take_in(&p, two.s, &done, &e), 0, "%s", e.msg);
	cr_expect_eq(done.versions_new, 1);
	expect_version(&p.gap, MODEL, 2, &p.v2);
	cr_expect_eq(take_in(&p, one.s, &done, &e), -ERR_UNTRUSTED);
	cr_expect(strstr(e.msg, "is older than bundle 2"), "%s", e.msg);
	put_away(&one);
	put_away(&two);
	pair_leave(&p);
}

/* --- names and numbers --- */

Test(bundle_import, another_home)
{
	struct bundle_arrived done;
	struct carried c;
	struct pair p;
	struct err e;

	pair_make(&p);
	bring(&p, want_all, 3, 0, &c);
	site_version(&p.gap, 1, "ours");
	const uint64_t size = log_size(&p.gap);
	cr_expect_eq(take_in(&p, c.s, &done, &e), -ERR_CONFLICT);
	cr_expect(strstr(e.msg, "\"face-detect\" is numbered by this registry"), "%s", e.msg);
	cr_expect_eq(log_size(&p.gap), size);
	put_away(&c);
	pair_leave(&p);
}

Test(bundle_import, two_sites_and_one_name)
{
	struct bundle_arrived done;
	struct carried a, b;
	struct pair p, q;
	struct err e;

	pair_make(&q);
	pair_make(&p);
	bring(&p, want_v1, 1, 0, &a);
	bring(&q, want_v2, 1, 0, &b);
	json_t *const sites = hq_is_believed(&p);
	json_array_append_new(sites, json_pack("{s:[s], s:s, s:o}", "for", "versions", "name",
	                                       "other", "root", json_from_digest(&q.root)));
	believe(&p.gap, sites);
	cr_assert_eq(take_in(&p, a.s, &done, &e), 0, "%s", e.msg);
	const uint64_t size = log_size(&p.gap);
	const struct site gap = q.gap;
	q.gap = p.gap;
	cr_expect_eq(take_in(&q, b.s, &done, &e), -ERR_CONFLICT, "%s", e.msg);
	cr_expect(strstr(e.msg, "is numbered by registry"), "%s", e.msg);
	q.gap = gap;
	cr_expect_eq(log_size(&p.gap), size);
	put_away(&a);
	put_away(&b);
	pair_leave(&p);
	pair_leave(&q);
}

/* --- what only a source that lies can send --- */

static void
list_add(struct bundle_list *l, const struct digest *d, uint64_t size)
{
	l->v = xrealloc(l->v, (l->n + 1) * sizeof *l->v);
	l->v[l->n++] = (struct bundle_blob){ *d, size };
}

static void
list_version(struct pair *p, const struct digest *d, struct bundle_list *l, uint64_t *ret_size)
{
	cleanup_buf struct buf text = { 0 };
	struct manifest m;
	struct err e = { 0 };
	uint64_t size;

	ok(blob_read(p->hq.r->blobs, d, MANIFEST_MAX, &text, &e), &e, "manifest");
	ok(manifest_parse(buf_str(&text), &m, &e), &e, "parse");
	*ret_size = text.n;
	list_add(l, d, text.n);
	for (size_t i = 0; i < m.n; i++)
		list_add(l, &m.files[i].digest, m.files[i].size);
	cr_assert(blob_exists(p->hq.r->blobs, &m.config, &size));
	list_add(l, &m.config, size);
	manifest_fini(&m);
}

/* A bundle of these versions of MODEL, whatever hq's own database thinks of their entries. */
static struct bundle_source *
compose_bundle(struct pair *p, const struct bundle_draft *like, struct bundle_version *v, size_t n,
               const char *name, struct bundle *ret)
{
	struct bundle_list l = { 0 };
	uint64_t seqs[4];

	copy_bundle(&like->bundle, ret);
	free(ret->inventory.versions);
	ret->inventory.versions = xcalloc(n, sizeof *v);
	ret->inventory.versions_n = n;
	for (size_t i = 0; i < n; i++) {
		list_version(p, &v[i].digest, &l, &v[i].manifest_size);
		(void)str_copy(v[i].model, sizeof v[i].model, MODEL);
		ret->inventory.versions[i] = v[i];
		seqs[i] = v[i].seq;
	}
	bundle_list_sort(&l);
	buf_clear(&ret->front[FRONT_LIST].text);
	bundle_list_write(&l, &ret->front[FRONT_LIST].text);
	ret->inventory.blobs_n = l.n;
	ret->inventory.bytes = 0;
	for (size_t i = 0; i < l.n; i++)
		ret->inventory.bytes += l.v[i].size;
	bundle_list_fini(&l);
	prove_entries(p, seqs, n, json_array(), &ret->front[FRONT_PROOF].text);
	remake(ret, p->hq.ana);
	return carry(p, ret, name);
}

Test(bundle_import, another_digest_for_a_number)
{
	struct bundle_arrived done;
	struct carried c;
	struct bundle b;
	struct pair p;
	struct err e;

	pair_make(&p);
	bring(&p, want_v1, 1, 0, &c);
	cr_assert_eq(take_in(&p, c.s, &done, &e), 0, "%s", e.msg);
	p.hq.forges = true;
	const uint64_t seq = entries(&p.hq);
	const struct digest again = site_version(&p.hq, 1, "another one");
	p.hq.forges = false;
	struct bundle_version v = { .number = 1, .seq = seq, .digest = again };
	struct bundle_source *s = compose_bundle(&p, &c.d, &v, 1, "again.tar", &b);
	/* as who never saw the first one judges it; gap's own log knows better */
	struct bundle_judged j;
	const struct bundle_expect x = { .root = &p.root, .now_s = NOW_S };
	struct ledger l;
	ok(bundle_judge(&b, &x, &j, &e), &e, "judge");
	ok(ledger_open(p.gap.r, &l, &e), &e, "ledger");
	const uint64_t size = log_size(&p.gap);
	cr_expect_eq(bundle_import(p.gap.r, &l, s, &b, &j, NULL, NULL, &done, &e), -ERR_CONFLICT);
	cr_expect(strstr(e.msg, "face-detect@v1 is sha256:"), "%s", e.msg);
	cr_expect_eq(log_size(&p.gap), size);
	ledger_fini(&l);
	bundle_judged_fini(&j);
	bundle_source_close(s);
	bundle_fini(&b);
	put_away(&c);
	pair_leave(&p);
}

/* The second of its versions has the bytes of the first: none of them arrives. */
Test(bundle_import, a_later_line_that_is_refused)
{
	struct bundle_arrived done;
	struct carried c;
	struct bundle b;
	struct pair p;
	struct err e;

	pair_make(&p);
	bring(&p, want_v1, 1, 0, &c);
	p.hq.forges = true;
	const uint64_t seq = entries(&p.hq);
	const struct digest again = site_version(&p.hq, 3, "one");
	p.hq.forges = false;
	cr_assert(digest_eq(&again, &p.v1));
	struct bundle_version v[] = { { .number = 1, .seq = HQ_V1, .digest = p.v1 },
		                      { .number = 3, .seq = seq, .digest = again } };
	struct bundle_source *s = compose_bundle(&p, &c.d, v, 2, "twice.tar", &b);
	const uint64_t size = log_size(&p.gap);
	cr_expect_eq(take_in(&p, s, &done, &e), -ERR_MALFORMED, "%s", e.msg);
	cr_expect(strstr(e.msg, "has these bytes already"), "%s", e.msg);
	cr_expect_eq(log_size(&p.gap), size);
	struct version_row row;
	cr_expect_eq(get_version(&p.gap, MODEL, 1, &row), -ERR_NOT_FOUND);
	bundle_source_close(s);
	bundle_fini(&b);
	put_away(&c);
	pair_leave(&p);
}

/* --- the medium, the disk --- */

Test(bundle_import, a_damaged_medium_leaves_nothing)
{
	struct bundle_arrived done;
	struct carried c;
	struct pair p;
	struct err e;

	pair_make(&p);
	bring(&p, want_v1, 1, 0, &c);
	cleanup_free char *path = xasprintf("%s/b1.tar", p.hq.path);
	uint64_t last = c.d.bundle.begin + TAR_BLOCK; /* first byte of the last blob */
	for (size_t i = 0; i + 1 < c.d.bundle.list.n; i++)
		last += tar_room(c.d.bundle.list.v[i].size);
	cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);
	char was;
	cr_assert_eq(fs_pread_all(fd, &was, 1, (off_t)last), 0);
	const char other = (char)(was ^ 1);
	cr_assert_eq(pwrite(fd, &other, 1, (off_t)last), 1);
	const uint64_t size = log_size(&p.gap);
	cr_expect_eq(take_in(&p, c.s, &done, &e), -ERR_DIGEST, "%s", e.msg);
	cr_expect(strstr(e.msg, "has other bytes"), "%s", e.msg);
	cr_expect_eq(log_size(&p.gap), size);
	for (size_t i = 0; i < c.d.bundle.list.n; i++) {
		uint64_t n;
		cr_expect_not(blob_exists(p.gap.r->blobs, &c.d.bundle.list.v[i].digest, &n));
	}
	cr_assert_eq(pwrite(fd, &was, 1, (off_t)last), 1);
	cr_expect_eq(take_in(&p, c.s, &done, &e), 0, "%s", e.msg);
	put_away(&c);
	pair_leave(&p);
}

/* The log ends behind line n of it. */
static void
cut_log(struct site *s, uint64_t lines)
{
	cleanup_free char *path = xasprintf("%s/log/00000001.log", s->dir);
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };
	const char *end;

	ok(fs_read_at(AT_FDCWD, path, 1u << 20, &text, &e), &e, "read");
	end = text.p;
	for (uint64_t i = 0; i < lines; i++)
		end = (const char *)memchr(end, '\n', text.n - (size_t)(end - text.p)) + 1;
	cr_assert_eq(truncate(path, end - text.p), 0);
}

/* The power went while the lines were written: the database had not committed. */
Test(bundle_import, a_power_cut_behind_some_lines)
{
	for (uint64_t left = 0; left < 4; left++) {
		struct bundle_arrived done;
		struct carried c;
		struct pair p;
		struct err e;

		pair_make(&p);
		bring(&p, want_all, 3, 0, &c);
		const uint64_t before = entries(&p.gap);
		copy_db(&p.gap, "db/data.mdb", "old.mdb");
		site_reopen(&p.gap);
		cr_assert_eq(take_in(&p, c.s, &done, &e), 0, "%s", e.msg);
		copy_db(&p.gap, "old.mdb", "db/data.mdb");
		cut_log(&p.gap, before + left);
		site_reopen(&p.gap);
		cr_assert_eq(entries(&p.gap), before + left);
		cr_assert_eq(take_in(&p, c.s, &done, &e), 0, "%d: %s", (int)left, e.msg);
		cr_expect(done.changed);
		cr_expect_eq(done.versions_new, left == 0 ? 3 : 4 - left);
		cr_expect_eq(entries(&p.gap), before + 4, "%d", (int)left);
		expect_version(&p.gap, MODEL, 1, &p.v1);
		expect_version(&p.gap, MODEL, 2, &p.v2);
		expect_version(&p.gap, OTHER, 1, &p.o1);
		cr_assert_eq(take_in(&p, c.s, &done, &e), 0, "%s", e.msg);
		cr_expect_not(done.changed);
		put_away(&c);
		pair_leave(&p);
	}
}

Test(bundle_import, a_rebuild_gives_the_same_rows)
{
	cleanup_buf struct buf before = { 0 }, after = { 0 };
	struct bundle_arrived done;
	struct carried one, two;
	struct pair p;
	struct err e;

	pair_make(&p);
	bring(&p, want_v1, 1, 0, &one);
	bring(&p, want_all, 3, 0, &two);
	cr_assert_eq(take_in(&p, one.s, &done, &e), 0, "%s", e.msg);
	site_label(&p.gap, "k", "v");
	cr_assert_eq(take_in(&p, two.s, &done, &e), 0, "%s", e.msg);
	dump(p.gap.r->store, &before);
	ok(change_rebuild(p.gap.r, NULL, &e), &e, "rebuild");
	site_reopen(&p.gap);
	dump(p.gap.r->store, &after);
	cr_expect(same(&before, &after));
	expect_version(&p.gap, OTHER, 1, &p.o1);
	put_away(&one);
	put_away(&two);
	pair_leave(&p);
}

/* --- trust --- */

Test(bundle_import, trust_taken_away)
{
	struct bundle_arrived done;
	struct bundle_seen seen;
	struct carried c;
	struct pair p;
	struct ledger l;
	struct err e;

	pair_make(&p);
	bring(&p, want_v1, 1, 0, &c);
	cr_assert_eq(take_in(&p, c.s, &done, &e), 0, "%s", e.msg);
	ok(ledger_open(p.gap.r, &l, &e), &e, "ledger");
	ok(ledger_bundle(&l, p.hq.r->id, &seen, &e), &e, "seen");
	cr_expect_eq(seen.counter, 1);
	cr_expect_eq(seen.head_size, c.d.head.size);
	cr_expect(digest_eq(&seen.head_root, &c.d.head.root));
	cr_expect(digest_eq(&seen.inventory, &c.d.bundle.front[FRONT_INVENTORY].digest));
	ok(ledger_bundle(&l, p.gap.r->id, &seen, &e), &e, "seen");
	cr_expect_eq(seen.counter, 0);
	ledger_fini(&l);
	cr_expect_eq(admit(&p.gap, &p.v1, &e), 0, "%s", e.msg);
	believe(&p.gap, NULL);
	cr_expect_eq(admit(&p.gap, &p.v1, &e), -ERR_UNTRUSTED, "%s", e.msg);
	cr_expect(strstr(e.msg, "does not believe registry"), "%s", e.msg);
	/* and nothing new arrives, whoever asks */
	struct carried next;
	bring(&p, want_v2, 1, 0, &next);
	const uint64_t size = log_size(&p.gap);
	cr_expect_lt(take_in(&p, next.s, &done, &e), 0);
	cr_expect_eq(log_size(&p.gap), size);
	believe(&p.gap, hq_is_believed(&p));
	cr_expect_eq(admit(&p.gap, &p.v1, &e), 0, "%s", e.msg);
	cr_expect_eq(take_in(&p, next.s, &done, &e), 0, "%s", e.msg);
	put_away(&next);
	put_away(&c);
	pair_leave(&p);
}
