/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of a cluster's object: who owns them by its managedFields, what of it was applied by a
 * manager, and what differs between two states of it. Pure functions over JSON that an API server
 * gave; all of it is foreign, and texts that come out are safe for a terminal.
 * Source: Kubernetes, "Server-Side Apply" and structured-merge-diff's FieldsV1.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/base/buf.h"
#include "registry/base/json.h"
#include "registry/base/vec.h"

#define KUBE_DEPTH_MAX 32

/* A field on its way down: members by name, elements of lists by the element itself. */
struct kube_step {
	const char *key; /* of an object's member; NULL: an element */
	const json_t *element;
	size_t index;
};
struct kube_field {
	struct kube_step v[KUBE_DEPTH_MAX];
	size_t n;
};
/* ".spec.template.spec.containers[server].image", safe for a terminal */
void kube_field_text(const struct kube_field *f, struct buf *ret);

/* Does that manager own the field, or something that holds it as a whole? What is
 * written through the status subresource does not count. */
bool kube_is_owned(const json_t *object, const char *manager, const struct kube_field *f);
/* The first other owner of the field: "" none. */
void kube_other_owner(const json_t *object, const char *ours, const struct kube_field *f,
                      char ret[128]);
/* Its entry of managedFields; NULL: none. */
const json_t *kube_other_entry(const json_t *object, const char *ours,
                               const struct kube_field *f);
/* What that manager's last apply said, with apiVersion, kind, name and namespace: applying it
 * again changes nothing. NULL: it owns nothing. A new reference. */
json_t *kube_extract(const json_t *object, const char *manager);

enum kube_group {
	KUBE_OURS,      /* we say so */
	KUBE_DEFAULTED, /* the cluster fills it in */
	KUBE_FOREIGN    /* somebody else has set it */
};
struct kube_change {
	char *field;          /* as kube_field_text */
	char *before, *after; /* JSON, cut, safe; NULL: absent */
	enum kube_group group;
	char manager[128]; /* of FOREIGN, safe */
	char since[32];    /* that manager's last write, safe; "" not said */
	bool is_ours;      /* the live field is still as our last apply said */
	bool is_autoscaled; /* the manager is an autoscaler, and the field is for it to set */
};
struct kube_changes {
	struct kube_change *v;
	size_t n, cap;
	bool is_cut; /* there were more than KUBE_CHANGES_MAX */
};
#define KUBE_CHANGES_MAX 400
void kube_changes_fini(struct kube_changes *c);

/* From live to what a dry run of our apply gave. live NULL: it would be created. What servers alone
 * write (status, managedFields, versions, times) is left out. */
void kube_diff(const json_t *live, const json_t *dry, const char *ours, struct kube_changes *ret);
/* Adds to into, which is part of live, each field that sent says and another than ours has, as live
 * has it. */
void kube_add_foreign(const json_t *sent, const json_t *live, const char *ours, json_t *into);
/* What we sent and is not so any more: sent's fields that live lacks or has otherwise. before is
 * what was sent, after what is there; the manager is who has it now. Quantities that are equal in
 * value are equal. */
void kube_drift(const json_t *sent, const json_t *live, const char *ours, struct kube_changes *ret);
