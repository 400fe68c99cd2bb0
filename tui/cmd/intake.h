/* SPDX-License-Identifier: Apache-2.0 */
/* What import and pull do alike: bytes that are in the registry become a model's next version. */
#pragma once

#include "registry/import.h"
#include "registry/ledger.h"
#include "tui/cmd/cmd.h"
#include "tui/cmd/label.h"
#include "tui/cmd/sign.h"

struct intake {
	struct app *app;
	const char *verb, *what, *kind; /* "import", "PATH", "Import" */
	const char *model;
	struct label_change labels;
	bool has_smoke;
	struct digest smoke;
	struct ledger ledger;
	struct signer signer;
	/* from whoever read the bytes, between intake_prepare and intake_commit; owned */
	struct import_tree tree;
	json_t *source; /* where they come from, as the statement says it */
	bool fetched_known;
	uint64_t fetched; /* bytes that came over a network */
	uint64_t number;  /* that the bytes have */
	uint64_t next;    /* the one that is signed for */
	bool changed;
};
/* --as and --label; opens the registry. */
int intake_begin(struct intake *m, const struct args *in, struct err *e);
/* Whose key, may it, and what else is given: before the bytes are read. */
int intake_prepare(struct intake *m, const struct args *in, struct err *e);
/* The version, unless the model has it; labels and metrics. */
int intake_commit(struct intake *m, const struct args *in, struct err *e);
void intake_show(const struct intake *m);
void intake_fini(struct intake *m);
