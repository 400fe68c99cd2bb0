/* SPDX-License-Identifier: Apache-2.0 */
/* A newcomer beside what is stable: the entry of an InferenceService, and what a route gives it. */
#include <criterion/criterion.h>
#include <string.h>

#include "deploy/driver_cluster.h"

TestSuite(cluster_canary);

#define HEX   "9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa77de4b3c"
#define SHORT "9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa"

static json_t *
parse(const char *text)
{
	json_t *j = NULL;
	struct err e = { 0 };

	cr_assert_eq(json_parse(str_of(text), "test", &j, &e), 0, "%s: %s", text, e.msg);
	return j;
}

#define NOTES(number)                                                        \
	"\"slipway.dev/model\":\"m\",\"slipway.dev/number\":\"" number "\"," \
	"\"slipway.dev/registry\":\"r\",\"slipway.dev/version\":\"sha256:" HEX "\""
#define SERVICE(number, notes, predictor)               \
	"{\"metadata\":{\"annotations\":{" notes NOTES( \
	        number) "},\"labels\":{\"l\":\"" number \
	                "\"},\"name\":\"fraud\"},\"spec\":{\"predictor\":{" predictor "}}}"

/* What the stable version says is said as before, to the letter: its pods must not restart. */
Test(cluster_canary, a_newcomer_leaves_the_stable_one_alone)
{
	cleanup_json json_t *stable =
	        parse(SERVICE("1", "\"slipway.dev/plan\":\"old\",",
	                      "\"minReplicas\":5,\"model\":{\"storageUri\":\"old\"}"));
	cleanup_json json_t *rendered =
	        parse(SERVICE("2", "\"serving.kserve.io/deploymentMode\":\"Standard\",",
	                      "\"minReplicas\":5,\"model\":{\"storageUri\":\"new\"}"));
	cleanup_json json_t *entry = parse("[{\"predictor\":{\"annotations\":{" NOTES(
	        "2") ",\"slipway.dev/plan\":\"" HEX "\"},"
	             "\"labels\":{\"l\":\"2\",\"slipway.dev/plan\":\"" SHORT
	             "\"},\"minReplicas\":2,"
	             "\"model\":{\"resources\":{},\"storageUri\":\"new\"},\"name\":\"v2\"},"
	             "\"trafficPercent\":25}]");
	const struct rollout q = { .number = 2, .plan_id = HEX };
	cleanup_json json_t *with = kserve_with_newcomer(stable, rendered, &q, 25);
	json_t *spec = json_object_get(with, "spec");
	char plan[DIGEST_HEX_SIZE];

	cr_expect(json_equal(json_object_get(spec, "canary"), entry));
	kserve_newcomer_plan(with, plan);
	cr_expect_str_eq(plan, HEX);
	kserve_newcomer_plan(stable, plan);
	cr_expect_str_eq(plan, "");
	json_object_del(spec, "canary");
	cr_expect(json_equal(with, stable));
}

Test(cluster_canary, newcomers_are_at_most_as_many_as_are_stable)
{
	static const struct {
		uint64_t stable;
		unsigned percent;
		uint64_t want;
	} cases[] = {
		{ 1, 1, 1 },  { 1, 99, 1 },  { 2, 50, 1 },
		{ 2, 51, 2 }, { 10, 11, 2 }, { 10, 99, 10 },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(kserve_newcomers(cases[i].stable, cases[i].percent), cases[i].want,
		             "%zu", i);
}

#define CONDITION(type, status, generation)                                  \
	"{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"R\"," \
	"\"observedGeneration\":" generation "}"
#define PARENT(conditions) "{\"conditions\":[" conditions "]}"
#define ACCEPTED           CONDITION("Accepted", "True", "3")
#define TAKEN              PARENT(ACCEPTED "," CONDITION("ResolvedRefs", "True", "3"))
#define ROUTE(parents, rules)                                                \
	"{\"metadata\":{\"generation\":3},\"spec\":{\"rules\":[" rules "]}," \
	"\"status\":{\"parents\":[" parents "]}}"
#define RULE(refs)        "{\"backendRefs\":[" refs "]}"
#define REF(name, weight) "{\"name\":\"" name "\",\"weight\":" weight "}"
#define SPLIT             RULE(REF("old", "90") "," REF("new", "10"))

Test(cluster_canary, what_a_route_gives)
{
	static const struct {
		const char *route, *why; /* why NULL: known */
		unsigned percent;
	} cases[] = {
		{ ROUTE(TAKEN, SPLIT), NULL, 10 },
		{ ROUTE(TAKEN, RULE("{\"name\":\"old\"}")), NULL, 0 },
		{ ROUTE(TAKEN, RULE("{\"name\":\"old\"},{\"name\":\"new\"}")), NULL, 50 },
		{ ROUTE(TAKEN, RULE(REF("old", "2") "," REF("new", "1"))), NULL, 33 },
		{ ROUTE(TAKEN, SPLIT "," SPLIT), NULL, 10 },
		{ ROUTE(TAKEN, "{\"filters\":[]}," SPLIT), NULL, 10 },
		{ ROUTE(TAKEN "," TAKEN, SPLIT), NULL, 10 },
		{ ROUTE(TAKEN, SPLIT "," RULE(REF("new", "1"))), "differently", 0 },
		{ ROUTE(TAKEN, ""), "nowhere", 0 },
		{ ROUTE(TAKEN, RULE(REF("old", "0") "," REF("new", "0"))), "nowhere", 0 },
		{ ROUTE(TAKEN, RULE(REF("old", "-9") "," REF("new", "10"))), "nowhere", 0 },
		{ ROUTE(TAKEN, RULE(REF("old", "9000000000") "," REF("new", "1"))), "nowhere", 0 },
		{ ROUTE("", SPLIT), "no gateway", 0 },
		{ ROUTE(PARENT(""), SPLIT), "says nothing", 0 },
		{ ROUTE(PARENT(CONDITION("ResolvedRefs", "True", "3")), SPLIT), "says nothing", 0 },
		{ ROUTE(PARENT(CONDITION("Accepted", "True", "2")), SPLIT), "not taken it up", 0 },
		{ ROUTE(PARENT(CONDITION("Accepted", "False", "3")), SPLIT), "Accepted: R", 0 },
		{ ROUTE(PARENT(CONDITION("Accepted", "True", "3") "," CONDITION("ResolvedRefs",
		                                                                "False", "3")),
		        SPLIT),
		  "ResolvedRefs: R", 0 },
		{ ROUTE(TAKEN "," PARENT(CONDITION("Accepted", "False", "3")), SPLIT),
		  "Accepted: R", 0 },
		{ "{}", "no gateway", 0 },
		{ "[]", "no gateway", 0 },
	};
	unsigned percent = 77;
	char why[256] = "";

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *route = parse(cases[i].route);

		percent = 77;
		cr_expect_eq(cluster_route_share(route, NULL, "new", &percent, why), !cases[i].why,
		             "%zu: %s", i, why);
		cr_expect_eq(percent, cases[i].why ? 77 : cases[i].percent, "%zu: %u", i, percent);
		if (cases[i].why)
			cr_expect(strstr(why, cases[i].why), "%zu: %s", i, why);
	}
	cr_expect_not(cluster_route_share(NULL, NULL, "new", &percent, why));
}

/* --- weights --- */

#define REFS(refs) "{\"backendRefs\":[" refs "]}"
#define OLD        "{\"name\":\"old\",\"port\":80}"
#define OTHER      "{\"backendRefs\":[{\"name\":\"docs\",\"port\":80}],\"name\":\"docs\"}"
#define IN(rules)                                                                             \
	"{\"metadata\":{\"generation\":3,\"namespace\":\"prod\"},\"spec\":{\"rules\":[" rules \
	"]},\"status\":{\"parents\":[" TAKEN "]}}"
#define KEPT                                                                                  \
	"\"filters\":[{\"type\":\"URLRewrite\"}],\"matches\":[{\"path\":{\"value\":\"/\"}}]," \
	"\"name\":\"main\",\"timeouts\":{\"request\":\"60s\"}"
#define SIDE(name, weight)                                      \
	"{\"group\":\"\",\"kind\":\"Service\",\"name\":\"" name \
	"\",\"port\":80,\"weight\":" weight "}"

/* Nothing of a route is lost but the weights, and rules for others are for them to say. */
Test(cluster_canary, a_route_keeps_all_but_its_weights)
{
	static const struct {
		const char *rules, *want;
		unsigned percent;
	} cases[] = {
		{ "{" KEPT ",\"backendRefs\":[" SIDE("old", "1") "]}," OTHER,
		  "{" KEPT ",\"backendRefs\":[" SIDE("old", "90") "," SIDE("new", "10") "]}," OTHER,
		  10 },
		{ REFS(SIDE("old", "90") "," SIDE("new", "10")),
		  REFS(SIDE("old", "50") "," SIDE("new", "50")), 50 },
		{ REFS(SIDE("new", "10") "," SIDE("old", "90")),
		  REFS(SIDE("old", "0") "," SIDE("new", "100")), 100 },
		{ REFS(SIDE("old", "1")) "," REFS(SIDE("old", "7")),
		  REFS(SIDE("old", "99") "," SIDE("new", "1")) "," REFS(
		          SIDE("old", "99") "," SIDE("new", "1")),
		  1 },
		{ OTHER "," REFS(SIDE("old", "50") "," SIDE("new", "50")),
		  OTHER "," REFS(SIDE("old", "1")), 0 },
		{ REFS(OLD), REFS(OLD), 0 },
		{ REFS(SIDE("old", "7")), REFS(SIDE("old", "7")), 0 },
	};
	const struct cluster_sides sides = { "old", "new" };

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_free char *in = xasprintf(IN("%s"), cases[i].rules);
		cleanup_free char *out = xasprintf("[%s]", cases[i].want);
		cleanup_json json_t *route = parse(in), *want = parse(out), *spec = NULL;
		char why[256] = "";
		cleanup_json json_t *got =
		        cluster_route_weigh(route, &sides, cases[i].percent, why);
		unsigned percent = 77;

		cr_expect(got && json_equal(got, want), "%zu: %s", i, why);
		spec = json_pack("{s:O}", "rules", got ? got : want);
		json_object_set(route, "spec", spec);
		cr_expect(cluster_route_share(route, "old", "new", &percent, why), "%zu: %s", i,
		          why);
		cr_expect_eq(percent, cases[i].percent, "%zu: %u", i, percent);
		cr_expect_eq(cluster_route_lists(route, "new"), cases[i].percent > 0, "%zu", i);
	}
}

Test(cluster_canary, rules_that_cannot_be_weighed_are_named)
{
	static const struct {
		const char *rules, *why;
	} cases[] = {
		{ "", "none of its rules" },
		{ OTHER, "none of its rules sends requests to the Service \"old\"" },
		{ REFS("{\"name\":\"old\",\"namespace\":\"other\"}"), "none of its rules" },
		{ REFS("{\"name\":\"old\",\"kind\":\"Backend\"}"), "none of its rules" },
		{ REFS("{\"name\":\"old\",\"group\":\"x.y\"}"), "none of its rules" },
		{ OTHER "," REFS(OLD ",{\"name\":\"docs\"}"), "its rule 2 shares" },
		{ REFS(OLD) "," REFS(SIDE("new", "1")),
		  "its rule 2 sends requests to the newcomer" },
		{ REFS(OLD "," OLD), "its rule 1 names one Service twice" },
		{ REFS("{\"name\":\"old\",\"weight\":0}"), "the weight 0" },
		{ REFS("{\"name\":\"old\",\"filters\":[{}]}"), "filters of one backend" },
		{ "{\"name\":\"a\\u001bb\",\"sessionPersistence\":{\"type\":\"Cookie\"},"
		  "\"backendRefs\":[" OLD "]}",
		  "its rule 1 (a\\x1bb) keeps each session" },
		{ "{\"filters\":[{\"type\":\"RequestMirror\",\"requestMirror\":{\"backendRef\":"
		  "{\"name\":\"new\"}}}],\"backendRefs\":[" OLD "]}",
		  "its rule 1 mirrors" },
	};
	const struct cluster_sides sides = { "old", "new" };

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_free char *in = xasprintf(IN("%s"), cases[i].rules);
		cleanup_json json_t *route = parse(in);
		char why[256] = "";

		cr_expect_null(cluster_route_weigh(route, &sides, 10, why), "%zu", i);
		cr_expect(strstr(why, cases[i].why), "%zu: %s", i, why);
	}
}

#define OF(parent, conditions) "{\"conditions\":[" conditions "],\"parentRef\":{" parent "}}"
#define WITH(refs, parents)                                                                       \
	"{\"metadata\":{\"generation\":3,\"namespace\":\"prod\"},\"spec\":{\"parentRefs\":[" refs \
	"]},\"status\":{\"parents\":[" parents "]}}"
#define GATEWAY "\"name\":\"front\",\"namespace\":\"edge\""
#define NEAR    "\"name\":\"near\""

/* Every parent that it names has said so; what others once said counts for nothing. */
Test(cluster_canary, each_parent_must_have_taken_it)
{
	static const struct {
		const char *route;
		bool is_taken;
	} cases[] = {
		{ WITH("{" GATEWAY "}", OF(GATEWAY, ACCEPTED)), true },
		{ WITH("{" NEAR "}", OF(NEAR ",\"namespace\":\"prod\"", ACCEPTED)), true },
		{ WITH("{" GATEWAY "},{" NEAR "}", OF(GATEWAY, ACCEPTED)), false },
		{ WITH("{" GATEWAY "},{" NEAR "}", OF(GATEWAY, ACCEPTED) "," OF(NEAR, ACCEPTED)),
		  true },
		{ WITH("{" GATEWAY "}", OF(NEAR, ACCEPTED)), false },
		{ WITH("{" GATEWAY ",\"sectionName\":\"a\"}", OF(GATEWAY, ACCEPTED)), false },
		{ WITH("{" GATEWAY ",\"port\":80}", OF(GATEWAY, ACCEPTED)), false },
		{ WITH("{" GATEWAY "}",
		       OF(GATEWAY, ACCEPTED) "," OF(NEAR, CONDITION("Accepted", "False", "1"))),
		  true },
		{ WITH("{" GATEWAY "}", OF(GATEWAY, CONDITION("Accepted", "False", "3"))), false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *route = parse(cases[i].route);
		char why[256] = "";

		cr_expect_eq(cluster_route_is_taken(route, why), cases[i].is_taken, "%zu: %s", i,
		             why);
		cr_expect_eq(why[0] == '\0', cases[i].is_taken, "%zu", i);
	}
}
