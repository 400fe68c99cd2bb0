/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of the log as plain files in a new folder: log/00000001.log .. with the lines from one
 * place on, "checkpoint", and "export.json" with the policies and the edge of the tree before them,
 * so that the whole can be checked without the registry. slipway-format(5) has the form.
 */
#pragma once

#include <stdint.h>

#include "registry/base/err.h"
#include "registry/check.h"
#include "registry/proof.h"

/* EXISTS: there is something in dir's place. What a failure leaves has no export.json. */
int log_export(struct registry *r, const struct ledger *l, uint64_t since, struct str checkpoint,
               const char *dir, struct err *e);

struct log_export_result {
	struct proof_result proof; /* kind PROOF_EXPORT */
	uint64_t since, statements, problems;
};
/* fn gets each entry that must be signed and is not so that it counts; they are counted, and 0.
 * Negative: the lines are not those of the checkpoint. */
int log_export_check(const char *dir, const struct digest *root, check_fn *fn, void *arg,
                     struct log_export_result *ret, struct err *e);
