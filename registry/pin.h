/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this person has already seen of a registry, kept outside it ($XDG_STATE_HOME/slipway/pins):
 * size and right edge of the log's tree, the last line's place and leaf, and the last promotion of
 * each (model, stage) that this person's verbs verified. A log that is shorter than the pin or
 * differs at its line has been cut or rewritten. Only verbs that decide write pins.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "crypto/merkle.h"
#include "registry/base/err.h"
#include "registry/base/json.h"
#include "registry/log.h"

struct pin {
	bool exists;
	char id[33];
	struct merkle_edge edge;     /* of the first edge.size entries */
	struct log_pos last_at, end; /* of entry edge.size - 1, and behind it */
	uint32_t last_length;
	struct digest last_leaf;
	json_t *policies;   /* entries of all policies until there, as places (ledger.c) */
	json_t *targets;    /* {name: place, with "removed"} */
	json_t *promotions; /* {"model stage": place} */
	/* {"model number digest": what signed entries say of it}; NULL, as are the next three: an
	 * older file, for which the log is read from its start once */
	json_t *withdrawn;
	json_t *jobs;     /* {"model stage": the job that runs there, the newest abort} */
	json_t *evidence; /* {model: place of the last that was attested about it} */
	json_t *bundles;  /* {registry: the last that came from there: counter, inventory, tree} */
	/* SLIPWAY_PIN=<id>:<size>:<root>: a lower bound, checked by the verbs that read the log */
	bool has_bound;
	uint64_t bound_size;
	struct digest bound_root;
};

/* Absent: exists false and 0. MALFORMED names the file. */
int pin_load(const char *registry_dir, struct pin *ret, struct err *e);
/* The same for who only looks: where no state folder can be named there is no pin. */
int pin_look(const char *registry_dir, struct pin *ret, struct err *e);
int pin_save(const char *registry_dir, const struct pin *p,
             struct err *e); /* durable, replaced whole */
void pin_fini(struct pin *p);
/* O(1): the log is at least as long and has the same line there. DIGEST. */
int pin_check(const struct pin *p, const char *registry_id, struct log *l, struct err *e);
