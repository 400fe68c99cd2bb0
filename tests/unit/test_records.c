/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what is put is got, walks have their order, and a damaged row is an error and no more. */
#include "registry/records.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/buf.h"

struct place {
	char path[64];
	struct store *s;
	struct txn *t;
};

static struct place
fresh(void)
{
	struct place p = { .path = "/tmp/slipway-records-XXXXXX" };
	struct err e = { 0 };

	cr_assert_eq(crypto_init(), 0);
	cr_assert_not_null(mkdtemp(p.path));
	cr_assert_eq(store_open(p.path, true, &p.s, &e), 0, "%s", e.msg);
	cr_assert_eq(store_write_begin(p.s, &p.t, &e), 0, "%s", e.msg);
	return p;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	return remove(path);
}

static void
leave(struct place *p)
{
	store_abort(p->t);
	store_close(p->s);
	(void)nftw(p->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const struct model_row model = {
	.name = "a/b",
	.latest = 300,
	.latest_live = 299,
	.live_n = 2,
	.last_seq = UINT64_MAX,
	.updated_s = -5,
	.digest = { { 1, 2, 3 } },
	.bytes = 1ull << 40,
	.files = 7,
	.is_signed = true,
	.signer = "ana",
	.stages = { { .stage = "staging",
	              .number = 299,
	              .promotion_seq = 12,
	              .time_s = 1000,
	              .proofs = 5,
	              .targets = 2,
	              .moving_to = 300,
	              .job = "0011223344556677" },
	            { .stage = "production", .number = 1 } },
	.stages_n = 2,
	.labels = "k=v\nowner=ana\n",
};
static const struct version_row version = {
	.model = "a/b",
	.number = 2,
	.seq = 9,
	.digest = { { 0xab, 0xcd } },
	.bytes = 12,
	.files = 1,
	.time_s = 1700000000,
	.state = { .life = LIFE_DELETED,
	           .is_held = true,
	           .was_revoked = true,
	           .leaf = { { 0xef } } },
	.is_signed = true,
	.signer = "ana",
	.key_id = "SHA256:x",
	.labels = "k=v\n",
};
static const struct target_row target = {
	.name = "dc1",
	.driver = "directory",
	.stage = "staging",
	.seq = 4,
	.order = 3,
	.identity = { { 7 } },
	.body = "{}",
};
static const struct plan_row plan = {
	.id = { { 8 } },
	.seq = 5,
	.time_s = 6,
	.kind = "promote",
	.model = "a/b",
	.stage = "staging",
	.number = 2,
	.authorisation_seq = 6,
	.job = "0011223344556677",
	.state = "running",
};
static const struct job_row job = {
	.id = "0011223344556677",
	.model = "a/b",
	.stage = "staging",
	.kind = "promote",
	.plan = { { 8 } },
	.begin_seq = 7,
	.end_seq = 8,
	.begin_s = 9,
	.end_s = 10,
	.number = 2,
	.state = "succeeded",
};

static int
put_all(struct txn *t, struct err *e)
{
	int rc = model_put(t, &model, e);

	if (rc == 0)
		rc = version_put(t, &version, e);
	if (rc == 0)
		rc = target_put(t, &target, e);
	if (rc == 0)
		rc = plan_put(t, &plan, e);
	return rc < 0 ? rc : job_put(t, &job, e);
}

/* Reads the one row of a table back; NULL: what is wrong with it. */
static int
get_one(struct txn *t, char table, bool *ret_same, struct err *e)
{
	struct model_row m = { 0 };
	struct version_row v = { 0 };
	struct target_row g = { 0 };
	struct plan_row p = { 0 };
	struct job_row j = { 0 };
	int rc = 0;

	switch (table) {
	case 'm':
		rc = model_get(t, "a/b", &m, e);
		*ret_same = memcmp(&m, &model, sizeof m) == 0;
		break;
	case 'v':
		rc = version_get(t, "a/b", 2, &v, e);
		*ret_same = memcmp(&v, &version, sizeof v) == 0;
		break;
	case 't':
		rc = target_get(t, "dc1", &g, e);
		*ret_same = memcmp(&g, &target, sizeof g) == 0;
		break;
	case 'p':
		rc = plan_get(t, &plan.id, &p, e);
		*ret_same = memcmp(&p, &plan, sizeof p) == 0;
		break;
	default:
		rc = job_get(t, job.id, &j, e);
		*ret_same = memcmp(&j, &job, sizeof j) == 0;
	}
	return rc;
}

struct first {
	struct buf key, value;
};

static int
take_first(void *arg, struct str key, struct str value)
{
	struct first *f = arg;

	buf_add(&f->key, key.p, key.n);
	buf_add(&f->value, value.p, value.n);
	return 1;
}

Test(records, rows_come_back_and_damaged_ones_are_errors)
{
	static const char tables[] = "mvtpj";

	for (const char *c = tables; *c; c++) {
		struct place p = fresh();
		struct first f = { 0 };
		struct err e = { 0 };
		bool same = false;

		cr_assert_eq(put_all(p.t, &e), 0, "%s", e.msg);
		cr_expect_eq(get_one(p.t, *c, &same, &e), 0, "%c: %s", *c, e.msg);
		cr_expect(same, "%c", *c);
		cr_assert_eq(txn_scan(p.t, (struct str){ c, 1 }, (struct str){ NULL, 0 },
		                      SCAN_FORWARD, take_first, &f, &e),
		             1);
		for (size_t n = 0; n < f.value.n; n++) {
			const struct str cut = { f.value.p, n };
			cr_assert_eq(txn_put(p.t, buf_str(&f.key), cut, &e), 0);
			cr_expect_eq(get_one(p.t, *c, &same, &e), -(int)ERR_STORE, "%c cut to %zu",
			             *c, n);
		}
		memset(f.value.p, 0xff, f.value.n);
		cr_assert_eq(txn_put(p.t, buf_str(&f.key), buf_str(&f.value), &e), 0);
		cr_expect_eq(get_one(p.t, *c, &same, &e), -(int)ERR_STORE, "%c of ones", *c);
		buf_fini(&f.key);
		buf_fini(&f.value);
		leave(&p);
	}
}

Test(records, absent_and_impossible_names_are_not_found)
{
	char name[700];
	struct place p = fresh();

	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (size_t n = 0; n < sizeof name; n += 233) {
		const struct digest none = { { 1 } };
		struct model_row m;
		struct version_row v;
		struct target_row g;
		struct plan_row q;
		struct job_row j;
		struct err e = { 0 };
		const char *s = name + sizeof name - 1 - n;

		cr_expect_eq(model_get(p.t, s, &m, &e), -(int)ERR_NOT_FOUND);
		cr_expect_eq(version_get(p.t, s, 1, &v, &e), -(int)ERR_NOT_FOUND);
		cr_expect_eq(target_get(p.t, s, &g, &e), -(int)ERR_NOT_FOUND);
		cr_expect_eq(target_del(p.t, s, &e), 0);
		cr_expect_eq(job_get(p.t, s, &j, &e), -(int)ERR_NOT_FOUND);
		cr_expect_eq(plan_get(p.t, &none, &q, &e), -(int)ERR_NOT_FOUND);
	}
	leave(&p);
}

/* --- walks --- */

static int
see_model(void *arg, const struct model_row *m)
{
	buf_addf(arg, "%s ", m->name);
	return 0;
}

static int
see_version(void *arg, const struct version_row *v)
{
	buf_addf(arg, "%s:%d ", v->model, (int)v->number);
	return 0;
}

static int
see_target(void *arg, const struct target_row *v)
{
	buf_addf(arg, "%s ", v->name);
	return 0;
}

static int
see_plan(void *arg, const struct plan_row *v)
{
	buf_addf(arg, "%d ", (int)v->seq);
	return 0;
}

static int
see_job(void *arg, const struct job_row *v)
{
	buf_addf(arg, "%d ", (int)v->begin_seq);
	return 0;
}

static void
put_many(struct txn *t)
{
	static const char *const names[] = { "b", "a", "a/b", "a-b" };
	static const struct {
		const char *name, *stage;
		uint64_t order;
	} targets[] = {
		{ "z", "staging", 1 },
		{ "a", "staging", 2 },
		{ "m", "staging", 1 },
		{ "p", "production", 1 },
	};
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct model_row m = model;
		(void)str_copy(m.name, sizeof m.name, names[i]);
		cr_assert_eq(model_put(t, &m, &e), 0);
		for (uint64_t n = 1; n < 400; n += 133) {
			struct version_row v = version;
			(void)str_copy(v.model, sizeof v.model, names[i]);
			v.number = n;
			v.digest.b[5] = (uint8_t)(n / 133 * 16);
			cr_assert_eq(version_put(t, &v, &e), 0);
		}
	}
	for (size_t i = 0; i < COUNT(targets); i++) {
		struct target_row g = target;
		(void)str_copy(g.name, sizeof g.name, targets[i].name);
		(void)str_copy(g.stage, sizeof g.stage, targets[i].stage);
		g.order = targets[i].order;
		cr_assert_eq(target_put(t, &g, &e), 0);
	}
	for (uint8_t i = 0; i < 3; i++) {
		struct plan_row q = plan;
		struct job_row j = job;
		q.id.b[0] = (uint8_t)(30 - i);
		q.seq = 250u + i * 10u;
		cr_assert_eq(plan_put(t, &q, &e), 0);
		j.id[0] = (char)('a' + i);
		j.begin_seq = 254u + i * 10u;
		cr_assert_eq(job_put(t, &j, &e), 0);
	}
}

static void
walk(struct txn *t, int which, struct buf *b)
{
	struct err e = { 0 };
	int rc = -1;

	switch (which) {
	case 0:
		rc = model_each(t, NULL, see_model, b, &e);
		break;
	case 1:
		rc = model_each(t, "a/", see_model, b, &e);
		break;
	case 2:
		rc = version_each(t, "a", 0, see_version, b, &e);
		break;
	case 3:
		rc = version_each(t, "a", 200, see_version, b, &e);
		break;
	case 4:
		rc = version_each(t, "c", 0, see_version, b, &e);
		break;
	case 5:
		rc = target_each(t, NULL, see_target, b, &e);
		break;
	case 6:
		rc = target_each(t, "staging", see_target, b, &e);
		break;
	case 7:
		rc = plan_each(t, see_plan, b, &e);
		break;
	case 8:
		rc = job_each(t, see_job, b, &e);
		break;
	default:
		break;
	}
	cr_assert_eq(rc, 0, "%d: %s", which, e.msg);
}

Test(records, walks_have_their_order)
{
	static const char *const seen[] = {
		"a a-b a/b b ", "a/b b ", "a:267 a:134 a:1 ", "a:134 a:1 ", "",
		"a m p z ", "m z a ", "270 260 250 ", "274 264 254 ",
	};
	struct place p = fresh();

	put_many(p.t);
	for (size_t i = 0; i < COUNT(seen); i++) {
		cleanup_buf struct buf b = { 0 };

		walk(p.t, (int)i, &b);
		cr_expect_str_eq(buf_cstr(&b), seen[i], "%zu: %s", i, buf_cstr(&b));
	}
	/* digests: abcd000000 then 00, 10 or 20 for the first, second and third version */
	static const struct {
		const char *hex;
		unsigned n;
	} digests[] = {
		{ "abcd00000020", 4 }, { "abcd00000010", 4 }, { "abcd0000001", 4 },
		{ "abcd00000030", 0 }, { "abcd000000", 12 },  { "abcd000000201", 0 },
		{ "", 12 },
	};
	for (size_t i = 0; i < COUNT(digests); i++) {
		cleanup_buf struct buf b = { 0 };
		struct err e = { 0 };
		unsigned n = 0;

		cr_assert_eq(version_by_digest(p.t, digests[i].hex, strlen(digests[i].hex),
		                               see_version, &b, &e),
		             0);
		for (size_t k = 0; k < b.n; k++)
			n += b.p[k] == ' ';
		cr_expect_eq(n, digests[i].n, "%s: %s", digests[i].hex, buf_cstr(&b));
	}
	leave(&p);
}
