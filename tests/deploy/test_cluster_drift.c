/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drift field by field against a scripted cluster that knows who owns a field: changed, removed,
 * gone, by whom and since when; what others own beside it, autoscalers and settings that are newer
 * are none.
 */
#include "tests/deploy/scene.h"

TestSuite(cluster_drift, .timeout = 150);

/* "what object field sent found wanted by since", a row a line */
static char *
drift(struct scene *s, unsigned number)
{
	static const char *const keys[] = { "what",  "object", "field", "sent",
		                            "found", "wanted", "by",    "since" };
	const struct rollout q = rollout_of(s, number, NULL);
	struct buf b = { 0 };
	json_t *rows = NULL;
	const json_t *one;
	struct err e = { 0 };
	size_t i;

	cr_assert_eq(s->d->drift(s->st, &q, &rows, &e), 0, "%s", e.msg);
	json_array_foreach(rows, i, one)
	{
		for (size_t k = 0; k < COUNT(keys); k++) {
			const char *text = json_opt_string(one, keys[k]);

			buf_addf(&b, "%s%s", k ? " " : "", text ? text : "-");
		}
		buf_addc(&b, '\n');
	}
	json_decref(rows);
	return b.n ? buf_steal(&b) : xstrdup("");
}

static void
expect_drift(struct scene *s, unsigned number, const char *want)
{
	cleanup_free char *got = drift(s, number);

	cr_expect_str_eq(got, want, "%s", got);
}

static void
patch(struct scene *s, const char *query, const char *body)
{
	cleanup_free char *path = xasprintf(OBJECT "?fieldManager=other%s", query);

	json_decref(other(s, "PATCH", path, body));
}

Test(cluster_drift, each_field_with_who_and_when)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	expect_drift(&s, 1, "");
	/* what is more than was sent is nobody's drift */
	patch(&s, "",
	      "{\"metadata\":{\"labels\":{\"team\":\"risk\"}},"
	      "\"spec\":{\"minReadySeconds\":3}}");
	expect_drift(&s, 1, "");
	patch(&s, "", "{\"spec\":{\"replicas\":5,\"strategy\":null}}");
	cleanup_free char *got = drift(&s, 1);
	cr_expect(strstr(got, "changed Deployment fraud .spec.replicas 2 5 2 other "
	                      "2026-02-03T04:05:06Z\n"),
	          "%s", got);
	cr_expect(strstr(got, "removed Deployment fraud .spec.strategy"), "%s", got);
	end(&s);
}

Test(cluster_drift, another_version_and_no_object)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	cr_assert_eq(promote(&s, 1, 2, PLAN_B, &e), 0, "%s", e.msg);
	cleanup_free char *got = drift(&s, 1);
	cr_expect(strstr(got, "changed Deployment fraud .metadata.annotations.slipway.dev/number "
	                      "\"1\" \"2\" \"1\" slipway -\n"),
	          "%s", got);
	expect_drift(&s, 2, "");
	/* behind our back */
	cleanup_json json_t *is = live(&s, OBJECT);
	cleanup_free char *body =
	        xasprintf("{\"preconditions\":{\"uid\":\"%s\"}}", kube_text(is, "metadata.uid"));
	json_decref(other(&s, "DELETE", OBJECT, body));
	expect_drift(&s, 2, "gone Deployment fraud - - - - - -\n");
	end(&s);
}

Test(cluster_drift, an_autoscaler_scales)
{
	static const char *const people[] = { "&subresource=scale", "" };
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	json_decref(other(&s, "PATCH",
	                  OBJECT "?fieldManager=kube-controller-manager&subresource=scale",
	                  "{\"spec\":{\"replicas\":5}}"));
	expect_drift(&s, 1, "");
	cr_expect(!look(&s, 1).is_drifted, "%s", look(&s, 1).reason);
	/* nor anything else that it would set */
	json_decref(other(&s, "PATCH",
	                  OBJECT "?fieldManager=kube-controller-manager&subresource=scale",
	                  "{\"metadata\":{\"labels\":{\"app.kubernetes.io/name\":\"x\"}}}"));
	cr_expect(look(&s, 1).is_drifted);
	for (size_t i = 0; i < COUNT(people); i++) {
		patch(&s, people[i], "{\"spec\":{\"replicas\":1}}");
		cr_expect(look(&s, 1).is_drifted, "%zu", i);
		patch(&s, people[i], "{\"spec\":{\"replicas\":3}}");
	}
	end(&s);
}

Test(cluster_drift, newer_settings_are_another_thing)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	json_object_set_new(s.settings, "memory", json_string("1Gi"));
	s.d->close(s.st);
	cr_assert_eq(s.d->open(s.st, &s.t, &e), 0, "%s", e.msg);
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	s.d->close(s.st);
	json_object_del(s.settings, "memory");
	json_object_set_new(s.settings, "replicas", json_string("4"));
	s.t.identity.b[0] = 1;
	cr_assert_eq(s.d->open(s.st, &s.t, &e), 0, "%s", e.msg);
	cr_expect(!look(&s, 1).is_drifted);
	cleanup_free char *got = drift(&s, 1);
	cr_expect(strstr(got, "setting Deployment fraud .spec.replicas 2 2 4 slipway -\n"), "%s",
	          got);
	cr_expect(strstr(got, "resources.limits.memory \"1Gi\" \"1Gi\" - slipway -\n"), "%s", got);
	cr_expect_null(strstr(got, "slipway.dev/plan"), "%s", got);
	cr_expect_null(strstr(got, "changed"), "%s", got);
	/* somebody's change beside them is drift */
	patch(&s, "", "{\"spec\":{\"replicas\":5}}");
	cleanup_free char *more = drift(&s, 1);
	cr_expect(strstr(more, "changed Deployment fraud .spec.replicas - 5 4 other "), "%s", more);
	cr_expect(look(&s, 1).is_drifted);
	end(&s);
}
