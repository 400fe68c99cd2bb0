/* SPDX-License-Identifier: Apache-2.0 */
/* A client of a scripted API server, and answers that a real one gave. */
#pragma once

#include "deploy/kube.h"
#include "registry/base/json.h"
#include "tests/deploy/server.h"

/* a text that may be changed, as those of a kubeconfig are */
#define TEXT(s) ((char[]){ s })

/* what each request has behind its agent's name */
#define JSON  "Accept: application/json\r\n"
#define TOKEN "Accept: application/json\r\nAuthorization: Bearer t0ken\r\n"

struct lab {
	struct server *s;
	struct kubeconfig c;
	struct kube *k;
	struct err e;
	char complaint[1024];
};
void lab_open(struct lab *l, const struct step *steps, size_t n, struct kubeconfig c);
void lab_close(struct lab *l); /* fails the test when the steps were not played as written */

/* upstream/kubelab-recorded/STEP.json; skips the test when it is absent. A new reference. */
json_t *recorded(const char *step);
