/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models as a Triton in explicit mode holds them: read from a real repository folder when load asks
 * for it, kept in memory until the next load. Only the highest number serves. A version is a folder
 * with a file "numbers"; what is in it is the model's answer, and no numbers are a broken model.
 * Knows nothing of HTTP and nothing of failures made on purpose.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/buf.h"

#define MODELS       8
#define VERSIONS     16
#define NUMBERS      16
#define MODEL_NAME   64
#define MODEL_REASON 256

struct loaded_version {
	uint64_t number;
	bool is_ready;
	char reason[64]; /* why not ready */
	double v[NUMBERS];
	size_t n;
};
struct loaded_model {
	char name[MODEL_NAME];
	struct loaded_version v[VERSIONS];
	size_t n;
};
struct models {
	const char *repo;
	struct loaded_model v[MODELS];
	size_t n;
};

/* NULL: never loaded */
struct loaded_model *models_find(struct models *m, const char *name);
/* What serves; NULL: nothing. */
const struct loaded_version *model_serving(const struct loaded_model *l);
/* 0, or -1 with the reason: what served before serves on. */
int models_load(struct models *m, const char *name, char ret_reason[MODEL_REASON]);
void models_unload(struct models *m, const char *name);
void models_index(const struct models *m, struct buf *ret);
void model_metadata(const struct loaded_model *l, const struct loaded_version *v, struct buf *ret);
/* shift is added to each number; as: the version that it says it is. */
void model_answer(const struct loaded_model *l, const struct loaded_version *v, uint64_t as,
                  double shift, struct buf *ret);
