/* SPDX-License-Identifier: Apache-2.0 */
/* Small pieces that several verbs show alike. */
#pragma once

#include "registry/base/out.h"
#include "registry/manifest.h"
#include "registry/records.h"
#include "registry/registry.h"

#define VERSION_NAME_SIZE (NAME_SIZE + 24)
void version_name(const char *model, uint64_t number, char ret[VERSION_NAME_SIZE]); /* "name@v3" */
/* A cell: "v3" in text, 3 in JSON; 0: nothing. */
void cell_number(struct out *o, uint64_t number);
/* "v1", "v1 -> v2", "- -> v1" or "" of a stage. */
void stage_text(const struct stage_mark *s, char ret[64]);
/* Member "stages" of a JSON object: {"staging":{"version":2,..}}. */
void stages_json(struct json_out *j, const struct model_row *m);
/* The stages that hold a version: "staging production". */
void stages_of(const struct model_row *m, uint64_t number, struct buf *ret);

/* A model's aliases, {alias: number}, and the names among them of one version: an array. Both are
 * new references. */
int aliases_read(struct txn *t, const char *model, json_t **ret, struct err *e);
json_t *aliases_of(const json_t *aliases, uint64_t number);

/* The manifest of a version, its bytes checked against the digest. */
int version_manifest(struct registry *r, const struct digest *d, struct manifest *ret,
                     struct err *e);
/* POLICY when it is deleted: there is nothing any more to be read. */
int version_is_live(const struct version_row *v, struct err *e);
