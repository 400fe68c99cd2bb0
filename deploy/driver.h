/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole contract of a target. A driver knows one kind of server and nothing of registries,
 * logs, keys or plans: what it needs arrives here, bytes through struct source. Every call may be
 * repeated and resumed. Results: 0, or the codes named at each call; UNREACHABLE means that nothing
 * was sent (a retry is safe), OUTCOME_UNKNOWN that the target may have acted, DENIED that it
 * refused us, MALFORMED that its answer breaks its protocol, ROLLOUT_FAILED that it accepted and
 * then said no.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/json.h"
#include "registry/base/str.h"

enum deploy_cap {
	CAP_DRYRUN = 1u << 0,
	CAP_WEIGHTS = 1u << 1,
	CAP_SHADOW = 1u << 2,
	CAP_DARK = 1u << 3,
	CAP_GENERATION = 1u << 4,
	CAP_HISTORY = 1u << 5,
	CAP_CAS = 1u << 6,
	CAP_LOGS = 1u << 7,
	CAP_EVENTS = 1u << 8,
	CAP_ATOMIC_SWITCH = 1u << 9,
	CAP_PER_REPLICA = 1u << 10,
	CAP_FIELDS = 1u << 11, /* its fields have owners, and may be taken from them */
};

/* Layers of proof, weakest first; a record holds the set that passed (bit 1 << layer). */
/* clang-format off */
#define PROOF_LAYERS(X) \
	X(OBJECT, "object") X(WORKLOAD, "workload") X(INSTANCES, "instances") \
	X(LISTED, "listed") X(ANSWERED, "answered") X(SOAKED, "soaked")
enum proof_layer {
#define X(name, text) PROOF_##name,
	PROOF_LAYERS(X)
#undef X
	PROOF_COUNT
};
/* clang-format on */
const char *proof_name(enum proof_layer l);
int proof_parse(const char *s, enum proof_layer *ret); /* -1: unknown */
#define PROOF_BIT(l) (1u << (unsigned)(l))

/* As logged in the registry. Borrowed for the life of the driver's state. */
struct target {
	const char *name, *driver;
	const char *url;        /* address of the server's API; NULL for a folder */
	const char *path;       /* folder as seen from here; NULL without one */
	const char *ns;         /* namespace; NULL */
	const char *object;     /* name at the target; NULL: the driver maps the model's name */
	const json_t *settings; /* object; the driver's own keys, unknown ones refused by open */
	const char *store;      /* setting "store": where the servers read bytes; NULL */
	struct digest ca;       /* authorities of a cluster (kubeconfig_ca); zero: the system's */
	struct digest identity; /* of all that is logged about it */
	/* How this person reaches a cluster (registry/reach.h), never logged. kubeconfig NULL:
	 * nobody said so; bound_*: what the log named then; allow_exec: the plugin
	 * (kubeconfig_plugin) that may be run for credentials, zero: none. Checked by
	 * kube_target_open. */
	const char *kubeconfig, *context, *bound_url;
	struct digest bound_ca, allow_exec;
	/* Who this person is at the target's Prometheus (struct reach_metrics), never logged; used
	 * only while the target still names that address. */
	const char *metrics_url, *metrics_token, *metrics_login, *metrics_ca;
	/* clock_mono_ms() at which looking (probe, preflight, observe) must end; 0: each call has
	 * its own limit. Set by who opened the target, and may change between calls. */
	uint64_t deadline_ms;
	/* Asked in everything that waits, from any thread that calls; negative ends it. May be
	 * NULL. */
	int (*check)(void *arg, struct err *e);
	void *check_arg;
};

struct target_facts {
	char server[64], version[64], mode[64]; /* "triton", "2.51.0", "explicit"; "" unknown */
	unsigned caps;                          /* enum deploy_cap */
	unsigned proofs;   /* layers that it can show; ANSWERED only with a golden request */
	char why_not[256]; /* one sentence on what is missing and why */
};

struct source_file {
	const char *path; /* relative, checked: no "..", no leading "/" */
	uint64_t size;
	struct digest digest;
};

/* The version's bytes. open gives a descriptor that the driver reads once, hashing what it sends,
 * and closes; a digest that differs at the end is ERR_DIGEST and nothing of it may be served. */
struct source {
	const struct source_file *files;
	size_t n;
	int (*open)(void *arg, size_t i, int *ret_fd, struct err *e);
	void *arg;
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	/* Asked before each file and each block of 1 MiB that is copied or read back; negative
	 * stops there with its error, and nothing of it may be served. May be NULL. */
	int (*check)(void *arg, struct err *e);
};

/* A step of a canary: the newcomer gets percent of the requests, for hold_s seconds at least. */
struct rollout_step {
	unsigned percent; /* 0: it runs and nobody is sent there */
	uint64_t hold_s;
};

/* What should be there when all is done. */
struct rollout {
	const char *registry_id, *model; /* model as the registry names it: "risk/fraud-ranker" */
	const char *plan_id, *job_id;    /* ours, stamped into the object; NULL while planning */
	bool empty;            /* nothing should be served: the way back of a first promotion */
	uint64_t number;       /* version number within the model, 1.. */
	struct digest version; /* manifest digest; zero when empty */
	const struct source *files; /* names, sizes, digests; NULL when empty */
	struct str manifest, config; /* of the version, for stores that keep them; p NULL: none */
	const char *format;         /* label format= of the version; NULL: not said */
	const struct rollout_step *steps; /* before it takes all; part of what is rendered */
	size_t steps_n;
	/* fields of the objects that may be taken from whoever has them, as conflicts name them */
	const char *const *take;
	size_t take_n;
	uint64_t counts_since_ms;   /* clock_mono_ms() when the step began; 0: no step */
	uint64_t deadline_ms;       /* clock_mono_ms() at which waiting ends; 0: none */
};

/* What the plan saw at the target; compared again before each write on the fields that are ours. */
struct precondition {
	bool empty; /* nothing of ours was there */
	uint64_t number;
	struct digest version;
	const char *plan_id; /* of this job: the object may carry it already (resume) */
};

/* A state that was verified once and can be put back whole. */
struct snapshot {
	bool empty;
	uint64_t number;
	struct digest version;
	struct str rendered; /* what apply was given then */
};

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_BLOCK, FINDING_UNKNOWN };
struct finding {
	enum finding_level level;
	char code[32]; /* stable: "foreign-version" */
	char text[256], hint[256];
};
struct findings {
	struct finding *v;
	size_t n, cap;
};
void findings_add(struct findings *f, enum finding_level l, const char *code, const char *hint,
                  const char *fmt, ...) PRINTF(5, 6); /* hint may be NULL */
void findings_fini(struct findings *f);

struct preview {
	bool verified;   /* a dry run of the target said so; else "unverified" */
	struct buf text; /* what changes, one change a line, for people */
};

/* What pods are made of, as their image or as an image volume. */
struct image_name {
	char *name;       /* as a pod has it: "server:1", "site:5000/m@sha256:.." */
	bool allow_plain; /* the target says that its registry has no TLS */
	bool is_ours;     /* stage puts it there */
};
struct image_names {
	struct image_name *v;
	size_t n, cap;
};
void image_names_add(struct image_names *l, struct image_name one); /* name is copied; once */
void image_names_fini(struct image_names *l);

/* All that would be fetched for a version: its bytes by storage URIs, and what pods are made of. */
struct fetches {
	struct image_names images;
	struct fetch {
		char *uri;      /* "pvc://models/..", "oci://site:5000/m@sha256:.." */
		char *endpoint; /* of s3://; NULL: the target does not say */
	} *v;
	size_t n, cap;
	char unseen[160];    /* what could not be looked at, whose images nobody knows; "" none */
	char unseeable[160]; /* the same, of what nobody like us may look at, and why; "" none */
};
void fetches_add(struct fetches *f, const char *uri, const char *endpoint); /* copied */
void fetches_fini(struct fetches *f);

enum rollout_status { ROLLOUT_PROGRESSING, ROLLOUT_SUCCEEDED, ROLLOUT_FAILED, ROLLOUT_UNKNOWN };
const char *rollout_status_name(enum rollout_status s);

/* One look. UNKNOWN (no contact, no permission) never means FAILED. */
struct observation {
	enum rollout_status status; /* of the rollout that was asked about */
	unsigned proofs;            /* layers (a) to (d) seen in this look */
	bool serving_known;
	bool serving_empty;
	bool is_drifted; /* what is there is not what we left there */
	uint64_t serving_number;
	struct digest serving_version; /* zero: not known to be one of ours */
	/* What was last written there, while what was before it may still serve: a change is made
	 * to this. Not known: to what serves. */
	bool carries_known;
	uint64_t carries_number;
	struct digest carries_version;
	char plan_id[DIGEST_HEX_SIZE]; /* our stamp found on the object; "" none */
	char reason[512]; /* why not succeeded, in the server's words where there are any */
	char code[32];    /* stable, of a failure: "image-pull", "crash-loop", "out-of-memory",
	                   * "unschedulable", "quota", "admission", "load", "wrong-version"; "" */
	char advice[256]; /* one sentence; "" */
	char evidence[1536]; /* event, exit code, last log lines: a line each, escaped */
	bool replicas_known;
	unsigned replicas_wanted, replicas_ready; /* of the version that was asked about */
};

/* One look at a newcomer that shares the traffic. */
struct canary {
	enum rollout_status status; /* SUCCEEDED: it is ready at its share; FAILED as observe */
	bool percent_known;
	unsigned percent;           /* as the target routes now, read back */
	bool took_all;              /* it was told to take all already, and is no newcomer now */
	bool share_waits; /* ready, and gets its share only when set_weight is called again */
	char reason[512], code[32], advice[256], evidence[1536];
};
/* What one side has answered since it began; a difference of two looks is what gates judge. */
struct traffic {
	bool known;
	bool is_error; /* not known: whoever should say so cannot be asked */
	/* counted since q->counts_since_ms already: no difference is taken, latency_s is the one to
	 * judge, and NAN is what cannot be told */
	bool is_windowed;
	double requests, errors, latency_s; /* sums over its replicas */
	unsigned replicas; /* that were asked; a change between looks: begin anew */
	char source[128];                   /* "pods' /metrics", "prometheus" */
	char why[256];                      /* not known: why */
};

/* A golden request with what it must answer (deploy/smoke.h). */
struct golden;
struct proof {
	unsigned layers;  /* PROOF_ANSWERED when it passed */
	char detail[512]; /* "answered by version 2 in 12 ms, 1 of 1 outputs within 1e-05"; after a
	                   * failure: what is final about it, "" when asking again may help */
};

struct instances {
	struct {
		char name[128], state[32];
		struct digest version;
		bool version_known;
	} *v;
	size_t n, cap;
};
struct log_query {
	const char *model;    /* NULL: any of ours */
	const char *instance; /* NULL: each */
	/* follow: of one instance, until it is gone, the target's deadline has come or fn returns
	 * negative; a stream that is cut goes on behind its last line, and a container that is
	 * restarted with its first */
	bool previous, follow;
	uint64_t tail_lines; /* 0: all */
	/* what happens beside the lines: restarted, gone, not to be reached. May be NULL. */
	void (*told)(void *arg, const char *text);
	/* follow: when the line that fn gets was printed, as the server says it, RFC 3339 with
	 * fractions; "" where it says none. May be NULL. */
	char *stamp; /* LOG_STAMP_SIZE bytes */
};
#define LOG_STAMP_SIZE 40
typedef int line_fn(void *arg, struct str line);

/* Where the changes of q's objects can be heard of. Targets with the same place hear of each other
 * there, and object tells them apart. */
struct watch_place {
	struct digest place;
	char object[128];
	unsigned streams; /* to be followed, each by itself */
};
enum watch_event {
	WATCH_SYNC, /* from here on nothing is missed */
	WATCH_CHANGE,
	WATCH_LOST, /* the stream was cut; it is being resumed */
};
/* object NULL: any may have changed. Negative ends the watch with its error. */
typedef int watch_fn(void *arg, enum watch_event what, const char *object, struct err *e);

struct deploy_driver {
	const char *name;  /* as in `target add --driver` */
	size_t state_size; /* zeroed memory of this size is st */
	/* USAGE: a setting or an address that this driver cannot work with */
	int (*open)(void *st, const struct target *t, struct err *e);
	int (*probe)(void *st, struct target_facts *ret, struct err *e);
	/* What `target test` says beyond the facts; asked before probe and kept when that is
	 * DENIED. Of a cluster: the object that kube_target_test gives. May be NULL. */
	int (*describe)(void *st, json_t **ret, struct err *e);
	/* 0 with findings; a block among them refuses the plan. UNREACHABLE, DENIED, MALFORMED. */
	int (*preflight)(void *st, const struct rollout *q, struct findings *ret, struct err *e);
	/* Pure: the same input gives the same bytes; the plan holds their digest. No ids of plan or
	 * job. */
	int (*render)(const struct target *t, const struct rollout *q, struct buf *ret,
	              struct err *e);
	int (*preview)(void *st, const struct rollout *q, struct str rendered, struct preview *ret,
	               struct err *e);
	/* The images of q's pods, after preflight. Asks no registry. May be NULL. */
	int (*images)(void *st, const struct rollout *q, struct image_names *ret, struct err *e);
	/* The same and more: all that would be fetched for q. NULL: its path is all. */
	int (*fetches)(void *st, const struct rollout *q, struct fetches *ret, struct err *e);
	/* Bytes where the servers read them, complete and checked by reading back; nothing serves
	 * them yet. */
	int (*stage)(void *st, const struct rollout *q, struct err *e);
	/* The switch. CONFLICT: the target is not as p says. OUTCOME_UNKNOWN: look with observe. */
	int (*apply)(void *st, const struct rollout *q, struct str rendered,
	             const struct precondition *p, struct err *e);
	int (*observe)(void *st, const struct rollout *q, struct observation *ret,
	               struct err *e); /* one look, never waits */
	/* Each field of what was sent that is otherwise now; after observe. *ret: an array of
	 * objects with the texts object, field, what ("changed", "removed", "gone"; "setting": the
	 * target's settings alone say otherwise by now), sent, found, wanted (what promoting again
	 * would send), by and since, null where nobody can say. NULL: not to be told. May be NULL
	 * itself: observe says all that there is. */
	int (*drift)(void *st, const struct rollout *q, json_t **ret, struct err *e);
	/* The newcomer of q beside what is stable, with percent of the requests; codes of apply.
	 * The object carries our id then, and stable stays whole. */
	int (*set_weight)(void *st, const struct rollout *q, struct str rendered, unsigned percent,
	                  const struct precondition *p, struct err *e);
	int (*look_canary)(void *st, const struct rollout *q, struct canary *ret, struct err *e);
	/* of the newcomer, or of what is stable */
	int (*traffic)(void *st, const struct rollout *q, bool newcomer, struct traffic *ret,
	               struct err *e);
	/* the newcomer takes all; observe tells when; codes of apply */
	int (*promote)(void *st, const struct rollout *q, struct str rendered,
	               const struct precondition *p, struct err *e);
	/* After a failed apply of q: stable as p says it was, newcomer gone. May be repeated. */
	int (*abort)(void *st, const struct rollout *q, const struct precondition *p,
	             struct err *e);
	/* The whole of s again, from whatever is there; stage made its bytes present. s->empty:
	 * unpublish. */
	int (*rollback_to)(void *st, const struct rollout *q, const struct snapshot *s,
	                   const struct precondition *p, struct err *e);
	/* The golden request. 0: passed and ret->layers says so. ROLLOUT_FAILED: answered wrongly.
	 */
	int (*smoke)(void *st, const struct rollout *q, const struct golden *g, struct proof *ret,
	             struct err *e);
	int (*instances)(void *st, struct instances *ret, struct err *e);
	/* What was said of the model's objects lately, oldest first: an array of {"time" or null,
	 * "type" ("Warning", "Normal"), "reason", "object", "text", "count"}, foreign text. May be
	 * NULL. */
	int (*events)(void *st, const char *model, json_t **ret, struct err *e);
	int (*logs)(void *st, const struct log_query *q, line_fn *fn, void *arg, struct err *e);
	/* Sends nothing. May be NULL, with watch: nobody tells of changes there. */
	int (*watch_place)(void *st, const struct rollout *q, struct watch_place *ret,
	                   struct err *e);
	/* Follows one stream of the place until fn or the target's check ends it; what else comes
	 * back means that it cannot be watched now. st is used for nothing else meanwhile. */
	int (*watch)(void *st, unsigned stream, watch_fn *fn, void *arg, struct err *e);
	/* What the way back no longer needs: every version of ours but q's and the snapshot's. */
	int (*release)(void *st, const struct rollout *q, const struct snapshot *s, struct err *e);
	void (*close)(void *st);
};
/* Calls that a driver does not have are NULL; caps say so too. */
extern const struct deploy_driver *const deploy_drivers[]; /* NULL-terminated, one line a driver */
const struct deploy_driver *deploy_driver_find(const char *name); /* NULL: unknown */
