/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden requests: read one, write it as a V2 request, compare a V2 reply with what it expects.
 * Data is walked in row-major order whatever its nesting, so both forms agree. Pure functions over
 * bytes; nothing here knows who sends them.
 */
#include "deploy/smoke.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/json.h"

#define TOLERANCE 1e-5
#define NEST_MAX  16

struct golden {
	json_t *request; /* object: inputs, perhaps parameters */
	json_t *outputs; /* array of objects, checked */
	uint64_t latency_ms; /* 0: any */
};

static int
check_members(const json_t *o, const char *const *known, const char *where, struct err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (!known[i])
			return err_set(e, ERR_MALFORMED, "golden request: unknown member \"%s%s\"",
			               where, key);
	}
	return 0;
}

static int
check_shape(const json_t *t, const char *where, struct err *e)
{
	const json_t *shape = json_object_get(t, "shape");

	if (!json_is_array(shape))
		return err_set(e, ERR_MALFORMED, "golden request: \"%s.shape\" is no array", where);
	for (size_t i = 0; i < json_array_size(shape); i++) {
		const json_t *d = json_array_get(shape, i);

		if (!json_is_integer(d) || json_integer_value(d) < 0)
			return err_set(e, ERR_MALFORMED,
			               "golden request: \"%s.shape\" holds no size", where);
	}
	return 0;
}

static int
check_input(const json_t *t, struct err *e)
{
	static const char *const known[] = { "name", "shape", "datatype", "data", "parameters",
	                                     NULL };
	static const char where[] = "request.inputs";
	const char *text;
	json_t *data;
	int rc;

	if (!json_is_object(t))
		return err_set(e, ERR_MALFORMED, "golden request: \"%s\" holds no object", where);
	rc = check_members(t, known, "request.inputs.", e);
	if (rc < 0)
		return rc;
	rc = json_get_string(t, "name", "golden request input", &text, e);
	if (rc < 0)
		return rc;
	rc = json_get_string(t, "datatype", "golden request input", &text, e);
	if (rc < 0)
		return rc;
	rc = check_shape(t, where, e);
	if (rc < 0)
		return rc;
	return json_get_array(t, "data", "golden request input", &data, e);
}

static int
check_output(const json_t *t, struct err *e)
{
	static const char *const known[] = { "name", "shape", "datatype", "data", "tolerance",
	                                     NULL };
	const json_t *tolerance;
	const char *text;
	json_t *data;
	int rc;

	if (!json_is_object(t))
		return err_set(e, ERR_MALFORMED,
		               "golden request: \"expect.outputs\" holds no object");
	rc = check_members(t, known, "expect.outputs.", e);
	if (rc < 0)
		return rc;
	rc = json_get_string(t, "name", "golden request output", &text, e);
	if (rc < 0)
		return rc;
	if (json_object_get(t, "datatype")) {
		rc = json_get_string(t, "datatype", "golden request output", &text, e);
		if (rc < 0)
			return rc;
	}
	if (json_object_get(t, "shape")) {
		rc = check_shape(t, "expect.outputs", e);
		if (rc < 0)
			return rc;
	}
	if (json_object_get(t, "data")) {
		rc = json_get_array(t, "data", "golden request output", &data, e);
		if (rc < 0)
			return rc;
	}
	tolerance = json_object_get(t, "tolerance");
	if (tolerance && !(json_is_number(tolerance) && json_number_value(tolerance) >= 0))
		return err_set(e, ERR_MALFORMED,
		               "golden request: \"expect.outputs.tolerance\" is no number from 0");
	return 0;
}

static int
check_list(const json_t *o, const char *key, int (*check)(const json_t *, struct err *),
           json_t **ret,
           struct err *e)
{
	int rc;

	rc = json_get_array(o, key, "golden request", ret, e);
	if (rc < 0)
		return rc;
	if (json_array_size(*ret) == 0)
		return err_set(e, ERR_MALFORMED, "golden request: \"%s\" is empty", key);
	for (size_t i = 0; i < json_array_size(*ret); i++) {
		rc = check(json_array_get(*ret, i), e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* apiVersion, kind, protocol, latencyMs */
static int
check_head(const json_t *j, uint64_t *ret_latency_ms, struct err *e)
{
	static const char *const known[] = { "apiVersion", "kind", "protocol", "request", "expect",
		                             "latencyMs", NULL };
	static const struct {
		const char *key, *value;
	} fixed[] = { { "apiVersion", "slipway/v1" }, { "kind", "Smoke" }, { "protocol", "v2" } };
	const char *text;
	int rc;

	if (!json_is_object(j))
		return err_set(e, ERR_MALFORMED, "golden request: no JSON object");
	rc = check_members(j, known, "", e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < COUNT(fixed); i++) {
		rc = json_get_string(j, fixed[i].key, "golden request", &text, e);
		if (rc < 0)
			return rc;
		if (!streq(text, fixed[i].value))
			return err_set(e, ERR_MALFORMED,
			               "golden request: \"%s\" is \"%s\", not \"%s\"",
			               fixed[i].key, text, fixed[i].value);
	}
	if (!json_object_get(j, "latencyMs"))
		return 0;
	rc = json_get_u64(j, "latencyMs", "golden request", ret_latency_ms, e);
	if (rc < 0)
		return rc;
	if (*ret_latency_ms == 0)
		return err_set(e, ERR_MALFORMED, "golden request: \"latencyMs\" is 0");
	return 0;
}

int
golden_parse(struct str text, struct golden **ret, struct err *e)
{
	static const char *const in_request[] = { "inputs", "parameters", NULL };
	static const char *const in_expect[] = { "outputs", NULL };
	cleanup_json json_t *j = NULL;
	json_t *request, *expect, *inputs, *outputs;
	uint64_t latency_ms = 0;
	struct golden *g;
	int rc;

	if (text.n > SMOKE_MAX)
		return err_set(e, ERR_TOO_BIG, "golden request: larger than %u bytes", SMOKE_MAX);
	rc = json_parse(text, "golden request", &j, e);
	if (rc < 0)
		return rc;
	rc = check_head(j, &latency_ms, e);
	if (rc < 0)
		return rc;
	rc = json_get_object(j, "request", "golden request", &request, e);
	if (rc < 0)
		return rc;
	rc = json_get_object(j, "expect", "golden request", &expect, e);
	if (rc < 0)
		return rc;
	rc = check_members(request, in_request, "request.", e);
	if (rc < 0)
		return rc;
	rc = check_members(expect, in_expect, "expect.", e);
	if (rc < 0)
		return rc;
	rc = check_list(request, "inputs", check_input, &inputs, e);
	if (rc < 0)
		return rc;
	rc = check_list(expect, "outputs", check_output, &outputs, e);
	if (rc < 0)
		return rc;

	g = xcalloc(1, sizeof(*g));
	g->request = json_incref(request);
	g->outputs = json_incref(outputs);
	g->latency_ms = latency_ms;
	*ret = g;
	return 0;
}

void
golden_free(struct golden *g)
{
	if (!g)
		return;
	json_decref(g->request);
	json_decref(g->outputs);
	free(g);
}

const char *
golden_protocol(const struct golden *g)
{
	(void)g; /* parsing accepts this one only */
	return "v2";
}

void
golden_request_v2(const struct golden *g, const char *id, struct buf *ret)
{
	cleanup_json json_t *j = json_copy(g->request); /* members shared */
	json_t *asked = json_array();

	for (size_t i = 0; i < json_array_size(g->outputs); i++) {
		const char *name = json_opt_string(json_array_get(g->outputs, i), "name");
		json_t *o = json_object();
		json_t *how = json_object();

		/* Triton answers in its binary form where the output's parameters do not say no */
		(void)json_object_set_new(how, "binary_data", json_false());
		(void)json_object_set_new(o, "name", json_string(name));
		(void)json_object_set_new(o, "parameters", how);
		(void)json_array_append_new(asked, o);
	}
	(void)json_object_set_new(j, "outputs", asked);
	(void)json_object_set_new(j, "id", json_string(id));
	json_canonical(j, ret);
}

/* Row-major walk over nested arrays. */
struct walk {
	struct {
		const json_t *a;
		size_t i;
	} at[NEST_MAX];
	size_t depth;
	bool is_too_deep;
};

static const json_t *
walk_next(struct walk *w)
{
	while (w->depth > 0) {
		const json_t *v = json_array_get(w->at[w->depth - 1].a, w->at[w->depth - 1].i++);

		if (!v) {
			w->depth--;
		} else if (!json_is_array(v)) {
			return v;
		} else if (w->depth == NEST_MAX) {
			w->is_too_deep = true;
			return NULL;
		} else {
			w->at[w->depth].a = v;
			w->at[w->depth++].i = 0;
		}
	}
	return NULL;
}

static size_t
walk_count(const json_t *array)
{
	struct walk w = { .at = { { array, 0 } }, .depth = 1 };
	size_t n = 0;

	while (walk_next(&w))
		n++;
	return w.is_too_deep ? SIZE_MAX : n;
}

static bool
same_value(const json_t *want, const json_t *got, double tolerance)
{
	if (json_is_integer(want) && json_is_integer(got)) {
		const json_int_t a = json_integer_value(want);
		const json_int_t b = json_integer_value(got);
		/* 64 bits do not fit a double; the difference of two may not fit 64 bits */
		const uint64_t apart = a > b ? (uint64_t)a - (uint64_t)b
		                             : (uint64_t)b - (uint64_t)a;

		return (double)apart <= tolerance;
	}
	if (json_is_number(want) && json_is_number(got))
		return fabs(json_number_value(want) - json_number_value(got)) <= tolerance;
	return json_equal(want, got) == 1;
}

static void
value_text(const json_t *v, char *ret, size_t size)
{
	char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));

	(void)snprintf(ret, size, "%s", s ? s : "?");
	free(s);
}

static int
compare_data(const char *name, const json_t *want, const json_t *got, double tolerance,
             struct err *e)
{
	struct walk a = { .at = { { want, 0 } }, .depth = 1 };
	struct walk b = { .at = { { got, 0 } }, .depth = 1 };
	char want_text[64], got_text[64];

	if (!json_is_array(got))
		return err_set(e, ERR_MALFORMED, "output \"%s\" has no \"data\" array", name);
	if (walk_count(got) != walk_count(want) || walk_count(want) == SIZE_MAX)
		return err_set(e, ERR_ROLLOUT_FAILED, "output \"%s\" has %zu values, not %zu", name,
		               walk_count(got), walk_count(want));
	for (size_t i = 0; ; i++) {
		const json_t *x = walk_next(&a);
		const json_t *y = walk_next(&b);

		if (!x || !y)
			return 0;
		if (same_value(x, y, tolerance))
			continue;
		value_text(x, want_text, sizeof(want_text));
		value_text(y, got_text, sizeof(got_text));
		return err_set(e, ERR_ROLLOUT_FAILED, "output \"%s\"[%zu] is %s, not %s within %g",
		               name, i,
		               got_text, want_text, tolerance);
	}
}

static const json_t *
find_output(const json_t *outputs, const char *name)
{
	for (size_t i = 0; i < json_array_size(outputs); i++) {
		const json_t *o = json_array_get(outputs, i);
		const char *n = json_opt_string(o, "name");

		if (n && streq(n, name))
			return o;
	}
	return NULL;
}

static double
tolerance_of(const json_t *want)
{
	const json_t *t = json_object_get(want, "tolerance");

	return t ? json_number_value(t) : TOLERANCE;
}

static int
compare_output(const json_t *want, const json_t *outputs, struct err *e)
{
	const char *name = json_opt_string(want, "name");
	const char *type = json_opt_string(want, "datatype");
	const json_t *got = find_output(outputs, name);
	const json_t *shape = json_object_get(want, "shape");
	const json_t *data = json_object_get(want, "data");
	const char *got_type;
	char text[64];

	if (!got)
		return err_set(e, ERR_ROLLOUT_FAILED, "no output \"%s\" in the reply", name);
	got_type = json_opt_string(got, "datatype");
	if (type && !(got_type && streq(type, got_type)))
		return err_set(e, ERR_ROLLOUT_FAILED, "output \"%s\" is %s, not %s", name,
		               got_type ? got_type : "of no type", type);
	if (shape && json_equal(shape, json_object_get(got, "shape")) != 1) {
		value_text(shape, text, sizeof(text));
		return err_set(e, ERR_ROLLOUT_FAILED, "output \"%s\" has another shape than %s",
		               name, text);
	}
	if (!data)
		return 0;
	return compare_data(name, data, json_object_get(got, "data"), tolerance_of(want), e);
}

static int
check_version(const json_t *reply, uint64_t number, struct err *e)
{
	const char *version = json_opt_string(reply, "model_version");
	uint64_t got;

	if (number == 0)
		return 0;
	if (!version || version[0] == '\0')
		return err_set(e, ERR_ROLLOUT_FAILED,
		               "the reply does not say which version answered");
	if (parse_u64(version, UINT64_MAX, &got) < 0 || got != number)
		return err_set(e, ERR_ROLLOUT_FAILED, "version \"%s\" answered, not %llu", version,
		               (unsigned long long)number);
	return 0;
}

int
golden_check_v2(const struct golden *g, struct str reply, uint64_t number, uint64_t elapsed_ms,
                char *detail, size_t detail_size, struct err *e)
{
	cleanup_json json_t *j = NULL;
	const size_t n = json_array_size(g->outputs);
	const char *version;
	json_t *outputs;
	double loosest = 0;
	int rc;

	rc = json_parse(reply, "the reply", &j, e);
	if (rc < 0)
		return rc;
	rc = json_get_array(j, "outputs", "the reply", &outputs, e);
	if (rc < 0)
		return rc;
	rc = check_version(j, number, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		const json_t *want = json_array_get(g->outputs, i);

		rc = compare_output(want, outputs, e);
		if (rc < 0) {
			(void)snprintf(detail, detail_size, "answered by the wanted version");
			return rc;
		}
		loosest = fmax(loosest, tolerance_of(want));
	}
	if (g->latency_ms > 0 && elapsed_ms > g->latency_ms)
		return err_set(e, ERR_ROLLOUT_FAILED,
		               "answered rightly but in %llu ms, not within %llu",
		               (unsigned long long)elapsed_ms, (unsigned long long)g->latency_ms);
	version = json_opt_string(j, "model_version");
	(void)snprintf(detail, detail_size,
	               "answered by version %s in %llu ms, %zu of %zu output%s within %g",
	               version ? version : "?", (unsigned long long)elapsed_ms, n, n,
	               n == 1 ? "" : "s",
	               loosest);
	return 0;
}
