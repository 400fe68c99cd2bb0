/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns a field, what was applied, what differs: objects by hand, and every recorded answer of
 * an API server to an apply of ours, from which the sent body must come out again.
 */
#include "deploy/kube_diff.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/kube_look.h"
#include "registry/base/fs.h"

TestSuite(kube_diff);

static json_t *
parse(const char *text)
{
	json_t *j = NULL;
	struct err e = { 0 };

	cr_assert_eq(json_parse(str_of(text), "test", &j, &e), 0, "%s: %s", text, e.msg);
	return j;
}

#define MANAGED(manager, op, fields) \
	"{\"manager\":\"" manager "\",\"operation\":\"" op "\",\"fieldsV1\":" fields "}"

/* "group field before after manager", a change a line */
static char *
lines_of(const struct kube_changes *c)
{
	static const char *const groups[] = { "ours", "defaulted", "foreign" };
	struct buf b = { 0 };

	for (size_t i = 0; i < c->n; i++)
		buf_addf(&b, "%s %s %s %s%s%s\n", groups[c->v[i].group], c->v[i].field,
		         c->v[i].before ? c->v[i].before : "-", c->v[i].after ? c->v[i].after : "-",
		         c->v[i].manager[0] ? " " : "", c->v[i].manager);
	return b.n ? buf_steal(&b) : xstrdup("");
}

#define OURS_TREE                                                                               \
	"{\"f:spec\":{\"f:replicas\":{},\"f:sel\":{},\"f:c\":{\"k:{\\\"name\\\":\\\"s\\\"}\":{" \
	"\".\":{},\"f:name\":{},\"f:image\":{},\"f:ports\":{\"k:{\\\"containerPort\\\":80,"     \
	"\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":{}}}}}}}"
#define LIVE(replicas, image, more, managed)                                                \
	"{\"apiVersion\":\"v1\",\"kind\":\"K\",\"metadata\":{\"name\":\"n\",\"namespace\":" \
	"\"x\",\"resourceVersion\":\"7\",\"managedFields\":[" managed "]},\"spec\":{"       \
	"\"replicas\":" replicas                                                            \
	",\"sel\":{\"a\":\"b\"},\"c\":[{\"name\":\"s\",\"image\":\"" image                  \
	"\",\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}]" more "}]},"            \
	"\"status\":{\"x\":" replicas "}}"

static const struct {
	const char *live, *dry, *want;
} diffs[] = {
	{ LIVE("1", "a", "", MANAGED("slipway", "Apply", OURS_TREE)),
	  LIVE("1", "a", "", MANAGED("slipway", "Apply", OURS_TREE)), "" },
	{ LIVE("1", "a", "", MANAGED("slipway", "Apply", OURS_TREE)),
	  LIVE("2", "b", "", MANAGED("slipway", "Apply", OURS_TREE)),
	  "ours .spec.replicas 1 2\nours .spec.c[s].image \"a\" \"b\"\n" },
	{ LIVE("1", "a", "", MANAGED("slipway", "Apply", OURS_TREE)),
	  LIVE("1", "a", ",\"pull\":\"IfNotPresent\"", MANAGED("slipway", "Apply", OURS_TREE)),
	  "defaulted .spec.c[s].pull - \"IfNotPresent\"\n" },
	/* another manager has it too, or alone */
	{ LIVE("1", "a", "",
	       MANAGED("slipway", "Apply",
	               OURS_TREE) "," MANAGED("hpa", "Update", "{\"f:spec\":{\"f:replicas\":{}}}")),
	  LIVE("2", "a", "", MANAGED("slipway", "Apply", OURS_TREE)),
	  "foreign .spec.replicas 1 2 hpa\n" },
	/* a status manager owns nothing of the spec */
	{ LIVE("1", "a", "",
	       MANAGED("slipway", "Apply", OURS_TREE) ",{\"manager\":\"s\",\"subresource\":"
	                                              "\"status\",\"fieldsV1\":{\"f:spec\":{}}}"),
	  LIVE("2", "a", "", MANAGED("slipway", "Apply", OURS_TREE)), "ours .spec.replicas 1 2\n" },
	/* whole trees and hostile names */
	{ LIVE("1", "a", "", ""),
	  LIVE("1", "a", ",\"\\u001b[2J\":\"\\u202e\"", MANAGED("s\\u0007", "Apply", "{}")),
	  "defaulted .spec.c[s].\\x1b[2J - \"\\u{202e}\"\n" },
	{ "null", "{\"kind\":\"K\",\"spec\":{\"a\":[1,2],\"o\":{\"p\":1}},\"status\":{}}",
	  "defaulted .kind - \"K\"\ndefaulted .spec.a - [1,2]\ndefaulted .spec.o.p - 1\n" },
	{ "{\"spec\":{\"a\":[{\"name\":\"x\"},{\"name\":\"x\"}]}}",
	  "{\"spec\":{\"a\":[{\"name\":\"x\"}]}}",
	  "defaulted .spec.a [{\"name\":\"x\"},{\"name\":\"x\"}] [{\"name\":\"x\"}]\n" },
};

Test(kube_diff, groups)
{
	for (size_t i = 0; i < COUNT(diffs); i++) {
		cleanup_json json_t *live =
		        parse(streq(diffs[i].live, "null") ? "{}" : diffs[i].live);
		cleanup_json json_t *dry = parse(diffs[i].dry);
		struct kube_changes c = { 0 };

		kube_diff(streq(diffs[i].live, "null") ? NULL : live, dry, "slipway", &c);
		cleanup_free char *got = lines_of(&c);
		cr_expect_str_eq(got, diffs[i].want, "%zu: %s", i, got);
		kube_changes_fini(&c);
	}
}

static const struct {
	const char *sent, *live, *want;
} drifts[] = {
	{ "{\"spec\":{\"replicas\":1}}", LIVE("1", "a", "", ""), "" },
	{ "{\"spec\":{\"replicas\":2,\"c\":[{\"name\":\"s\",\"image\":\"a\"}]}}",
	  LIVE("1", "b", "", MANAGED("kubectl-edit", "Update", "{\"f:spec\":{\"f:replicas\":{}}}")),
	  "foreign .spec.replicas 2 1 kubectl-edit\nours .spec.c[s].image \"a\" \"b\"\n" },
	{ "{\"spec\":{\"c\":[{\"name\":\"gone\",\"image\":\"a\"}]}}", LIVE("1", "b", "", ""),
	  "ours .spec.c[gone].name \"gone\" -\nours .spec.c[gone].image \"a\" -\n" },
	{ "{\"l\":{\"cpu\":\"0.5\",\"memory\":\"1024Mi\",\"e\":{}}}",
	  "{\"l\":{\"cpu\":\"500m\",\"memory\":\"1Gi\"}}", "" },
	{ "{\"l\":{\"cpu\":\"0.5\"}}", "{\"l\":{\"cpu\":\"501m\"}}",
	  "ours .l.cpu \"0.5\" \"501m\"\n" },
	{ "{\"l\":[]}", "{}", "" },
	{ "{\"l\":[{\"a\":1}]}", "{}", "ours .l [{\"a\":1}] -\n" },
	{ "{\"l\":[\"a\"]}", "{}", "ours .l [\"a\"] -\n" },
};

Test(kube_diff, drift)
{
	for (size_t i = 0; i < COUNT(drifts); i++) {
		cleanup_json json_t *sent = parse(drifts[i].sent), *live = parse(drifts[i].live);
		struct kube_changes c = { 0 };

		kube_drift(sent, live, "slipway", &c);
		cleanup_free char *got = lines_of(&c);
		cr_expect_str_eq(got, drifts[i].want, "%zu: %s", i, got);
		kube_changes_fini(&c);
	}
}

/* What was applied, what is sent now, what is there: s.image and replicas are another's. */
Test(kube_diff, what_others_have)
{
	static const struct {
		const char *into, *sent, *want;
	} cases[] = {
		{ "{}", "{\"spec\":{\"replicas\":2,\"c\":[{\"name\":\"s\",\"image\":\"new\"}]}}",
		  "{\"spec\":{\"c\":[{\"image\":\"old\",\"name\":\"s\"}],\"replicas\":5}}" },
		{ "{\"spec\":{\"c\":[{\"name\":\"s\",\"x\":1}]}}",
		  "{\"spec\":{\"c\":[{\"name\":\"s\",\"image\":\"new\"},{\"name\":\"t\",\"image\":"
		  "\"i\"}]}}",
		  "{\"spec\":{\"c\":[{\"image\":\"old\",\"name\":\"s\",\"x\":1}]}}" },
		/* what nobody or ourselves have is not added */
		{ "{}", "{\"spec\":{\"sel\":{\"a\":\"z\"},\"free\":1,\"none\":{\"x\":1}}}", "{}" },
		{ "{}", "{\"spec\":7}", "{}" },
		{ "{}", "{\"spec\":{\"c\":{\"name\":\"s\"}}}", "{}" },
	};
	cleanup_json json_t *live = parse("{\"metadata\":{\"managedFields\":[" MANAGED(
	        "o", "Update",
	        "{\"f:spec\":{\"f:replicas\":{},\"f:c\":{\"k:{\\\"name\\\":\\\"s\\\"}\":"
	        "{\"f:image\":{}}}}}") "," MANAGED("slipway", "Apply",
	                                           "{\"f:spec\":{\"f:sel\":{}}}") "]},"
	                                                                          "\"spec\":{"
	                                                                          "\"replicas\":5,"
	                                                                          "\"sel\":{\"a\":"
	                                                                          "\"b\"},\"free\":"
	                                                                          "3,\"c\":[{"
	                                                                          "\"name\":\"s\","
	                                                                          "\"image\":"
	                                                                          "\"old\"}]}}");

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *sent = parse(cases[i].sent), *into = parse(cases[i].into);
		cleanup_buf struct buf text = { 0 };

		kube_add_foreign(sent, live, "slipway", into);
		json_canonical(into, &text);
		cr_expect_str_eq(buf_cstr(&text), cases[i].want, "%zu: %s", i, buf_cstr(&text));
	}
}

Test(kube_diff, endless_changes_are_cut)
{
	cleanup_json json_t *live = json_object(), *dry = json_object();
	struct kube_changes c = { 0 };

	for (int i = 0; i < 2 * KUBE_CHANGES_MAX; i++) {
		cleanup_free char *key = xasprintf("k%d", i);
		json_object_set_new(dry, key, json_integer(i));
	}
	kube_diff(live, dry, "slipway", &c);
	cr_expect_eq(c.n, KUBE_CHANGES_MAX);
	cr_expect(c.is_cut);
	kube_changes_fini(&c);
}

Test(kube_diff, deep_trees_end)
{
	cleanup_buf struct buf a = { 0 }, b = { 0 };
	struct kube_changes c = { 0 };

	for (int i = 0; i < 60; i++) {
		buf_adds(&a, "{\"a\":");
		buf_adds(&b, "{\"a\":");
	}
	buf_adds(&a, "1");
	buf_adds(&b, "2");
	for (int i = 0; i < 60; i++) {
		buf_addc(&a, '}');
		buf_addc(&b, '}');
	}
	cleanup_json json_t *live = parse(buf_cstr(&a)), *dry = parse(buf_cstr(&b));
	kube_diff(live, dry, "slipway", &c);
	cr_expect_eq(c.n, 1);
	kube_changes_fini(&c);
}

Test(kube_diff, extracts_what_was_applied)
{
	cleanup_json json_t *live =
	        parse(LIVE("1", "a", ",\"pull\":\"x\"",
	                   MANAGED("slipway", "Update",
	                           "{\"f:spec\":{}}") "," MANAGED("slipway", "Apply", OURS_TREE)));
	cleanup_json json_t *want = parse(
	        "{\"apiVersion\":\"v1\",\"kind\":\"K\",\"metadata\":{\"name\":\"n\",\"namespace\":"
	        "\"x\"},\"spec\":{\"replicas\":1,\"sel\":{\"a\":\"b\"},\"c\":[{\"name\":\"s\","
	        "\"image\":\"a\",\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}]}]}}");
	cleanup_json json_t *got = kube_extract(live, "slipway");
	cleanup_free char *text = json_dumps(got, JSON_COMPACT);

	cr_expect(json_equal(got, want), "%s", text);
	cr_expect_null(kube_extract(live, "kubectl"));
}

/* The bodies left out what the server fills in: nothing of them may be missing or otherwise, and
 * what is more are members that name an element of a list. */
static unsigned
replay(const char *dir, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *j = NULL, *got = NULL, *back = NULL;
	struct kube_changes c = { 0 };
	struct err e = { 0 };
	const json_t *sent, *live;

	cr_assert_eq(fs_read_at(AT_FDCWD, path, 8 << 20, &text, &e), 0, "%s", e.msg);
	cr_assert_eq(json_parse(buf_str(&text), name, &j, &e), 0, "%s", e.msg);
	sent = kube_at(j, "request.body");
	live = kube_at(j, "response.body");
	if (!streq(kube_text(j, "request.method"), "PATCH") || !json_is_object(sent) ||
	    !strstr(kube_text(j, "request.uri"), "fieldManager=slipway") ||
	    kube_number(j, "response.status", 0) / 100 != 2)
		return 0;
	/* old forms of a predictor, which its webhook writes anew */
	if (streq(name, "hook-triton.json") || streq(name, "hook-resources.json"))
		return 0;
	got = kube_extract(live, "slipway");
	cr_assert(got, "%s", name);
	kube_drift(sent, got, "slipway", &c);
	cleanup_free char *lines = lines_of(&c);
	cr_expect_str_eq(lines, "", "%s: %s", name, lines);
	kube_changes_fini(&c);
	c = (struct kube_changes){ 0 };
	kube_drift(got, live, "slipway", &c);
	cr_expect_eq(c.n, 0, "%s", name);
	kube_changes_fini(&c);
	return 1;
}

Test(kube_diff, recorded_applies)
{
	cleanup_free char *dir =
	        xasprintf("%s/upstream/kubelab-recorded", getenv("SLIPWAY_SHARED"));
	DIR *d = opendir(dir);
	unsigned n = 0;

	if (!d)
		cr_skip_test("no recordings at %s", dir);
	for (struct dirent *one; (one = readdir(d)) != NULL;) {
		if (has_suffix(one->d_name, ".json"))
			n += replay(dir, one->d_name);
	}
	(void)closedir(d);
	cr_expect_geq(n, 15, "only %u applies of ours were recorded", n);
}
