/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a person reaches a cluster: kubeconfig files as kubectl reads them (lists and precedence of
 * $KUBECONFIG, the first file that defines a name wins, paths relative to their own file), or the
 * service account inside a pod. Reads files, sends nothing, runs nothing.
 * Source: Kubernetes client-go, tools/clientcmd; facts in the manual page slipway-kubernetes(7).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/err.h"
#include "registry/base/json.h"

#define KUBECONFIG_MAX (4u << 20) /* bytes of one file */

struct kube_exec { /* a credential plugin; run by kube_auth.h and only when the person allowed it */
	char *command, *api_version, *install_hint;
	char **args; /* NULL-terminated */
	char **env;  /* "NAME=VALUE", NULL-terminated */
	bool provide_cluster_info;
	enum { KUBE_EXEC_NEVER, KUBE_EXEC_IF_AVAILABLE, KUBE_EXEC_ALWAYS } interactive;
};
/* One context, resolved. All owned; secrets are wiped by kubeconfig_fini. */
struct kubeconfig {
	char *origin;                        /* file that defined the context, or "in-cluster" */
	char *context, *cluster, *user, *ns; /* ns: never NULL, "default" */
	char *server;                        /* without a slash at its end */
	char *ca_pem;                        /* NULL: the system's */
	char *server_name, *proxy;           /* NULL: none */
	bool skip_verify, from_cluster;
	char *cert_pem, *key_pem;
	char *token, *token_file; /* token_file wins, read again each minute */
	char *username, *password;
	struct kube_exec *exec; /* NULL: none */
	char *as, *as_uid;      /* impersonation */
	char **as_groups;       /* NULL-terminated or NULL */
	char **as_extra;        /* "key=value" */
};
/* file NULL: $KUBECONFIG (a list), else ~/.kube/config, else in-cluster. context NULL: the current
 * one. NOT_FOUND: no file, no such context (the hint names those that exist), user or cluster;
 * MALFORMED: no YAML, wrong types, certificates that are none, skip_verify beside a CA; DENIED:
 * what clients must refuse (auth-provider). Warnings (a file that others can read) by message(). */
/* file may also be what kubeconfig_where gave. */
int kubeconfig_load(const char *file, const char *context, struct kubeconfig *ret, struct err *e);
/* From one text, for tests and fuzzing: dir resolves relative paths. */
int kubeconfig_parse(struct str text, const char *dir, const char *context, struct kubeconfig *ret,
                     struct err *e);
/* What kubeconfig_load(file) reads now, as one text that means the same in other folders and under
 * other environments: "/full/path", "list:/a:/b" or "in-cluster". NOT_FOUND: there is nothing. */
int kubeconfig_where(const char *file, char **ret, struct err *e);
/* The program that would be run for credentials, with its arguments and environment; zero: none.
 * A command without a slash is looked up in PATH: ret_command, malloc'ed, may be NULL. */
void kubeconfig_plugin(const struct kubeconfig *c, struct digest *ret, char **ret_command);
void kubeconfig_fini(struct kubeconfig *c);
/* What a target logs of trust: SHA-256 over the certificates of the CA bundle in their order (of
 * one alone: the fingerprint that `openssl x509 -fingerprint -sha256` prints); zero when it is the
 * system's. */
void kubeconfig_ca(const struct kubeconfig *c, struct digest *ret);
