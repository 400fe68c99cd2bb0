/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all drivers share: the table of them, the names of layers and states, lists of findings. A
 * new driver is one file and one line in the table below; nothing here knows what a target looks
 * like.
 */
#include "deploy/driver.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/vec.h"

extern const struct deploy_driver driver_directory;
extern const struct deploy_driver driver_kserve;
extern const struct deploy_driver driver_kubernetes;
extern const struct deploy_driver driver_manifest;
extern const struct deploy_driver driver_modelrepo;
#ifdef SLIPWAY_TESTING
extern const struct deploy_driver driver_mock;
#endif

const struct deploy_driver *const deploy_drivers[] = {
	&driver_directory,
	&driver_kserve,
	&driver_kubernetes,
	&driver_manifest,
	&driver_modelrepo,
#ifdef SLIPWAY_TESTING
	&driver_mock,
#endif
	NULL,
};

static const char *const proof_names[] = {
#define X(name, text) [PROOF_##name] = text,
	PROOF_LAYERS(X)
#undef X
};

static const char *const status_names[] = {
	[ROLLOUT_PROGRESSING] = "progressing",
	[ROLLOUT_SUCCEEDED] = "succeeded",
	[ROLLOUT_FAILED] = "failed",
	[ROLLOUT_UNKNOWN] = "unknown",
};

const struct deploy_driver *
deploy_driver_find(const char *name)
{
	for (size_t i = 0; deploy_drivers[i]; i++) {
		if (streq(deploy_drivers[i]->name, name))
			return deploy_drivers[i];
	}
	return NULL;
}

const char *
proof_name(enum proof_layer l)
{
	return (unsigned)l < PROOF_COUNT ? proof_names[l] : "?";
}

int
proof_parse(const char *s, enum proof_layer *ret)
{
	for (size_t i = 0; i < PROOF_COUNT; i++) {
		if (streq(proof_names[i], s)) {
			*ret = (enum proof_layer)i;
			return 0;
		}
	}
	return -1;
}

const char *
rollout_status_name(enum rollout_status s)
{
	return (unsigned)s < COUNT(status_names) ? status_names[s] : "?";
}

void
findings_add(struct findings *f, enum finding_level l, const char *code, const char *hint,
             const char *fmt, ...)
{
	struct finding one = { .level = l };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(one.text, sizeof(one.text), fmt, ap);
	va_end(ap);
	(void)snprintf(one.code, sizeof(one.code), "%s", code);
	if (hint)
		(void)snprintf(one.hint, sizeof(one.hint), "%s", hint);
	vec_push(f, one);
}

void
findings_fini(struct findings *f)
{
	vec_fini(f);
}

void
image_names_add(struct image_names *l, struct image_name one)
{
	for (size_t i = 0; i < l->n; i++) {
		if (streq(l->v[i].name, one.name))
			return;
	}
	one.name = xstrdup(one.name);
	vec_push(l, one);
}

void
image_names_fini(struct image_names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	vec_fini(l);
}

void
fetches_add(struct fetches *f, const char *uri, const char *endpoint)
{
	const struct fetch one = { .uri = xstrdup(uri),
		                   .endpoint = endpoint ? xstrdup(endpoint) : NULL };

	vec_push(f, one);
}

void
fetches_fini(struct fetches *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].uri);
		free(f->v[i].endpoint);
	}
	vec_fini(f);
	image_names_fini(&f->images);
	f->unseen[0] = f->unseeable[0] = '\0';
}
