/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of a target that is a cluster, and names there. They are logged and shared, so nothing
 * in them may be a secret or a path of one person; what no driver knows is refused when the target
 * is added, not when the first version comes.
 */
#include "deploy/driver_cluster.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "deploy/prometheus.h"

#define BOTH (CLUSTER_KSERVE | CLUSTER_KUBERNETES)

enum value_kind { TEXT, NUMBER, TRUTH, MODE, CANARY, IMAGE, QUANTITY };

#define ROW(key, member, kind, drivers)                                       \
	{                                                                     \
		key, offsetof(struct cluster_settings, member), kind, drivers \
	}
static const struct {
	const char *key;
	size_t at;
	enum value_kind kind;
	unsigned drivers;
} rows[] = {
	ROW("args", args, TEXT, BOTH),
	ROW("canary", canary, CANARY, BOTH),
	ROW("cpu", cpu, QUANTITY, BOTH),
	ROW("format", format, TEXT, CLUSTER_KSERVE),
	ROW("gpus", gpus, NUMBER, BOTH),
	ROW("image", image, IMAGE, CLUSTER_KUBERNETES),
	ROW("limits", limits, TEXT, BOTH),
	ROW("loader", loader, IMAGE, CLUSTER_KUBERNETES),
	ROW("memory", memory, QUANTITY, BOTH),
	ROW("metrics-port", metrics_port, NUMBER, BOTH),
	ROW("mode", mode, MODE, CLUSTER_KSERVE),
	ROW("model-name", model_name, TEXT, BOTH),
	ROW("mount", mount, TEXT, CLUSTER_KUBERNETES),
	ROW("no-surge", no_surge, TRUTH, BOTH),
	ROW("plain-prometheus", plain_prometheus, TRUTH, BOTH),
	ROW("plain-store", plain_store, TRUTH, BOTH),
	ROW("port", port, NUMBER, BOTH),
	ROW("prometheus", prometheus, TEXT, BOTH),
	ROW("prometheus-errors", prometheus_errors, TEXT, BOTH),
	ROW("prometheus-latency", prometheus_latency, TEXT, BOTH),
	ROW("prometheus-requests", prometheus_requests, TEXT, BOTH),
	ROW("protocol", protocol, TEXT, BOTH),
	ROW("pull-secret", pull_secret, TEXT, BOTH),
	ROW("replicas", replicas, NUMBER, BOTH),
	ROW("route", route, TEXT, CLUSTER_KUBERNETES),
	ROW("runtime", runtime, TEXT, CLUSTER_KSERVE),
	ROW("service-account", service_account, TEXT, BOTH),
	ROW("steps", steps, TEXT, BOTH),
	ROW("store", store, TEXT, BOTH),
	ROW("store-endpoint", store_endpoint, TEXT, BOTH),
	ROW("store-path", store_path, TEXT, BOTH),
	ROW("store-region", store_region, TEXT, BOTH),
	ROW("store-secret", store_secret, TEXT, CLUSTER_KUBERNETES),
};
#undef ROW

static int
bad_value(const struct target *t, const char *key, const char *wanted, struct err *e)
{
	return err_set(e, ERR_USAGE, "target \"%s\": setting \"%s\" must be %s", t->name, key,
	               wanted);
}

/* A name can be given other bytes tomorrow; a digest cannot. */
static bool
is_by_digest(const char *image)
{
	const char *at = strstr(image, "@sha256:");
	struct digest d;

	return at && at > image && digest_parse(&d, at + 8, strlen(at + 8)) == 0;
}

static bool
is_quantity(const char *s)
{
	const size_t n = strspn(s, "0123456789.");
	static const char *const units[] = { "", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti" };

	if (n == 0 || s[0] == '.')
		return false;
	for (size_t i = 0; i < COUNT(units); i++) {
		if (streq(s + n, units[i]))
			return true;
	}
	return false;
}

static int
take_canary(const struct target *t, enum cluster_kind kind, const char *text,
            enum cluster_canary *ret, struct err *e)
{
	if (kind == CLUSTER_KUBERNETES) {
		*ret = streq(text, "httproute") ? CANARY_ROUTE : CANARY_REPLICAS;
		return streq(text, "replicas") || streq(text, "httproute")
		               ? 0
		               : bad_value(t, "canary", "\"replicas\" or \"httproute\"", e);
	}
	*ret = streq(text, "standard") ? CANARY_LIST : CANARY_KNATIVE;
	return streq(text, "standard") || streq(text, "knative")
	               ? 0
	               : bad_value(t, "canary", "\"standard\" or \"knative\"", e);
}

static int
take_text(const struct target *t, enum cluster_kind kind, size_t row, const char *text, void *to,
          struct err *e)
{
	switch (rows[row].kind) {
	case TEXT:
		*(const char **)to = text;
		return 0;
	case NUMBER:
		return parse_u64(text, 65535, to) < 0
		               ? bad_value(t, rows[row].key, "a number up to 65535", e)
		               : 0;
	case TRUTH:
		return bad_value(t, rows[row].key, "true or false", e);
	case IMAGE:
		if (!is_by_digest(text))
			return bad_value(t, rows[row].key, "an image by digest, NAME@sha256:HEX",
			                 e);
		*(const char **)to = text;
		return 0;
	case QUANTITY:
		if (!is_quantity(text))
			return bad_value(t, rows[row].key, "a quantity, as 500m, 2 or 4Gi", e);
		*(const char **)to = text;
		return 0;
	case MODE:
		if (!streq(text, "standard") && !streq(text, "knative"))
			return bad_value(t, "mode", "\"standard\" or \"knative\"", e);
		*(enum cluster_mode *)to =
		        streq(text, "knative") ? CLUSTER_KNATIVE : CLUSTER_STANDARD;
		return 0;
	case CANARY:
		return take_canary(t, kind, text, to, e);
	}
	return 0;
}

static int
take(const struct target *t, enum cluster_kind kind, const char *key, const json_t *v,
     struct cluster_settings *ret, struct err *e)
{
	if (has_prefix(key, "annotation.") && key[strlen("annotation.")])
		return 0;
	for (size_t i = 0; i < COUNT(rows); i++) {
		void *to = (char *)ret + rows[i].at;

		if (!streq(rows[i].key, key) || !(rows[i].drivers & kind))
			continue;
		if (rows[i].kind == TRUTH && json_is_boolean(v)) {
			*(bool *)to = json_is_true(v);
			return 0;
		}
		if (!json_is_string(v) || json_string_value(v)[0] == '\0')
			return bad_value(t, key, "a text", e);
		return take_text(t, kind, i, json_string_value(v), to, e);
	}
	return err_set(e, ERR_USAGE, "target \"%s\": driver \"%s\" has no setting \"%s\"", t->name,
	               t->driver, key);
}

/* Address and three queries: half of it judges nothing. */
static int
check_prometheus(const struct target *t, const struct cluster_settings *s, struct err *e)
{
	const char *const queries[] = { s->prometheus_requests, s->prometheus_errors,
		                        s->prometheus_latency };
	const struct prometheus_names none = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < COUNT(queries); i++) {
		cleanup_buf struct buf ignored = { 0 };

		n += queries[i] != NULL;
		if (queries[i] && prometheus_query(queries[i], &none, &ignored, e) < 0)
			return err_prefix(e, "target \"%s\"", t->name);
	}
	if (!s->prometheus && n == 0)
		return 0;
	if (!s->prometheus || n != COUNT(queries))
		return err_set(e, ERR_USAGE,
		               "target \"%s\": the settings \"prometheus\", "
		               "\"prometheus-requests\", \"prometheus-errors\" and "
		               "\"prometheus-latency\" go together",
		               t->name);
	if (!has_prefix(s->prometheus, "https://") && !has_prefix(s->prometheus, "http://"))
		return bad_value(t, "prometheus", "an address, http:// or https://", e);
	return 0;
}

/* Naming it says that its weights are ours to set. */
static int
check_route(const struct target *t, const struct cluster_settings *s, struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";

	if (!s->route && s->canary != CANARY_ROUTE)
		return 0;
	if (!s->route) {
		err_set(e, ERR_USAGE,
		        "target \"%s\": canary \"httproute\" needs the setting \"route\"", t->name);
		return err_hint(e, "the HTTPRoute of its namespace whose weights are ours to set: "
		                   "--set route=NAME");
	}
	if (s->canary != CANARY_ROUTE)
		return err_set(e, ERR_USAGE,
		               "target \"%s\": the setting \"route\" needs canary=httproute",
		               t->name);
	if (strlen(s->route) > 253 || strspn(s->route, letters) != strlen(s->route) ||
	    strchr("-.", s->route[0]))
		return bad_value(t, "route", "the name of an HTTPRoute in its namespace", e);
	return 0;
}

static int
check(const struct target *t, enum cluster_kind kind, const struct cluster_settings *s,
      struct err *e)
{
	if (!s->store) {
		err_set(e, ERR_USAGE, "target \"%s\" needs the setting \"store\"", t->name);
		return err_hint(e, "where its servers read bytes: --set store=oci://HOST/PATH, "
		                   "s3://BUCKET/PREFIX or pvc://CLAIM/PATH with store-path");
	}
	if (kind == CLUSTER_KUBERNETES && !s->image)
		return err_set(e, ERR_USAGE,
		               "target \"%s\" needs the setting \"image\": the server, by digest",
		               t->name);
	if (kind == CLUSTER_KUBERNETES && has_prefix(s->store, "s3://") && !s->loader)
		return err_set(e, ERR_USAGE,
		               "target \"%s\": a store of s3:// needs the setting \"loader\": an "
		               "image by digest that is run with the source and a folder",
		               t->name);
	if (kind == CLUSTER_KSERVE && !s->runtime) {
		err_set(e, ERR_USAGE, "target \"%s\" needs the setting \"runtime\"", t->name);
		return err_hint(e,
		                "without one KServe chooses, and chooses otherwise when somebody "
		                "adds a runtime");
	}
	if (!streq(s->protocol, "v2") && !streq(s->protocol, "v1"))
		return bad_value(t, "protocol", "\"v2\" or \"v1\"", e);
	/* Standard mode takes the field and ignores it */
	if (s->canary == CANARY_KNATIVE && s->mode != CLUSTER_KNATIVE)
		return err_set(e, ERR_USAGE,
		               "target \"%s\": canary \"knative\" needs mode \"knative\"", t->name);
	if (s->canary == CANARY_LIST && s->mode == CLUSTER_KNATIVE)
		return err_set(e, ERR_USAGE,
		               "target \"%s\": canary \"standard\" needs mode \"standard\"",
		               t->name);
	return check_route(t, s, e) < 0 ? -ERR_USAGE : check_prometheus(t, s, e);
}

int
cluster_settings(const struct target *t, enum cluster_kind kind, struct cluster_settings *ret,
                 struct err *e)
{
	const char *key;
	json_t *v;
	int rc;

	*ret = (struct cluster_settings){
		.protocol = "v2",
		.port = 8080,
		.mount = "/mnt/models",
		.all = t->settings,
	};
	json_object_foreach((json_t *)(uintptr_t)t->settings, key, v)
	{
		rc = take(t, kind, key, v, ret, e);
		if (rc < 0)
			return rc;
	}
	return check(t, kind, ret, e);
}

const char *
cluster_namespace(const struct target *t)
{
	return t->ns ? t->ns : "default";
}

/* RFC 1035 label, as services and InferenceServices want it. */
static bool
is_name(const char *s)
{
	const size_t n = strlen(s);

	return n > 0 && n <= CLUSTER_NAME_MAX &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && s[0] >= 'a' &&
	       s[n - 1] != '-';
}

int
cluster_name(const struct target *t, const char *model, char ret[CLUSTER_NAME_MAX + 1],
             struct err *e)
{
	cleanup_buf struct buf name = { 0 };

	if (t->object) {
		if (is_name(t->object))
			return str_copy(ret, CLUSTER_NAME_MAX + 1, t->object);
		return err_set(e, ERR_USAGE,
		               "target \"%s\": \"%s\" cannot be the name of an object", t->name,
		               t->object);
	}
	for (const char *p = model; *p; p++)
		buf_addc(&name, strchr("/._", *p) ? '-' : *p);
	if (is_name(buf_cstr(&name)))
		return str_copy(ret, CLUSTER_NAME_MAX + 1, buf_cstr(&name));
	err_set(e, ERR_USAGE, "model \"%s\" cannot be the name of an object", model);
	return err_hint(e,
	                "a letter, then letters, digits and -, at most %d: name it with "
	                "`target add --object`",
	                CLUSTER_NAME_MAX);
}
