/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the database holds, row by row, for finding and showing. A row is binary and small; its
 * layout is records.c's affair (the database is derived and carries a format number). Rows are
 * copied out: nothing here points into the map, except during the callback of a walk. Nothing that
 * decides may rest on them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "crypto/key.h"
#include "registry/base/err.h"
#include "registry/base/json.h"
#include "registry/log.h"
#include "registry/store.h"

#define NAME_SIZE   256 /* of a model: OCI repository name, at most 255 bytes */
#define WORD_SIZE   129 /* stage, alias, target, label key */
#define STAGES_MAX  8
#define SIGNER_SIZE 64

enum lifecycle { LIFE_LIVE, LIFE_RETIRED, LIFE_REVOKED, LIFE_DELETED };
const char *lifecycle_name(enum lifecycle l);

struct life_state { /* of a version, as its lifecycle entries say */
	enum lifecycle life;
	bool is_held;       /* its bytes are kept whatever else is said */
	bool was_revoked;   /* also of a deleted one: these bytes do not come back under the name */
	struct digest leaf; /* of the last such entry; zero: none */
};

struct stage_mark { /* what a stage of a model holds */
	char stage[WORD_SIZE];
	uint64_t number;        /* 0: empty */
	struct digest promotion_leaf; /* of that entry; zero: none yet */
	uint64_t promotion_seq; /* log entry of the promotion that says so */
	int64_t time_s;
	unsigned proofs;    /* weakest set of layers over its targets */
	uint32_t targets;   /* how many it was proved on; 0: the stage has no target */
	bool break_glass;   /* it was moved without the approvals that the policy wanted */
	uint64_t aborted_seq; /* log entry of the newest abort; what was said before is void */
	uint64_t moving_to; /* a job runs: the version it brings; 0: none */
	char job[17];       /* its id; "" */
};
struct model_row {
	char name[NAME_SIZE];
	char home[33]; /* the registry that numbers its versions; "": this one */
	uint64_t latest;      /* highest number ever given */
	uint64_t latest_live; /* newest live version; 0: none */
	uint64_t live_n;      /* live versions */
	uint64_t last_seq;    /* newest entry of the model's chain */
	int64_t updated_s;
	/* of the newest live version */
	struct digest digest;
	uint64_t bytes, files;
	bool is_foreign, is_signed;
	char signer[SIGNER_SIZE]; /* person's id in the policy at that time */
	struct stage_mark stages[STAGES_MAX];
	size_t stages_n;
	char labels[1024]; /* "k=v" lines of the model itself, sorted, LF after each */
};
struct version_row {
	char model[NAME_SIZE];
	uint64_t number, seq;
	struct digest digest;
	uint64_t bytes, files;
	int64_t time_s;
	struct life_state state;
	bool is_foreign; /* of the registry that the folder was copied from, and not signed since */
	bool is_signed;
	char signer[SIGNER_SIZE], key_id[KEY_ID_SIZE];
	char labels[1024];
};
struct target_row {
	char name[WORD_SIZE], driver[33], stage[WORD_SIZE];
	uint64_t seq;
	uint64_t order;
	struct digest identity; /* SHA-256 of the canonical body, the target as plans name it */
	char body[4096];        /* canonical JSON of what was logged */
};
struct plan_row {
	struct digest id;
	uint64_t seq; /* plan entry */
	int64_t time_s;
	char kind[16], model[NAME_SIZE], stage[WORD_SIZE];
	uint64_t number;            /* 0: nothing */
	uint64_t authorisation_seq; /* 0: not signed yet */
	char job[17];               /* last job; "" */
	/* "open", "running", PLAN_DISCARDED, "succeeded", or how the last job ended */
	char state[24];
};
#define PLAN_DISCARDED "discarded" /* open again when somebody authorises it */
struct job_row {
	char id[17], model[NAME_SIZE], stage[WORD_SIZE], kind[16];
	struct digest plan;
	uint64_t begin_seq, end_seq; /* 0: not ended */
	int64_t begin_s, end_s;
	uint64_t number;
	char state[24]; /* "running" until the end entry */
};

/* 0 found; -ERR_NOT_FOUND without text (the caller knows the noun); other errors are complete. */
int model_get(struct txn *t, const char *name, struct model_row *ret, struct err *e);
int version_get(struct txn *t, const char *model, uint64_t number, struct version_row *ret,
                struct err *e);
int target_get(struct txn *t, const char *name, struct target_row *ret, struct err *e);
bool plan_is_settled(const struct plan_row *p); /* its job runs or brought it where it should be */
int plan_get(struct txn *t, const struct digest *id, struct plan_row *ret, struct err *e);
int job_get(struct txn *t, const char *id, struct job_row *ret, struct err *e);
int log_place_get(struct txn *t, uint64_t seq, struct log_pos *ret, uint32_t *ret_length,
                  struct err *e);

/* Walks. fn's non-zero result ends the walk and is returned. Models by name; versions newest first
 * from number `from` (0: the newest) down; targets by (stage order, order, name) when stage is
 * given, else name; plans and jobs newest first. */
typedef int model_fn(void *arg, const struct model_row *m);
typedef int version_fn(void *arg, const struct version_row *v);
typedef int target_fn(void *arg, const struct target_row *v);
typedef int plan_fn(void *arg, const struct plan_row *v);
typedef int job_fn(void *arg, const struct job_row *v);
int model_each(struct txn *t, const char *from, model_fn *fn, void *arg, struct err *e);
int version_each(struct txn *t, const char *model, uint64_t from, version_fn *fn, void *arg,
                 struct err *e);
int target_each(struct txn *t, const char *stage, target_fn *fn, void *arg, struct err *e);
int plan_each(struct txn *t, plan_fn *fn, void *arg, struct err *e);
int job_each(struct txn *t, job_fn *fn, void *arg, struct err *e);
/* Versions whose digest starts with these hex digits (12 or more), over all models. */
int version_by_digest(struct txn *t, const char *hex, size_t hex_n, version_fn *fn, void *arg,
                      struct err *e);
/* Movable names of a model's versions, by name; what they name may be deleted. */
typedef int alias_fn(void *arg, const char *alias, uint64_t number);
int alias_get(struct txn *t, const char *model, const char *alias, uint64_t *ret_number,
              struct err *e);
int alias_each(struct txn *t, const char *model, alias_fn *fn, void *arg, struct err *e);
/* What people wrote about a version, or with number 0 about the model itself, newest first. */
#define NOTE_SIZE 4097 /* a text of at most 4 KiB */
struct note_row {
	uint64_t seq;
	int64_t time_s;
	char text[NOTE_SIZE];
};
typedef int note_fn(void *arg, const struct note_row *v);
int note_each(struct txn *t, const char *model, uint64_t number, note_fn *fn, void *arg,
              struct err *e);
const struct stage_mark *model_stage(const struct model_row *m,
                                     const char *stage); /* NULL: holds nothing */

/* Where the database stands in the log. */
struct applied {
	uint64_t entries;
	struct log_pos end;
	uint64_t policy_seq;
	bool has_policy;
	uint64_t unknown; /* entries of types that this program does not know */
	char registry_id[33];
	uint64_t born;        /* entry of the last adoption: what is before it has no authority */
	uint64_t incarnation; /* adoptions so far */
};
int applied_get(struct txn *t, struct applied *ret, struct err *e);
/* Was the database made by an older slipway, so that it is to be made anew from the log?
 * applied_get refuses it, as it does one of a newer slipway. */
int applied_is_old(struct txn *t, bool *ret, struct err *e);

/* --- for entry.c and change.c --- */
/* The row of a target as it was logged; MALFORMED. */
int target_row_of(const char *name, const json_t *body, uint64_t seq, struct target_row *ret,
                  struct err *e);
/* Leaf of the last entry about a target, also of a removed one; zero: none. */
int target_leaf_get(struct txn *t, const char *name, struct digest *ret, struct err *e);
int target_leaf_put(struct txn *t, const char *name, const struct digest *leaf, struct err *e);
/* Was this version promoted to the stage once? -ERR_NOT_FOUND: never. */
int held_get(struct txn *t, const char *model, const char *stage, const struct digest *version,
             struct err *e);
int held_put(struct txn *t, const char *model, const char *stage, const struct digest *version,
             struct err *e);
/* The document of the policy in force; ret->p NULL: none. Until the transaction ends or writes. */
int policy_doc_get(struct txn *t, struct str *ret, struct err *e);
int policy_doc_put(struct txn *t, struct str doc, struct err *e); /* empty: there is none now */
int born_get(struct txn *t, uint64_t *ret, struct err *e); /* of the applied row */
int applied_put(struct txn *t, const struct applied *a, struct err *e);
int model_put(struct txn *t, const struct model_row *m, struct err *e);
int version_put(struct txn *t, const struct version_row *v, struct err *e);
int target_put(struct txn *t, const struct target_row *v, struct err *e);
/* number 0: the alias goes */
int alias_put(struct txn *t, const char *model, const char *alias, uint64_t number, struct err *e);
int note_put(struct txn *t, const char *model, uint64_t number, const struct note_row *v,
             struct err *e);
int target_del(struct txn *t, const char *name, struct err *e);
int plan_put(struct txn *t, const struct plan_row *v, struct err *e);
int job_put(struct txn *t, const struct job_row *v, struct err *e);
int log_place_put(struct txn *t, uint64_t seq, struct log_pos at, uint32_t length, struct err *e);
