/* SPDX-License-Identifier: Apache-2.0 */
/* A model repository in a fresh folder, two versions, a scripted server and the driver opened on
 * both. */
#pragma once

#include "deploy/driver.h"
#include "deploy/folder.h"
#include "tests/deploy/server.h"
#include "tests/deploy/version.h"

#define PLAN_OLD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PLAN_NEW "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct fixture {
	char dir[64], repo[96];
	struct version_dir *v[3]; /* by number, from 1 */
	struct server *server;
	char url[64];
	struct target t;
	const struct deploy_driver *d;
	void *st;
};

/* Without steps: a server address where nobody listens. */
void fixture_begin(struct fixture *f, const struct step *steps, size_t n);
/* The same folder and driver state with another script. */
void fixture_server(struct fixture *f, const struct step *steps, size_t n);
/* Ends the server; "" or what went otherwise than scripted. Static memory. */
const char *fixture_complaint(struct fixture *f);
void fixture_end(struct fixture *f);
/* A version published as if by an earlier rollout of PLAN_OLD; 0: only a stamp of nothing. */
void fixture_publish(struct fixture *f, uint64_t number);
/* "2 slipway-v1 | 2 b": what lies in the model's folder | number and first digit of the plan in the
 * stamp. Static memory. */
const char *fixture_tree(const struct fixture *f);
void fixture_write(const struct fixture *f, const char *path, const char *text);
struct rollout fixture_rollout(const struct fixture *f, uint64_t number); /* 0: empty */
struct precondition fixture_precondition(const struct fixture *f, uint64_t number);
int fixture_apply(struct fixture *f, const struct rollout *q, const struct precondition *p,
                  struct err *e);
