/* SPDX-License-Identifier: Apache-2.0 */
/* Steps and limits of a canary: reading what a person wrote, and the one form that plans keep. */
#include "registry/canary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/str.h"

static int
step_parse(struct str s, struct canary_plan *ret, struct err *e)
{
	cleanup_free char *text = xstrndup(s.p, s.n);
	char *const colon = strchr(text, ':');
	char *const sign = strchr(text, '%');
	struct canary_step one;
	uint64_t percent, ms = 0;

	if (!sign || !colon || sign + 1 != colon ||
	    parse_u64_n(text, (size_t)(sign - text), 99, &percent) < 0 || percent == 0 ||
	    parse_duration_ms(colon + 1, &ms) < 0 || ms % 1000 != 0 ||
	    ms / 1000 > CANARY_HOLD_MAX_S) {
		err_set(e, ERR_USAGE, "\"%s\" is no step of a canary", text);
		return err_hint(e, "a step is PERCENT%%:DURATION, 1 to 99 and at most 7 days: "
		                   "--steps 10%%:5m,50%%:15m");
	}
	one = (struct canary_step){ (unsigned)percent, ms / 1000 };
	if (ret->steps_n == CANARY_STEPS_MAX)
		return err_set(e, ERR_USAGE, "a canary has at most %d steps", CANARY_STEPS_MAX);
	if (ret->steps_n > 0 && ret->steps[ret->steps_n - 1].percent >= one.percent)
		return err_set(e, ERR_USAGE, "the steps of a canary rise: %u%% comes after %u%%",
		               one.percent, ret->steps[ret->steps_n - 1].percent);
	ret->steps[ret->steps_n++] = one;
	return 0;
}

int
canary_steps_parse(const char *text, struct canary_plan *ret, struct err *e)
{
	int rc = 0;

	ret->steps_n = 0;
	while (rc == 0) {
		const size_t n = strcspn(text, ",");

		rc = step_parse((struct str){ text, n }, ret, e);
		if (text[n] == '\0')
			return rc;
		text += n + 1;
	}
	return rc;
}

static void
duration_text(uint64_t s, char ret[24])
{
	if (s > 0 && s % 3600 == 0)
		(void)snprintf(ret, 24, "%" PRIu64 "h", s / 3600);
	else if (s > 0 && s % 60 == 0)
		(void)snprintf(ret, 24, "%" PRIu64 "m", s / 60);
	else
		(void)snprintf(ret, 24, "%" PRIu64 "s", s);
}

void
canary_steps_text(const struct canary_plan *c, struct buf *ret)
{
	char hold[24];

	for (size_t i = 0; i < c->steps_n; i++) {
		duration_text(c->steps[i].hold_s, hold);
		buf_addf(ret, "%s%u%%:%s", i > 0 ? "," : "", c->steps[i].percent, hold);
	}
}

/* --- limits --- */

/* A number of plain digits: no sign, no exponent, at most six of each side. */
static const char *
number(const char *s, double *ret)
{
	const size_t whole = strspn(s, "0123456789");
	const size_t part = s[whole] == '.' ? strspn(s + whole + 1, "0123456789") : 0;
	const size_t n = whole + (part > 0 ? 1 + part : 0);
	double unit = 1;

	if (whole == 0 || whole > 6 || part > 6 || (s[whole] == '.' && part == 0))
		return NULL;
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '.')
			continue;
		*ret = *ret * 10 + (s[i] - '0');
		unit *= i > whole ? 10 : 1;
	}
	*ret /= unit;
	return s + n;
}

static bool
is_over(const char *s)
{
	return s && *s == '\0';
}

static bool
errors_parse(const char *s, struct canary_limit *ret)
{
	static const char stable[] = "stable + ";

	ret->metric = CANARY_ERRORS;
	ret->is_relative = has_prefix(s, stable);
	if (ret->is_relative)
		s += sizeof stable - 1;
	return is_over(number(s, &ret->value)) && ret->value <= 1;
}

static bool
latency_parse(const char *s, struct canary_limit *ret)
{
	const char *const unit = number(s, &ret->value);

	ret->metric = CANARY_LATENCY;
	if (!unit || ret->value <= 0)
		return false;
	ret->is_relative = streq(unit, "x");
	if (streq(unit, "ms"))
		ret->value /= 1000;
	return ret->is_relative || streq(unit, "ms") || streq(unit, "s");
}

static bool
requests_parse(const char *s, struct canary_limit *ret)
{
	ret->metric = CANARY_REQUESTS;
	return is_over(number(s, &ret->value)) && ret->value >= 1 && !strchr(s, '.');
}

int
canary_limit_add(const char *text, struct canary_plan *c, struct err *e)
{
	static const struct {
		const char *start;
		bool (*parse)(const char *s, struct canary_limit *ret);
	} metrics[] = {
		{ "errors <= ", errors_parse },
		{ "latency <= ", latency_parse },
		{ "requests >= ", requests_parse },
	};
	struct canary_limit one = { 0 };

	for (size_t i = 0; i < COUNT(metrics); i++) {
		if (!has_prefix(text, metrics[i].start) ||
		    !metrics[i].parse(text + strlen(metrics[i].start), &one) ||
		    str_copy(one.text, sizeof one.text, text) < 0)
			continue;
		for (size_t k = 0; k < c->limits_n; k++) {
			if (c->limits[k].metric == one.metric)
				return err_set(e, ERR_USAGE, "\"%s\" and \"%s\" limit the same",
				               c->limits[k].text, text);
		}
		c->limits[c->limits_n++] = one; /* one a metric: there is room */
		return 0;
	}
	err_set(e, ERR_USAGE, "\"%s\" is no limit of a canary", text);
	return err_hint(e, "\"errors <= 0.01\", \"errors <= stable + 0.01\", \"latency <= 250ms\", "
	                   "\"latency <= 1.2x\" or \"requests >= 50\"");
}

int
canary_limits_parse(const char *text, struct canary_plan *c, struct err *e)
{
	int rc = 0;

	c->limits_n = 0;
	if (streq(text, "none"))
		return 0;
	for (;;) {
		const size_t n = strcspn(text, ";"), blank = strspn(text, " ");
		size_t end = n;

		while (end > blank && text[end - 1] == ' ')
			end--;
		cleanup_free char *limit =
		        xstrndup(text + (blank < end ? blank : end), end > blank ? end - blank : 0);
		rc = canary_limit_add(limit, c, e);
		if (rc < 0 || text[n] == '\0')
			return rc;
		text += n + 1;
	}
}

void
canary_limits_default(struct canary_plan *c)
{
	static const char *const texts[] = { "errors <= stable + 0.01", "latency <= 1.5x",
		                             "requests >= 20" };
	struct err never = { 0 };

	c->limits_n = 0;
	for (size_t i = 0; i < COUNT(texts); i++)
		(void)canary_limit_add(texts[i], c, &never);
}

uint64_t
canary_requests_wanted(const struct canary_plan *c)
{
	for (size_t i = 0; i < c->limits_n; i++) {
		if (c->limits[i].metric == CANARY_REQUESTS)
			return (uint64_t)c->limits[i].value;
	}
	return 1;
}

/* --- kept in plans --- */

json_t *
canary_json(const struct canary_plan *c)
{
	json_t *const o = json_object(), *const steps = json_array(), *const limits = json_array();

	for (size_t i = 0; i < c->steps_n; i++) {
		json_t *const one = json_object();
		json_object_set_new(one, "percent", json_integer(c->steps[i].percent));
		json_object_set_new(one, "hold_s", json_integer((json_int_t)c->steps[i].hold_s));
		json_array_append_new(steps, one);
	}
	for (size_t i = 0; i < c->limits_n; i++)
		json_array_append_new(limits, json_string(c->limits[i].text));
	json_object_set_new(o, "steps", steps);
	json_object_set_new(o, "limits", limits);
	return o;
}

static int
step_read(const json_t *o, struct canary_plan *ret, struct err *e)
{
	uint64_t percent, hold_s;
	int rc = json_get_u64(o, "percent", "canary", &percent, e);

	if (rc == 0)
		rc = json_get_u64(o, "hold_s", "canary", &hold_s, e);
	if (rc < 0)
		return rc;
	if (percent == 0 || percent > 99 || hold_s > CANARY_HOLD_MAX_S ||
	    ret->steps_n == CANARY_STEPS_MAX ||
	    (ret->steps_n > 0 && ret->steps[ret->steps_n - 1].percent >= percent))
		return err_set(e, ERR_MALFORMED, "canary: no such step");
	ret->steps[ret->steps_n++] = (struct canary_step){ (unsigned)percent, hold_s };
	return 0;
}

int
canary_read(const json_t *o, struct canary_plan *ret, struct err *e)
{
	json_t *steps, *limits, *one;
	size_t i;
	int rc = json_get_array(o, "steps", "canary", &steps, e);

	*ret = (struct canary_plan){ 0 };
	if (rc == 0)
		rc = json_get_array(o, "limits", "canary", &limits, e);
	if (rc < 0)
		return rc;
	json_array_foreach(steps, i, one)
	{
		rc = rc < 0 ? rc : step_read(one, ret, e);
	}
	json_array_foreach(limits, i, one)
	{
		if (rc == 0 && (!json_is_string(one) ||
		                canary_limit_add(json_string_value(one), ret, e) < 0)) {
			err_clear(e);
			rc = err_set(e, ERR_MALFORMED, "canary: no such limit");
		}
	}
	if (rc == 0 && ret->steps_n == 0)
		rc = err_set(e, ERR_MALFORMED, "canary: it has no step");
	return rc;
}
