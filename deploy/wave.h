/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The targets of one plan, opened: each with its driver, what should be there, what was there, and
 * how far it has come. Bytes reach drivers from the registry's blobs through struct source.
 */
#pragma once

#include "deploy/driver.h"
#include "deploy/smoke.h"
#include "registry/ledger.h"
#include "registry/plan.h"
#include "registry/reach.h"
#include "registry/records.h"

struct wave_target {
	struct target_row row;
	json_t *body; /* what was logged */
	struct target t;
	struct reach reach; /* this person's; kubeconfig NULL: none */
	const struct deploy_driver *d;
	void *st;
	struct target_facts facts;
	struct buf rendered;
	struct wave *wave;
	struct source source; /* the plan's version, read by this target alone */
	/* bytes, while a driver stages; may be NULL */
	void (*moved)(void *arg, uint64_t done, uint64_t total);
	void *arg;               /* of moved, and of a check of source */
	struct rollout q;        /* what should be there */
	struct precondition pre; /* what was there */
	struct golden *golden;   /* NULL: none */
	bool has_min_proof;      /* else the highest that the driver can show */
	enum proof_layer min_proof;
	unsigned proofs;  /* layers that passed */
	char detail[512]; /* in words */
	char advice[256]; /* what its server's failure asks for; "" */
	bool is_changed;  /* this job has written to it */
	bool was_begun;   /* an earlier run of this job may have written to it */
	struct err dead;  /* nobody answered before anything was changed; ERR_OK: somebody did */
};
/* What of a version is not its files: for stores that keep it, for servers that want a format. */
struct wave_extra {
	struct buf manifest, config;
	char format[64]; /* label; "" not said */
};
struct wave {
	struct registry *r;
	const struct plan *plan;
	struct promotion now; /* what the stage holds by signed statements */
	struct admitted version,
	        held; /* the plan's version and the one that is held; manifest.n 0: none */
	struct source_file *files, *held_files;
	struct source held_source;
	struct wave_extra extra, held_extra;
	struct wave_target *v;
	size_t n;
	char plan_hex[DIGEST_HEX_SIZE];
	struct rollout_step *steps; /* of the plan's canary */
	const char *take[PLAN_TAKE_MAX]; /* of the plan */
	void *held_arg;             /* for a check of held_source */
	json_t *offline;            /* of the policy; NULL: the site has a connection */
};
/* All targets of the plan's stage in their order; the ledger says what the stage holds. */
int wave_open(struct registry *r, const struct ledger *l, const struct plan *p, struct wave *ret,
              struct err *e);
void wave_close(struct wave *w);
/* What a version is handed over with: its manifest and, when it has one, its config, from blobs
 * that the verified manifest names. */
int wave_documents(struct registry *r, const struct admitted *v, struct buf *ret_manifest,
                   struct buf *ret_config, struct err *e);
/* Its files as a source names them; paths are the manifest's. free() it. */
struct source_file *wave_files(const struct manifest *m);
/* The blob of file i, for reading; DIGEST: it has another size than the manifest says. */
int wave_open_blob(struct registry *r, const struct source *s, size_t i, int *ret_fd,
                   struct err *e);
/* One target opened apart (test, status). */
int wave_target_open(struct registry *r, const struct target_row *row, struct wave_target *ret,
                     struct err *e);
/* The same, reached as a request says and not as this person's own file does: nothing is logged or
 * kept yet. reach is taken over. */
int wave_target_open_by(struct registry *r, const struct target_row *row, struct reach *reach,
                        struct wave_target *ret, struct err *e);
void wave_target_close(struct wave_target *v);
/* Is there a golden request, and can it be asked there? After probe. */
bool wave_can_ask(const struct wave_target *v);
/* A block when the proof that v asks for cannot be shown there. After probe. */
void wave_check_proof(const struct wave_target *v, struct findings *ret);
/* A block when the plan shares the requests and v cannot. After probe. */
/* After the plan's canary has changed. */
void wave_set_steps(struct wave *w);
void wave_check_canary(const struct wave *w, const struct wave_target *v, struct findings *ret);
/* The same of fields that the plan takes from others. */
void wave_check_take(const struct wave *w, const struct wave_target *v, struct findings *ret);
/* e is what came of looking at v, before anything was changed: whose fault, and what to do next. */
int wave_blame(const struct wave_target *v, struct err *e);
/* e names v, once; returns its negative code. */
int wave_name(const struct wave_target *v, struct err *e);
/* What is there now becomes v->pre; finding when it is not what the stage says. UNREACHABLE etc. of
 * observe. */
int wave_look(struct wave *w, struct wave_target *v, struct observation *ret, struct err *e);
/* What the stage holds now, as a rollout: for looking at targets and for the way back. */
void wave_held(const struct wave *w, struct rollout *ret);
