/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects as files for a GitOps repository: YAML that any reader takes as it was meant, the head,
 * what changes, and the driver's calls with a crash or another hand in between.
 */
#include <strings.h>
#include <yaml.h>

#include "deploy/driver_manifest.h"

#include "folder_fixture.h"

TestSuite(driver_manifest);

#define HEX   "9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa77de4b3c"
#define IMAGE "reg.site/triton@sha256:" HEX
#define PLAN1 "1111111111111111111111111111111111111111111111111111111111111111"
#define PLAN2 "2222222222222222222222222222222222222222222222222222222222222222"

static json_t *
parse(const char *text)
{
	json_t *j = NULL;
	struct err e = { 0 };

	cr_assert_eq(json_parse(str_of(text), "test", &j, &e), 0, "%s: %s", text, e.msg);
	return j;
}

/* --- YAML --- */

/* What some reader takes for a truth value or null, in any of its spellings. */
static bool
is_doubtful(const char *s)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on",
		                             "off",  "null",  "y",   "n" };

	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcasecmp(words[i], s) == 0)
			return true;
	}
	return false;
}

/* What another reader of YAML makes of it: plain scalars by their look, quoted ones as text. */
static json_t *
node_json(yaml_document_t *d, const yaml_node_t *n)
{
	const char *s = (const char *)n->data.scalar.value;
	const size_t len = n->data.scalar.length;
	json_t *ret = NULL;

	if (n->type == YAML_MAPPING_NODE) {
		ret = json_object();
		for (yaml_node_pair_t *p = n->data.mapping.pairs.start;
		     p < n->data.mapping.pairs.top; p++) {
			const yaml_node_t *key = yaml_document_get_node(d, p->key);

			const bool is_plain = key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

			cr_assert(!is_plain || !is_doubtful((const char *)key->data.scalar.value));
			json_object_set_new(ret, (const char *)key->data.scalar.value,
			                    node_json(d, yaml_document_get_node(d, p->value)));
		}
	} else if (n->type == YAML_SEQUENCE_NODE) {
		ret = json_array();
		for (yaml_node_item_t *i = n->data.sequence.items.start;
		     i < n->data.sequence.items.top; i++)
			json_array_append_new(ret, node_json(d, yaml_document_get_node(d, *i)));
	} else if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	           (is_doubtful(s) ||
	            !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", s[0]))) {
		ret = json_loads(s, JSON_DECODE_ANY, NULL);
	} else {
		ret = json_stringn_nocheck(s, len);
	}
	cr_assert_not_null(ret, "\"%s\" is neither text nor JSON", s);
	return ret;
}

static json_t *
yaml_json(struct str text)
{
	yaml_parser_t p;
	yaml_document_t d;
	json_t *j;

	cr_assert(yaml_parser_initialize(&p));
	yaml_parser_set_input_string(&p, (const unsigned char *)text.p, text.n);
	cr_assert(yaml_parser_load(&p, &d), "line %zu: %s in\n%.*s", p.problem_mark.line,
	          p.problem ? p.problem : "", (int)text.n, text.p);
	cr_assert_not_null(yaml_document_get_root_node(&d));
	j = node_json(&d, yaml_document_get_root_node(&d));
	yaml_document_delete(&d);
	yaml_parser_delete(&p);
	return j;
}

Test(driver_manifest, yaml_reads_back)
{
	static const char *const cases[] = {
		"{\"a\":\"true\",\"b\":\"No\",\"c\":\"null\",\"d\":\"~\",\"e\":\"\",\"f\":\"y\"}",
		"{\"a\":\"1\",\"b\":\"1e3\",\"c\":\"0x1f\",\"d\":\"1_000\",\"e\":\"12:30\"}",
		"{\"a\":\"- x\",\"b\":\"x: y\",\"c\":\"x #y\",\"d\":\" x\",\"e\":\"x "
		"\",\"f\":\"@x\"}",
		"{\"a\":\"l1\\nl2\",\"b\":\"\\t\\u0001\\u007f\",\"c\":\"\\\"\\\\u00e9\\\\\"}",
		"{\"a\":\"\\u00e9\\u2028\\ud83d\\ude80\",\"b\":\"\\\\ud83d\\\\ude80\"}",
		"{\"a\":{},\"b\":[],\"c\":null,\"d\":true,\"e\":-7,\"f\":[{}],\"g\":[[]]}",
		"{\"a\":[[1,2],[{\"b\":[{\"c\":1,\"d\":[2]},3]}]]}",
		"{\"yes\":1,\"1\":2,\"a b\":3,\"slipway.dev/x\":{\"on\":\"off\"}}",
		"{\"a\":[{\"name\":\"x\",\"v\":{\"w\":1}},{\"name\":\"y\"}]}",
		"[1,\"a\",{\"b\":null}]",
		"{}",
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *want = parse(cases[i]), *got = NULL;
		cleanup_buf struct buf text = { 0 };

		manifest_yaml(want, &text);
		got = yaml_json(buf_str(&text));
		cr_expect(json_equal(want, got), "%s became\n%s", cases[i], buf_cstr(&text));
	}
}

/* --- the head --- */

static struct manifest_head
a_head(void)
{
	struct manifest_head h = { .stamp = { .exists = true, .number = 41 }, .target = "git" };

	cr_assert_eq(digest_parse(&h.stamp.version, HEX, 64), 0);
	(void)str_copy(h.stamp.registry, sizeof h.stamp.registry, "r-1");
	(void)str_copy(h.stamp.model, sizeof h.stamp.model, "risk/fraud");
	(void)str_copy(h.stamp.plan_id, sizeof h.stamp.plan_id, PLAN1);
	return h;
}

Test(driver_manifest, heads)
{
	cleanup_json json_t *objects = parse("[{\"a\":1},{\"b\":2}]");
	const struct manifest_head h = a_head();
	cleanup_buf struct buf text = { 0 };
	struct manifest_head got;
	size_t head_n;

	manifest_text(&h, objects, &text);
	manifest_head_of(buf_str(&text), &got);
	cr_expect(got.stamp.is_ours);
	cr_expect(digest_eq(&got.stamp.version, &h.stamp.version));
	cr_expect_eq(got.stamp.number, 41);
	cr_expect_str_eq(got.stamp.model, "risk/fraud");
	cr_expect_str_eq(got.stamp.registry, "r-1");
	cr_expect_str_eq(got.stamp.plan_id, PLAN1);
	cr_expect_str_eq(got.target, "git");
	cr_expect(strstr(buf_cstr(&text), "\na: 1\n---\nb: 2\n"), "%s", buf_cstr(&text));

	/* cut anywhere in its head, or with any byte of it changed, it is nobody's */
	head_n = (size_t)(strstr(buf_cstr(&text), "a: 1") - text.p);
	for (size_t n = 0; n < head_n; n++) {
		manifest_head_of((struct str){ text.p, n }, &got);
		cr_expect(got.stamp.exists && !got.stamp.is_ours, "cut at %zu", n);
		cr_expect_str_eq(got.stamp.plan_id, "");
	}
	for (size_t i = 0; i < head_n; i++) {
		if (text.p[i] != '\n' && text.p[i] != '#' && text.p[i] != ':')
			continue;
		const char was = text.p[i];
		text.p[i] = '\0';
		manifest_head_of(buf_str(&text), &got);
		cr_expect(!got.stamp.is_ours, "byte %zu", i);
		text.p[i] = was;
	}
}

Test(driver_manifest, differences)
{
	static const struct {
		const char *before, *after, *want;
	} cases[] = {
		{ "a\nb\n", "a\nb\n", "" },
		{ "", "a\nb\n", "+ a\n+ b\n" },
		{ "a\nb\n", "", "- a\n- b\n" },
		{ "a\nb\nc\nd\n", "a\nb\nx\nd\n", "  b\n- c\n+ x\n  d\n" },
		{ "a\nb\nc\nd\ne\nf\ng\n", "a\nB\nc\nd\ne\nF\ng\n",
		  "  a\n- b\n+ B\n  c\n  e\n- f\n+ F\n  g\n" },
		{ "a\nc\n", "a\nb\nc", "  a\n+ b\n  c\n" },
		{ "a\n\x1b[2J\n", "a\n", "  a\n- \\x1b[2J\n" },
		/* our own stamps say nothing new */
		{ "# slipway.dev/plan: 1\na\n  slipway.dev/number: \"1\"\n",
		  "# slipway.dev/plan: 2\na\n  slipway.dev/number: \"2\"\n", "" },
	};
	cleanup_buf struct buf long_a = { 0 }, long_b = { 0 }, got = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_clear(&got);
		manifest_diff(str_of(cases[i].before), str_of(cases[i].after), &got);
		cr_expect_str_eq(buf_cstr(&got), cases[i].want, "%zu", i);
	}
	for (int i = 0; i < 5000; i++) {
		buf_addf(&long_a, "a%d\n", i);
		buf_addf(&long_b, "b%d\n", i);
	}
	buf_clear(&got);
	manifest_diff(buf_str(&long_a), buf_str(&long_b), &got);
	cr_expect_str_eq(buf_cstr(&got), "5000 lines go, 5000 come: too many to be shown\n");
}

/* --- the driver --- */

struct world {
	struct site repository, volume;
	json_t *settings;
	struct target t;
	struct version v[3];
	const struct deploy_driver *d;
	void *st;
};

static void
world_open(struct world *w)
{
	struct err e = { 0 };

	w->st = xcalloc(1, w->d->state_size);
	cr_assert_eq(w->d->open(w->st, &w->t, &e), 0, "%s", e.msg);
}

static void
world_make(struct world *w)
{
	*w = (struct world){ .d = deploy_driver_find("manifest") };
	cr_assert_not_null(w->d);
	site_make(&w->repository);
	site_make(&w->volume);
	version_make(&w->v[1], 1);
	version_make(&w->v[2], 2);
	w->settings = json_pack("{s:s, s:s, s:s, s:s}", "render", "kubernetes", "store",
	                        "pvc://models", "store-path", w->volume.path, "image", IMAGE);
	w->t = (struct target){ .name = "git",
		                .driver = "manifest",
		                .path = w->repository.path,
		                .ns = "risk",
		                .settings = w->settings };
	world_open(w);
}

static void
world_close(struct world *w)
{
	w->d->close(w->st);
	free(w->st);
}

static void
world_remove(struct world *w)
{
	cleanup_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e = { 0 };

	world_close(w);
	json_decref(w->settings);
	close_quietly(w->repository.fd);
	close_quietly(w->volume.fd);
	cr_assert_eq(tree_remove(tmp, "/tmp", w->repository.path + 5, &e), 0, "%s", e.msg);
	cr_assert_eq(tree_remove(tmp, "/tmp", w->volume.path + 5, &e), 0, "%s", e.msg);
}

static struct rollout
to(const struct world *w, uint64_t number, const char *plan)
{
	struct rollout q = { .registry_id = "reg",
		             .model = "risk/m",
		             .plan_id = plan,
		             .job_id = "j",
		             .empty = number == 0 };

	if (q.empty)
		return q;
	q.number = number;
	q.version = w->v[number].id;
	q.files = &w->v[number].source;
	return q;
}

static struct precondition
seen(const struct world *w, uint64_t number, const char *plan)
{
	struct precondition p = { .empty = number == 0, .plan_id = plan };

	if (number) {
		p.number = number;
		p.version = w->v[number].id;
	}
	return p;
}

static int
apply(struct world *w, uint64_t from, uint64_t number, const char *plan, struct err *e)
{
	const struct rollout q = to(w, number, plan);
	const struct precondition p = seen(w, from, plan);
	cleanup_buf struct buf rendered = { 0 };
	int rc = w->d->render(&w->t, &q, &rendered, e);

	if (rc == 0)
		rc = w->d->stage(w->st, &q, e);
	return rc < 0 ? rc : w->d->apply(w->st, &q, buf_str(&rendered), &p, e);
}

static int
undo(struct world *w, uint64_t from, uint64_t number, const char *plan, struct err *e)
{
	const struct rollout q = to(w, number, plan);
	const struct precondition p = seen(w, from, plan);

	return w->d->abort(w->st, &q, &p, e);
}

static struct observation
look(struct world *w, uint64_t number)
{
	const struct rollout q = to(w, number, NULL);
	struct observation o;
	struct err e = { 0 };

	cr_assert_eq(w->d->observe(w->st, &q, &o, &e), 0, "%s", e.msg);
	return o;
}

#define IS(w, number) cr_expect_eq(look(w, number).status, ROLLOUT_SUCCEEDED, "%d", number)

static void
read_it(const struct world *w, struct buf *ret)
{
	struct err e = { 0 };

	buf_clear(ret);
	cr_assert_eq(fs_read_at(w->repository.fd, "risk-m.yaml", 1u << 20, ret, &e), 0, "%s",
	             e.msg);
}

Test(driver_manifest, refused_settings)
{
	static const struct {
		const char *settings, *path, *url, *ns, *want;
	} cases[] = {
		{ "{}", "/r", NULL, "n", "\"render\"" },
		{ "{\"render\":\"helm\"}", "/r", NULL, "n", "\"render\"" },
		{ "{\"render\":\"kserve\"}", NULL, NULL, "n", "--path" },
		{ "{\"render\":\"kserve\"}", "r", NULL, "n", "--path" },
		{ "{\"render\":\"kserve\"}", "/r", "https://h", "n", "no --url" },
		{ "{\"render\":\"kserve\"}", "/r", NULL, NULL, "--namespace" },
		{ "{\"render\":\"kserve\"}", "/r", NULL, "n", "\"store\"" },
		{ "{\"render\":\"kserve\",\"store\":\"pvc://m\"}", "/r", NULL, "n", "\"runtime\"" },
		{ "{\"render\":\"kubernetes\",\"store\":\"pvc://m\"}", "/r", NULL, "n",
		  "\"image\"" },
		{ "{\"render\":\"kubernetes\",\"canary\":\"replicas\"}", "/r", NULL, "n",
		  "no setting \"canary\"" },
		{ "{\"render\":\"kserve\",\"prometheus\":\"p\"}", "/r", NULL, "n",
		  "no setting \"prometheus\"" },
		{ "{\"render\":\"kserve\",\"image\":\"i\"}", "/r", NULL, "n",
		  "no setting \"image\"" },
	};
	const struct deploy_driver *d = deploy_driver_find("manifest");

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *j = parse(cases[i].settings);
		const struct target t = { .name = "git",
			                  .driver = "manifest",
			                  .path = cases[i].path,
			                  .url = cases[i].url,
			                  .ns = cases[i].ns,
			                  .settings = j };
		cleanup_free void *st = xcalloc(1, d->state_size);
		struct err e = { 0 };

		cr_expect_eq(d->open(st, &t, &e), -ERR_USAGE, "%zu", i);
		cr_expect(strstr(e.msg, cases[i].want), "%zu: %s", i, e.msg);
		d->close(st);
	}
}

Test(driver_manifest, forward_and_back)
{
	cleanup_buf struct buf one = { 0 }, two = { 0 }, again = { 0 };
	struct err e = { 0 };
	struct world w;

	world_make(&w);
	IS(&w, 0);
	cr_assert_eq(apply(&w, 0, 1, PLAN1, &e), 0, "%s", e.msg);
	IS(&w, 1);
	cr_expect_eq(look(&w, 1).proofs, PROOF_BIT(PROOF_OBJECT));
	read_it(&w, &one);
	cr_assert_eq(apply(&w, 1, 2, PLAN2, &e), 0, "%s", e.msg);
	IS(&w, 2);
	cr_expect_eq(look(&w, 1).status, ROLLOUT_FAILED);
	cr_expect(strstr(look(&w, 1).reason, "says v2"));
	read_it(&w, &two);
	/* a resume of the same plan writes the same bytes, and what was there before stays known */
	cr_assert_eq(apply(&w, 1, 2, PLAN2, &e), 0, "%s", e.msg);
	read_it(&w, &again);
	cr_expect(str_eq(buf_str(&two), buf_str(&again)));
	cr_expect_eq(undo(&w, 2, 2, PLAN2, &e), -ERR_NOT_FOUND, "another version is kept");
	IS(&w, 2);
	cr_assert_eq(undo(&w, 1, 2, PLAN2, &e), 0, "%s", e.msg);
	read_it(&w, &again);
	cr_expect(str_eq(buf_str(&one), buf_str(&again)), "abort gives the very bytes back");
	cr_assert_eq(undo(&w, 1, 2, PLAN2, &e), 0, "a second abort: %s", e.msg);
	IS(&w, 1);
	/* to nothing, back from nothing, and for good */
	cr_assert_eq(apply(&w, 1, 0, PLAN2, &e), 0, "%s", e.msg);
	IS(&w, 0);
	cr_expect(!site_has(&w.repository, "risk-m.yaml"));
	cr_assert_eq(apply(&w, 1, 0, PLAN2, &e), 0, "%s", e.msg);
	cr_assert_eq(undo(&w, 1, 0, PLAN2, &e), 0, "%s", e.msg);
	IS(&w, 1);
	cr_assert_eq(apply(&w, 1, 2, PLAN2, &e), 0, "%s", e.msg);
	cr_expect(site_has(&w.repository, ".risk-m.yaml.slipway"));
	const struct rollout q = to(&w, 2, PLAN2);
	cr_assert_eq(w.d->release(w.st, &q, NULL, &e), 0, "%s", e.msg);
	cr_expect(!site_has(&w.repository, ".risk-m.yaml.slipway"));
	cr_expect_eq(undo(&w, 1, 2, PLAN2, &e), -ERR_NOT_FOUND, "nothing is kept any more");
	IS(&w, 2);
	world_remove(&w);
}

Test(driver_manifest, snapshot_comes_back_whole)
{
	cleanup_buf struct buf rendered = { 0 };
	struct err e = { 0 };
	struct world w;

	world_make(&w);
	cr_assert_eq(apply(&w, 0, 1, PLAN1, &e), 0, "%s", e.msg);
	const struct rollout q1 = to(&w, 1, PLAN1);
	cr_assert_eq(w.d->render(&w.t, &q1, &rendered, &e), 0, "%s", e.msg);
	cr_assert_eq(apply(&w, 1, 2, PLAN1, &e), 0, "%s", e.msg);
	const struct rollout back = to(&w, 1, PLAN2);
	const struct snapshot s = { .number = 1,
		                    .version = w.v[1].id,
		                    .rendered = buf_str(&rendered) };
	const struct precondition p = { .number = 2, .version = w.v[2].id, .plan_id = PLAN2 };
	cr_assert_eq(w.d->rollback_to(w.st, &back, &s, &p, &e), 0, "%s", e.msg);
	IS(&w, 1);
	cr_expect_str_eq(look(&w, 1).plan_id, PLAN2);
	world_remove(&w);
}

Test(driver_manifest, another_hand)
{
	cleanup_buf struct buf text = { 0 };
	struct observation o;
	struct err e = { 0 };
	struct world w;

	world_make(&w);
	/* there before us */
	site_write(&w.repository, "risk-m.yaml", "kind: Deployment\n");
	cr_expect_eq(apply(&w, 0, 1, PLAN1, &e), -ERR_CONFLICT);
	cr_expect(strstr(e.msg, "Slipway did not make it"), "%s", e.msg);
	read_it(&w, &text);
	cr_expect_str_eq(buf_cstr(&text), "kind: Deployment\n");
	o = look(&w, 0);
	cr_expect(o.is_drifted && o.status == ROLLOUT_FAILED);
	/* a link to somewhere else is never written through */
	site_clear(&w.repository, "risk-m.yaml");
	cr_assert_eq(symlinkat("/dev/null", w.repository.fd, "risk-m.yaml"), 0);
	cr_expect_eq(apply(&w, 0, 1, PLAN1, &e), -ERR_DENIED, "%s", e.msg);
	site_clear(&w.repository, "risk-m.yaml");
	/* edited behind our head: drift, and repaired by the next plan */
	cr_assert_eq(apply(&w, 0, 1, PLAN1, &e), 0, "%s", e.msg);
	read_it(&w, &text);
	buf_adds(&text, "  x: y\n");
	site_write(&w.repository, "risk-m.yaml", buf_cstr(&text));
	o = look(&w, 1);
	cr_expect(o.is_drifted && o.status == ROLLOUT_FAILED && o.proofs == 0);
	cr_expect(strstr(o.reason, "is not as it was written"), "%s", o.reason);
	cr_assert_eq(apply(&w, 1, 1, PLAN2, &e), 0, "%s", e.msg);
	IS(&w, 1);
	/* moved by another plan meanwhile: that one stays */
	cr_expect_eq(apply(&w, 2, 1, PLAN1, &e), -ERR_CONFLICT);
	cr_expect_eq(apply(&w, 0, 2, PLAN1, &e), -ERR_CONFLICT);
	IS(&w, 1);
	/* gone: a plan that counts on it says so */
	site_clear(&w.repository, "risk-m.yaml");
	cr_expect_eq(apply(&w, 1, 2, PLAN1, &e), -ERR_CONFLICT);
	cr_expect(look(&w, 1).is_drifted);
	world_remove(&w);
}

Test(driver_manifest, two_targets_in_one_folder)
{
	struct findings f = { 0 };
	struct err e = { 0 };
	struct world w;
	bool is_blocked = false;

	world_make(&w);
	cr_assert_eq(apply(&w, 0, 1, PLAN1, &e), 0, "%s", e.msg);
	world_close(&w);
	w.t.name = "other";
	world_open(&w);
	const struct rollout q = to(&w, 2, PLAN2);
	cr_assert_eq(w.d->preflight(w.st, &q, &f, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < f.n; i++)
		is_blocked = is_blocked || (f.v[i].level == FINDING_BLOCK &&
		                            strstr(f.v[i].text, "for the target \"git\""));
	cr_expect(is_blocked);
	cr_expect_eq(apply(&w, 1, 2, PLAN2, &e), -ERR_CONFLICT);
	cr_expect(strstr(e.msg, "for the target \"git\""), "%s", e.msg);
	findings_fini(&f);
	world_remove(&w);
}
