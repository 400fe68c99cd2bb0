/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets say they serve: lines in, facts and their ages out. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tui/live.h"

#define AT(name) "\"model\":\"face\",\"stage\":\"staging\",\"target\":\"" name "\""
#define EVENT(name, live, more)                                                        \
	"{\"kind\":\"TargetEvent\"," AT(name) ",\"recorded\":2,\"live\":\"" live "\"," \
	                                      "\"periodMs\":3000" more "}"

static bool
take(struct live *l, const char *line, uint64_t now_ms)
{
	return live_take(l, str_of(line), now_ms, 1000);
}

static const struct live_fact *
one(const struct live *l, const char *target)
{
	const struct live_fact *f = live_find(l, target, "staging", "face");

	cr_assert_not_null(f, "%s", target);
	return f;
}

Test(live, a_line_becomes_a_fact)
{
	struct live l = { 0 };
	size_t n;

	cr_assert(take(&l,
	               EVENT("dc1", "drift",
	                     ",\"serving\":1,\"reason\":\"replicas\",\"evidence\":\"a\\nb\","
	                     "\"advice\":\"look\",\"ready\":1,\"want\":3,"
	                     "\"proofs\":[\"object\",\"listed\"],\"drift\":[{\"object\":\"D\","
	                     "\"field\":\".spec.replicas\",\"found\":\"6\",\"sent\":\"2\","
	                     "\"by\":\"y\"},{}]"),
	               5000));
	const struct live_fact *f = one(&l, "dc1");
	cr_expect_eq(f->word, LIVE_DRIFTED);
	cr_expect_eq(f->recorded, 2);
	cr_expect_eq(f->serving, 1);
	cr_expect(f->has_replicas && f->ready == 1 && f->want == 3);
	cr_expect_eq(f->proofs, 9u);
	cr_expect_eq(f->drift_n, 2);
	cr_expect_str_eq(f->drift, "D .spec.replicas: found 6, sent 2, by y");
	cr_expect_str_eq(f->reason, "replicas");
	cr_expect_str_eq(f->advice, "look");
	cr_expect_str_eq(f->evidence, "a\nb");
	cr_expect_eq(live_of_target(&l, "dc1", &n), f);
	cr_expect_eq(n, 1);
	cr_expect_null(live_of_target(&l, "dc", &n));
	cr_expect_eq(n, 0);
	live_fini(&l);
}

/* Who cannot be looked at now keeps what was seen last, with that age. */
Test(live, unknown_keeps_the_last_value)
{
	struct live l = { 0 };

	(void)take(&l, EVENT("dc1", "as recorded", ",\"serving\":2"), 5000);
	(void)take(&l, EVENT("dc1", "unknown", ",\"reason\":\"no route\""), 9000);
	const struct live_fact *f = one(&l, "dc1");
	cr_expect_eq(f->word, LIVE_UNKNOWN);
	cr_expect(f->was_seen);
	cr_expect_eq(f->serving, 2);
	cr_expect_eq(f->value_ms, 5000);
	cr_expect_eq(f->seen_ms, 9000);
	cr_expect_str_eq(f->reason, "no route");
	live_fini(&l);
}

static const struct {
	uint64_t after_ms;
	const char *age;
	bool is_old;
} ages[] = {
	{ 0, "<5s", false },         { 5000, "<5s", false },
	{ 5001, "5s", false },       { 9999, "5s", false },
	{ 10000, "OLD 10s", true },  { 59999, "OLD 55s", true },
	{ 60000, "OLD 1m", true },   { 3599999, "OLD 59m", true },
	{ 7200000, "OLD 2h", true }, { 100 * 86400000ull, "OLD 2400h", true },
};

Test(live, ages_are_coarse_and_past_twice_the_period_old)
{
	struct live l = { 0 };
	char age[LIVE_AGE_SIZE];

	(void)take(&l, EVENT("dc1", "as recorded", ""), 5000);
	for (size_t i = 0; i < COUNT(ages); i++) {
		live_age(one(&l, "dc1"), 5000 + ages[i].after_ms, age);
		cr_expect_str_eq(age, ages[i].age, "after %zu: %s", (size_t)ages[i].after_ms, age);
		cr_expect_eq(live_is_old(one(&l, "dc1"), 5000 + ages[i].after_ms), ages[i].is_old);
	}
	live_fini(&l);
}

/* At the moment that is named the picture is another, and not a millisecond before. */
Test(live, next_is_when_an_age_reads_otherwise)
{
	struct live l = { 0 };
	uint64_t now_ms = 5000;
	char before[LIVE_AGE_SIZE], just[LIVE_AGE_SIZE], at[LIVE_AGE_SIZE];

	cr_assert_eq(live_next_ms(&l, now_ms), UINT64_MAX);
	(void)take(&l, EVENT("dc1", "as recorded", ""), now_ms);
	for (int i = 0; i < 90; i++) {
		const uint64_t next_ms = live_next_ms(&l, now_ms);
		live_age(one(&l, "dc1"), now_ms, before);
		live_age(one(&l, "dc1"), next_ms - 1, just);
		live_age(one(&l, "dc1"), next_ms, at);
		cr_expect(next_ms > now_ms);
		cr_expect_str_eq(before, just, "%s, %s", before, just);
		cr_expect_str_neq(just, at, "%s at %zu", at, (size_t)next_ms);
		now_ms = next_ms;
	}
	live_fini(&l);
}

Test(live, what_is_confirmed_in_time_is_no_other_picture)
{
	struct live l = { 0 };
	static const char seen[] = "{\"kind\":\"TargetSeen\"," AT("dc1") ",\"periodMs\":3000}";

	(void)take(&l, EVENT("dc1", "as recorded", ""), 5000);
	cr_expect_not(take(&l, seen, 8000));
	cr_expect_eq(one(&l, "dc1")->seen_ms, 8000);
	cr_expect(take(&l, seen, 20000), "it was OLD, and is not any more");
	live_fini(&l);
}

/* A line that lay in a pipe is as old as it says. */
Test(live, a_line_that_waited_is_not_new)
{
	struct live l = { 0 };

	(void)live_take(&l,
	                str_of("{\"kind\":\"TargetEvent\",\"time\":\"1970-01-01T00:16:00Z\"," AT(
	                        "dc1") ",\"live\":\"as recorded\",\"periodMs\":3000}"),
	                100000, 1000);
	cr_expect_eq(one(&l, "dc1")->seen_ms, 60000);
	cr_expect(live_is_old(one(&l, "dc1"), 100000));
	live_fini(&l);
}

Test(live, who_is_not_named_is_forgotten)
{
	struct live l = { 0 };

	(void)take(&l, EVENT("dc1", "as recorded", ""), 5000);
	(void)take(&l, EVENT("dc2", "as recorded", ""), 5000);
	(void)take(&l, "{\"kind\":\"TargetWatch\",\"targets\":[{" AT("dc2") "},{" AT("dc3") "}]}",
	           6000);
	cr_expect_null(live_find(&l, "dc1", "staging", "face"));
	cr_expect_eq(one(&l, "dc2")->word, LIVE_AS_RECORDED);
	cr_expect_eq(one(&l, "dc3")->word, LIVE_WAITED_FOR);
	cr_expect(l.has_list);
	live_fini(&l);
}

static const char *const foreign[] = {
	"",
	"{",
	"[]",
	"null",
	"{\"kind\":7}",
	"{\"kind\":\"TargetEvent\"}",
	"{\"kind\":\"TargetEvent\",\"model\":\"m\",\"stage\":\"s\",\"target\":7}",
	"{\"kind\":\"TargetEvent\",\"model\":\"m\",\"stage\":\"s\",\"target\":\"\"}",
	"{\"kind\":\"TargetSeen\"," AT("nobody") "}",
	"{\"kind\":\"Heartbeat\",\"seq\":1}",
	"\xff\xfe",
};

Test(live, foreign_lines_are_ignored)
{
	struct live l = { 0 };

	for (size_t i = 0; i < COUNT(foreign); i++)
		cr_expect_not(take(&l, foreign[i], 5000), "%s", foreign[i]);
	cr_expect_eq(l.facts.n, 0);
	/* numbers that are none, and a word that nobody knows, say nothing */
	(void)take(
	        &l,
	        EVENT("dc1", "shining", ",\"serving\":-1,\"want\":\"x\",\"proofs\":7,\"drift\":{}"),
	        5000);
	cr_expect_eq(one(&l, "dc1")->word, LIVE_UNKNOWN);
	cr_expect_not(one(&l, "dc1")->was_seen);
	live_fini(&l);
}

Test(live, there_is_an_end_to_facts)
{
	struct live l = { 0 };
	char line[256];

	for (unsigned i = 0; i < LIVE_FACTS_MAX + 10; i++) {
		(void)snprintf(line, sizeof(line),
		               "{\"kind\":\"TargetEvent\",\"model\":\"m\",\"stage\":\"s\","
		               "\"target\":\"t%u\",\"live\":\"drift\"}",
		               i);
		(void)take(&l, line, 5000);
	}
	cr_expect_eq(l.facts.n, LIVE_FACTS_MAX);
	for (size_t i = 1; i < l.facts.n; i++)
		cr_expect(strcmp(l.facts.v[i - 1].target, l.facts.v[i].target) < 0);
	live_fini(&l);
}
