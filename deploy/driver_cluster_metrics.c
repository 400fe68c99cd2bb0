/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server says of its requests in the Prometheus text form: how many, how many failed, how
 * long they took. The first family of names that is there counts, so that none is counted twice; a
 * number that is none makes the answer worthless. Pure.
 */
#include <math.h>
#include <string.h>

#include "deploy/driver_cluster.h"

struct family {
	const char *ok, *failed; /* counters; failed NULL: all is in ok, failed by its code */
	const char *duration;    /* sum */
	double seconds;          /* of one unit of it */
};
static const struct family families[] = {
	/* Triton */
	{ "nv_inference_request_success", "nv_inference_request_failure",
	  "nv_inference_request_duration_us", 1e-6 },
	/* MLServer; its library gives counters and sums their endings */
	{ "model_infer_request_success_total", "model_infer_request_failure_total",
	  "model_infer_request_duration_sum", 1 },
	{ "model_infer_request_success", "model_infer_request_failure", NULL, 0 },
	/* what servers without a name of their own use */
	{ "inference_requests_total", NULL, "inference_request_duration_seconds_sum", 1 },
};

/* name{labels} value; what is no sample has no name. */
struct sample {
	struct str name, labels;
	double value;
};

static bool
parse_line(struct str line, struct sample *ret)
{
	size_t n = 0, end;
	char number[64];
	struct str rest;

	*ret = (struct sample){ 0 };
	while (n < line.n && line.p[n] != '{' && line.p[n] != ' ')
		n++;
	if (n == 0 || line.p[0] == '#')
		return false;
	ret->name = (struct str){ line.p, n };
	end = n;
	if (end < line.n && line.p[end] == '{') {
		const char *close = memrchr(line.p, '}', line.n);

		if (!close || close < line.p + n)
			return false;
		ret->labels = (struct str){ line.p + n + 1, (size_t)(close - line.p) - n - 1 };
		end = (size_t)(close - line.p) + 1;
	}
	while (end < line.n && line.p[end] == ' ')
		end++;
	rest = (struct str){ line.p + end, line.n - end };
	n = 0; /* a time stamp may follow */
	while (n < rest.n && rest.p[n] != ' ' && rest.p[n] != '\r')
		n++;
	if (n == 0 || n >= sizeof number)
		return false;
	memcpy(number, rest.p, n);
	number[n] = '\0';
	if (parse_double(number, &ret->value) < 0)
		ret->value = NAN;
	return true;
}

static bool
has_label(struct str labels, const char *key, char *ret, size_t size)
{
	cleanup_free char *wanted = xasprintf("%s=\"", key);
	const char *p = labels.n ? memmem(labels.p, labels.n, wanted, strlen(wanted)) : NULL;
	const char *end;
	size_t n;

	if (!p || (p > labels.p && p[-1] != ','))
		return false;
	p += strlen(wanted);
	end = memchr(p, '"', labels.n - (size_t)(p - labels.p));
	n = end ? (size_t)(end - p) : size;
	if (n >= size)
		return false;
	memcpy(ret, p, n);
	ret[n] = '\0';
	return true;
}

/* Of another model in the same server: none of ours. */
static bool
is_of_model(struct str labels, const char *model)
{
	char name[256];

	if (!has_label(labels, "model", name, sizeof name) &&
	    !has_label(labels, "model_name", name, sizeof name))
		return true;
	return streq(name, model);
}

struct found {
	bool requests, latency;
};

static void
take(const struct family *f, const struct sample *s, struct traffic *t, struct found *found)
{
	char code[16];

	if (str_is(s->name, f->ok)) {
		found->requests = true;
		t->requests += s->value;
		if (!f->failed && has_label(s->labels, "code", code, sizeof code) && code[0] == '5')
			t->errors += s->value;
	} else if (f->failed && str_is(s->name, f->failed)) {
		t->requests += s->value;
		t->errors += s->value;
	} else if (f->duration && str_is(s->name, f->duration)) {
		found->latency = true;
		t->latency_s += s->value * f->seconds;
	}
}

static struct found
read_family(const struct family *f, struct str text, const char *model, struct traffic *ret)
{
	struct found found = { 0 };

	while (text.n > 0) {
		const char *lf = memchr(text.p, '\n', text.n);
		const size_t n = lf ? (size_t)(lf - text.p) : text.n;
		struct sample s;

		if (parse_line((struct str){ text.p, n }, &s) && is_of_model(s.labels, model))
			take(f, &s, ret, &found);
		text.p += n + (lf ? 1 : 0);
		text.n -= n + (lf ? 1 : 0);
	}
	return found;
}

bool
cluster_metrics(struct str text, const char *model, struct traffic *sum)
{
	for (size_t i = 0; i < COUNT(families); i++) {
		struct traffic one = { 0 };
		const struct found found = read_family(&families[i], text, model, &one);

		if (!found.requests)
			continue;
		if (!isfinite(one.requests) || !isfinite(one.errors) || !isfinite(one.latency_s) ||
		    one.requests < 0 || one.errors < 0 || one.latency_s < 0)
			return false;
		sum->requests += one.requests;
		sum->errors += one.errors;
		/* a time that nobody counts is not no time at all */
		sum->latency_s += found.latency ? one.latency_s : (double)NAN;
		sum->replicas++;
		return true;
	}
	return false;
}
