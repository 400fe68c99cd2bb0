/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement of one step of a canary. */
#include "deploy/canary_judge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define READING_MOST ((uint64_t)1 << 53) /* that every reader of JSON has exactly */

struct counted {
	bool known, is_error;
	double requests, errors, latency_s; /* in between; latency_s: mean; NAN: not told */
	const char *why;
};

const char *
canary_outcome_name(enum canary_outcome o)
{
	static const char *const names[] = { "good", "bad", "inconclusive", "error" };

	return (unsigned)o < COUNT(names) ? names[o] : "?";
}

static void PRINTF(2, 3) say(struct canary_verdict *v, const char *fmt, ...)
{
	const size_t at = strlen(v->text);
	va_list ap;

	va_start(ap, fmt);
	if (at > 0)
		(void)snprintf(v->text + at, sizeof v->text - at, "; ");
	(void)vsnprintf(v->text + strlen(v->text), sizeof v->text - strlen(v->text), fmt, ap);
	va_end(ap);
}

/* bad stays bad; what cannot be told outweighs what is good */
static void
worse(struct canary_verdict *v, enum canary_outcome o)
{
	if (v->outcome == CANARY_BAD || o == CANARY_GOOD)
		return;
	if (v->outcome == CANARY_ERROR && o == CANARY_INCONCLUSIVE)
		return;
	v->outcome = o;
}

static bool
is_number(double v)
{
	return isfinite(v) && v >= 0;
}

/* Whoever counts since the step began tells all by himself. An estimate may say a few errors more
 * than requests. */
static struct counted
as_told(const struct traffic *t)
{
	struct counted c = { .known = is_number(t->requests),
		             .requests = t->requests,
		             .errors = t->errors,
		             .latency_s = t->latency_s,
		             .why = t->why };

	if (is_number(c.errors) && c.errors > c.requests)
		c.errors = c.requests;
	return c;
}

static struct counted
between(const struct traffic *from, const struct traffic *to, bool *ret_anew)
{
	struct counted c = { .known = from->known && to->known,
		             .is_error = to->is_error,
		             .why = to->why };

	if (to->known && to->is_windowed)
		return as_told(to);
	if (!c.known) {
		*ret_anew = to->known;
		return c;
	}
	c.requests = to->requests - from->requests;
	c.errors = to->errors - from->errors;
	c.latency_s = to->latency_s - from->latency_s; /* NAN: nobody counts it */
	if (!is_number(c.requests) || !is_number(c.errors) ||
	    (!isnan(c.latency_s) && !is_number(c.latency_s)) || from->replicas != to->replicas ||
	    c.errors > c.requests) {
		*ret_anew = true;
		c.known = false;
	}
	if (c.known && c.requests > 0)
		c.latency_s /= c.requests;
	return c;
}

static bool
has_stable(const struct counted *stable, double wanted, struct canary_verdict *v)
{
	if (stable->known && stable->requests >= wanted)
		return true;
	if (!stable->known && stable->why && stable->why[0]) {
		say(v, "nothing to compare with: %s", stable->why);
		worse(v, stable->is_error ? CANARY_ERROR : CANARY_INCONCLUSIVE);
		return false;
	}
	if (stable->known)
		say(v, "nothing to compare with: the stable side has %.0f requests",
		    stable->requests);
	else
		say(v, "nothing to compare with: counting begins again");
	worse(v, CANARY_INCONCLUSIVE);
	return false;
}

/* value and most in the unit; what is larger than any is the largest. */
static void
reading(struct canary_verdict *v, const char *name, const char *unit, double value, double most,
        const struct counted *of)
{
	const double numbers[] = { value, most, of->requests };
	uint64_t whole[COUNT(numbers)];
	struct journal_reading *const r = &v->gates[v->gates_n];

	if (v->gates_n == JOURNAL_READINGS)
		return;
	for (size_t i = 0; i < COUNT(numbers); i++)
		whole[i] = numbers[i] < READING_MOST ? (uint64_t)llround(numbers[i]) : READING_MOST;
	*r = (struct journal_reading){ .value = whole[0], .limit = whole[1], .requests = whole[2] };
	(void)str_copy(r->name, sizeof r->name, name);
	(void)str_copy(r->unit, sizeof r->unit, unit);
	v->gates_n++;
}

/* Of either side; the stable one only where it is compared with. */
static bool
is_told(const char *what, double new, double old, struct canary_verdict *v)
{
	if (is_number(new) && is_number(old))
		return true;
	say(v, "the %s of %s cannot be told", what,
	    is_number(new) ? "the stable side" : "the newcomer");
	worse(v, CANARY_INCONCLUSIVE);
	return false;
}

static void
judge_errors(const struct canary_limit *l, const struct counted *new, const struct counted *old,
             double wanted, struct canary_verdict *v)
{
	const double share = new->errors / new->requests;
	double most = l->value;

	if (l->is_relative && !has_stable(old, wanted, v))
		return;
	if (!is_told("errors", new->errors, l->is_relative ? old->errors : 0, v))
		return;
	if (l->is_relative) {
		most += old->errors / old->requests;
	}
	say(v, "errors %.2f%% of %.0f (at most %.2f%%)", share * 100, new->requests, most * 100);
	reading(v, "errors", "ppm", share * 1e6, most * 1e6, new);
	worse(v, share > most ? CANARY_BAD : CANARY_GOOD);
}

static void
judge_latency(const struct canary_limit *l, const struct counted *new, const struct counted *old,
              double wanted, struct canary_verdict *v)
{
	double most = l->value;

	if (l->is_relative && !has_stable(old, wanted, v))
		return;
	if (!is_told("latency", new->latency_s, l->is_relative ? old->latency_s : 0, v))
		return;
	if (l->is_relative) {
		most *= old->latency_s;
	}
	say(v, "latency %.1f ms (at most %.1f ms)", new->latency_s * 1000, most * 1000);
	reading(v, "latency", "us", new->latency_s * 1e6, most * 1e6, new);
	worse(v, new->latency_s > most ? CANARY_BAD : CANARY_GOOD);
}

void
canary_judge(const struct canary_plan *c, const struct canary_sides *from,
             const struct canary_sides *to, struct canary_verdict *ret)
{
	const double wanted = (double)canary_requests_wanted(c);
	bool anew = false, old_anew = false;
	const struct counted new = between(&from->newcomer, &to->newcomer, &anew);
	const struct counted old = between(&from->stable, &to->stable, &old_anew);

	*ret = (struct canary_verdict){ .outcome = CANARY_GOOD };
	if (c->limits_n == 0)
		return;
	ret->begins_anew = anew || old_anew;
	if (!new.known) {
		ret->outcome = new.is_error ? CANARY_ERROR : CANARY_INCONCLUSIVE;
		if (anew)
			say(ret, "a replica came, went or began anew: counting begins again");
		else
			say(ret, "its requests cannot be counted%s%s",
			    to->newcomer.why[0] ? ": " : "", to->newcomer.why);
		return;
	}
	if (new.requests < wanted) {
		ret->outcome = CANARY_INCONCLUSIVE;
		say(ret, "%.0f of %.0f requests", new.requests, wanted);
		return;
	}
	for (size_t i = 0; i < c->limits_n; i++) {
		const struct canary_limit *const l = &c->limits[i];
		if (l->metric == CANARY_ERRORS)
			judge_errors(l, &new, &old, wanted, ret);
		else if (l->metric == CANARY_LATENCY)
			judge_latency(l, &new, &old, wanted, ret);
	}
	if (!ret->text[0])
		say(ret, "%.0f requests", new.requests);
}
