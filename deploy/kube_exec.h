/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A credential plugin of a kubeconfig, run once: what it says on stdout is parsed, its stderr is
 * kept for the error. It has no terminal, a bounded time and bounded output.
 * Source: client.authentication.k8s.io/v1, ExecCredential.
 */
#pragma once

#include "deploy/kube.h"
#include "registry/base/str.h"

struct kube_exec_word {
	char *token;              /* NULL: none */
	char *cert_pem, *key_pem; /* both or none */
	int64_t expires_s;        /* 0: not said */
};
void kube_exec_word_fini(struct kube_exec_word *w); /* secrets are wiped */
/* The plugin of o->config. DENIED: it could not be run or said no, with its last words; MALFORMED:
 * no ExecCredential of the version that was asked for; TOO_BIG; UNREACHABLE: it did not end in
 * time, which is the deadline at the latest. What check says ends it too. */
int kube_exec_run(const struct kube_options *o, struct kube_exec_word *ret, struct err *e);
/* Its answer alone, for tests and fuzzing. */
int kube_exec_parse(struct str text, const char *api_version, struct kube_exec_word *ret,
                    struct err *e);
