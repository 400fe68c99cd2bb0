/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A newcomer's share by the weights of an HTTPRoute that somebody else wrote, at a scripted
 * cluster: to the percent, only for who is ready, as the gateway has taken it, given back before
 * the newcomer goes, and nothing else of the route touched.
 */
#include "tests/deploy/scene.h"

TestSuite(cluster_route, .timeout = 120);

#define ROUTE   "/apis/gateway.networking.k8s.io/v1/namespaces/prod/httproutes/front"
#define CANARY  OBJECT "-canary"
#define SERVICE "/api/v1/namespaces/prod/services/fraud"
#define STABLE  "{\"kind\":\"Service\",\"name\":\"fraud\",\"port\":8080}"
#define KEPT                                                  \
	"\"filters\":[{\"type\":\"RequestHeaderModifier\"}]," \
	"\"matches\":[{\"path\":{\"type\":\"PathPrefix\",\"value\":\"/\"}}]"
#define DOCS       "{\"backendRefs\":[{\"name\":\"docs\",\"port\":80}]}"
#define RULE(refs) "{" KEPT ",\"backendRefs\":[" refs "]}," DOCS
#define BODY(notes, rules)                                                               \
	"{\"apiVersion\":\"gateway.networking.k8s.io/v1\",\"kind\":\"HTTPRoute\","       \
	"\"metadata\":{\"name\":\"front\",\"namespace\":\"prod\"" notes "},\"spec\":{"   \
	"\"hostnames\":[\"fraud.site\"],\"parentRefs\":[{\"name\":\"edge\"}],\"rules\":" \
	"[" rules "]}}"
#define WEIGHT(name, weight) \
	"{\"kind\":\"Service\",\"name\":\"" name "\",\"port\":8080,\"weight\":" weight "}"

static void
begin_route(struct scene *s)
{
	struct err e = { 0 };

	begin(s, "kubernetes");
	json_object_set_new(s->settings, "canary", json_string("httproute"));
	json_object_set_new(s->settings, "route", json_string("front"));
	json_object_set_new(s->settings, "replicas", json_string("3"));
	begin_again(s);
	json_decref(other(s, "PUT", ROUTE, BODY("", RULE(STABLE))));
	cr_assert_eq(promote(s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
}

static void
expect_rules(struct scene *s, const char *rules)
{
	cleanup_free char *text = xasprintf("[%s]", rules);
	cleanup_json json_t *route = live(s, ROUTE), *want = NULL;
	cleanup_buf struct buf got = { 0 };
	struct err e = { 0 };

	cr_assert_eq(json_parse(str_of(text), "rules", &want, &e), 0, "%s: %s", e.msg, text);
	json_canonical(kube_at(route, "spec.rules"), &got);
	cr_expect(json_equal(kube_at(route, "spec.rules"), want), "%s", buf_cstr(&got));
	cr_expect_str_eq(json_string_value(json_array_get(kube_at(route, "spec.hostnames"), 0)),
	                 "fraud.site");
}

static void
expect_gone(struct scene *s, const char *path)
{
	cleanup_json json_t *gone = live(s, path);

	cr_expect_eq(kube_number(gone, "code", 0), 404, "%s", path);
}

static struct canary
seen(struct scene *s, const struct rollout *q)
{
	struct err e = { 0 };
	struct canary c;

	cr_assert_eq(s->d->look_canary(s->st, q, &c, &e), 0, "%s", e.msg);
	return c;
}

Test(cluster_route, a_newcomer_shares_by_weight)
{
	cleanup_buf struct buf rendered = { 0 };
	struct target_facts facts;
	struct canary c;
	struct scene s;
	struct err e = { 0 };

	begin_route(&s);
	cr_assert_eq(s.d->probe(s.st, &facts, &e), 0, "%s", e.msg);
	cr_expect(facts.caps & CAP_WEIGHTS, "%s", facts.why_not);
	const struct rollout q = canary_of(&s, &rendered);
	const struct precondition p = was(&s, 1, PLAN_B);
	cleanup_json json_t *before = live(&s, OBJECT);
	cleanup_json json_t *service = live(&s, SERVICE);
	cr_expect_str_eq(json_opt_string(kube_at(service, "spec.selector"), CLUSTER_TRACK),
	                 "stable");
	c = seen(&s, &q);
	cr_expect(c.status == ROLLOUT_PROGRESSING && c.percent_known && c.percent == 0);

	cr_assert_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 7, &p, &e), 0, "%s", e.msg);
	expect_rules(&s, RULE(WEIGHT("fraud", "93") "," WEIGHT("fraud-canary", "7")));
	c = seen(&s, &q);
	cr_expect(c.status == ROLLOUT_SUCCEEDED && c.percent_known && c.percent == 7, "%s",
	          c.reason);
	cleanup_json json_t *fresh = live(&s, SERVICE "-canary");
	cr_expect_str_eq(json_opt_string(kube_at(fresh, "spec.selector"), CLUSTER_TRACK), "canary");

	/* what its gateway has not taken up is no share */
	control(&s, "{\"gateway\":\"sleeps\"}");
	cr_assert_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 50, &p, &e), 0, "%s", e.msg);
	c = seen(&s, &q);
	cr_expect(c.status == ROLLOUT_PROGRESSING && !c.percent_known && !c.share_waits);
	cr_expect(strstr(c.reason, "not taken it up yet"), "%s", c.reason);
	control(&s, "{\"gateway\":\"takes\"}");
	c = seen(&s, &q);
	cr_expect(c.status == ROLLOUT_SUCCEEDED && c.percent_known && c.percent == 50);
	cleanup_json json_t *after = live(&s, OBJECT);
	cr_expect(json_equal(before, after), "stable stays whole");
	cr_expect_str_eq(look(&s, 1).plan_id, PLAN_B);

	cr_assert_eq(s.d->promote(s.st, &q, buf_str(&rendered), &p, &e), 0, "%s", e.msg);
	c = seen(&s, &q);
	cr_expect(c.took_all, "who goes on does not share again");
	cr_assert_eq(s.d->release(s.st, &q, NULL, &e), 0, "%s", e.msg);
	expect_there(&s, 2);
	expect_gone(&s, CANARY);
	expect_gone(&s, SERVICE "-canary");
	expect_rules(&s, RULE(WEIGHT("fraud", "1")));
	expect_writes(&s, "PATCH services/fraud; PATCH deployments/fraud; "
	                  "PATCH services/fraud-canary; PATCH deployments/fraud-canary; "
	                  "PATCH httproutes/front; PATCH httproutes/front; "
	                  "PATCH deployments/fraud-canary; PATCH httproutes/front; "
	                  "PATCH configmaps/fraud-slipway; PATCH deployments/fraud; "
	                  "PATCH httproutes/front; DELETE deployments/fraud-canary; "
	                  "DELETE services/fraud-canary; ");
	end(&s);
}

Test(cluster_route, nobody_is_sent_to_who_is_not_ready)
{
	cleanup_buf struct buf rendered = { 0 };
	struct canary c;
	struct scene s;
	struct err e = { 0 };

	begin_route(&s);
	struct rollout q = canary_of(&s, &rendered);
	const struct precondition p = was(&s, 1, PLAN_B);
	control(&s, "{\"mode\":\"pending\"}");
	cr_assert_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 10, &p, &e), 0, "%s", e.msg);
	expect_rules(&s, RULE(STABLE));
	c = seen(&s, &q);
	cr_expect(c.status == ROLLOUT_PROGRESSING && c.percent == 0 && !c.share_waits);

	/* the route moves between two looks, an answer is lost: once, and of what is there */
	control(&s, "{\"mode\":\"ok\",\"faults\":[{\"method\":\"PATCH\",\"path\":"
	            "\"httproutes\",\"action\":\"status\",\"code\":409},"
	            "{\"method\":\"PATCH\",\"path\":\"force=true\",\"action\":\"drop-after\"}]}");
	cr_assert_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 50, &p, &e), 0, "%s", e.msg);
	expect_rules(&s, RULE(WEIGHT("fraud", "50") "," WEIGHT("fraud-canary", "50")));

	/* somebody else's weights are seen, and told as what waits */
	json_decref(other(&s, "PATCH", ROUTE "?fieldManager=other",
	                  "{\"spec\":{\"rules\":[" RULE(STABLE) "]}}"));
	c = seen(&s, &q);
	cr_expect(c.percent_known && c.percent == 0 && c.share_waits);
	cr_assert_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 50, &p, &e), 0, "%s", e.msg);
	c = seen(&s, &q);
	cr_expect(c.percent_known && c.percent == 50);

	/* a gateway that sleeps still sends requests there: the newcomer stays */
	control(&s, "{\"gateway\":\"sleeps\"}");
	q.deadline_ms = 1;
	cr_expect_eq(s.d->abort(s.st, &q, &p, &e), -ERR_OUTCOME_UNKNOWN, "%s", e.msg);
	cr_expect(strstr(e.msg, "the newcomer stays"), "%s", e.msg);
	err_clear(&e);
	expect_rules(&s, RULE(WEIGHT("fraud", "1")));
	cleanup_json json_t *stays = live(&s, CANARY);
	cr_expect_str_eq(kube_text(stays, "kind"), "Deployment");
	control(&s, "{\"gateway\":\"takes\"}");
	for (int i = 0; i < 2; i++)
		cr_assert_eq(s.d->abort(s.st, &q, &p, &e), 0, "%s", e.msg);
	expect_gone(&s, CANARY);
	expect_gone(&s, SERVICE "-canary");
	expect_there(&s, 1);
	end(&s);
}

/* Its plan is refused, and so is the write when it has come to that meanwhile. */
Test(cluster_route, routes_that_are_not_ours_to_weigh)
{
	static const struct {
		const char *control, *route, *why;
		bool is_written; /* the write does not look at gateways: the next look does */
	} cases[] = {
		{ "{\"absent\":\"httproutes|gateway\"}", BODY("", RULE(STABLE)),
		  "does not know the API", false },
		{ "{\"absent\":\"httproutes\"}", BODY("", RULE(STABLE)), "there is no HTTPRoute",
		  false },
		{ "{\"absent\":\"\",\"refused\":\"patch httproutes\"}", BODY("", RULE(STABLE)),
		  "may not patch httproutes", true },
		{ "{\"refused\":\"\"}",
		  BODY(",\"annotations\":{\"argocd.argoproj.io/tracking-id\":\"x\"}", RULE(STABLE)),
		  "managed by Argo CD", false },
		{ "{}",
		  BODY(",\"labels\":{\"app.kubernetes.io/managed-by\":\"Helm\"}", RULE(STABLE)),
		  "managed by Helm", false },
		{ "{}", BODY("", RULE(STABLE ",{\"name\":\"docs\"}")), "its rule 1 shares", false },
		{ "{}", BODY("", DOCS), "none of its rules", false },
		{ "{\"gateway\":\"refuses\"}", BODY("", RULE(STABLE)), "NotAllowed", true },
	};
	cleanup_buf struct buf rendered = { 0 };
	struct scene s;
	struct err e = { 0 };

	begin_route(&s);
	const struct rollout q = canary_of(&s, &rendered);
	const struct precondition p = was(&s, 1, PLAN_B);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct target_facts facts;

		begin_again(&s);
		control(&s, cases[i].control);
		json_decref(other(&s, "PUT", ROUTE, cases[i].route));
		cr_assert_eq(s.d->probe(s.st, &facts, &e), 0, "%zu: %s", i, e.msg);
		cr_expect(!(facts.caps & CAP_WEIGHTS), "%zu", i);
		cr_expect(strstr(facts.why_not, cases[i].why), "%zu: %s", i, facts.why_not);
		if (cases[i].is_written)
			continue;
		cr_expect_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 10, &p, &e),
		             -ERR_CONFLICT, "%zu: %s", i, e.msg);
		err_clear(&e);
	}
	end(&s);
}

static void
expect_finding(struct scene *s, const struct rollout *q, enum finding_level level, const char *text)
{
	struct findings f = { 0 };
	struct err e = { 0 };
	bool any = false;

	cr_assert_eq(s->d->preflight(s->st, q, &f, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < f.n; i++)
		any = any || (f.v[i].level == level && strstr(f.v[i].text, text));
	cr_expect(any, "%s", text);
	findings_fini(&f);
}

Test(cluster_route, a_plan_says_what_is_taken_and_from_whom)
{
	const struct rollout_step steps[] = { { 10, 1 } };
	cleanup_buf struct buf rendered = { 0 };
	struct preview preview = { 0 };
	struct scene s;
	struct err e = { 0 };

	begin_route(&s);
	struct rollout q = canary_of(&s, &rendered);
	q.steps = steps;
	q.steps_n = COUNT(steps);
	expect_finding(&s, &q, FINDING_WARN, "\".spec.rules\" is taken from \"kubectl\"");
	cr_assert_eq(s.d->preview(s.st, &q, buf_str(&rendered), &preview, &e), 0, "%s", e.msg);
	cr_expect(strstr(buf_cstr(&preview.text), "HTTPRoute front gives each step's share"), "%s",
	          buf_cstr(&preview.text));
	buf_fini(&preview.text);

	json_decref(other(&s, "PUT", SERVICE "-canary",
	                  "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{"
	                  "\"name\":\"fraud-canary\",\"namespace\":\"prod\"},\"spec\":{}}"));
	expect_finding(&s, &q, FINDING_BLOCK, "the Service \"fraud-canary\" is there already");
	const struct precondition p = was(&s, 1, PLAN_B);
	cr_expect_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 10, &p, &e), -ERR_CONFLICT);
	expect_rules(&s, RULE(STABLE));
	end(&s);
}
