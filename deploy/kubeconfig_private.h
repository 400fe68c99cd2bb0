/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of kubeconfig share: the files that were read, and certificates as PEM texts. */
#pragma once

#include "deploy/kubeconfig.h"
#include "deploy/kubeconfig_yaml.h"

#define KUBECONFIG_FILES_MAX 64
#define KUBECONFIG_PEM_MAX   ((size_t)1 << 20)

struct kube_file {
	char *origin, *dir; /* dir: what relative paths begin at */
	bool others_write;  /* others could have put a program into it */
	struct kyaml_doc doc;
};
/* The context out of files in their order: the first that defines a name wins with the whole of it.
 */
int kubeconfig_resolve(const struct kube_file *files, size_t n, const char *context,
                       struct kubeconfig *ret, struct err *e);
/* What a pod finds in folder; host and port of the environment. */
int kubeconfig_in_cluster(const char *folder, const char *host, const char *port,
                          struct kubeconfig *ret, struct err *e);

enum pem_kind { PEM_CERTIFICATE, PEM_KEY };
/* At least one block of that kind that is base64, and no key under a passphrase. MALFORMED names
 * what. With ret: SHA-256 over the blocks, decoded, one behind the other. */
int kubeconfig_pem_check(struct str text, enum pem_kind kind, const char *what, struct digest *ret,
                         struct err *e);
/* A file whose bytes are wiped by the caller; *ret is NUL-terminated. */
int kubeconfig_read_secret(const char *path, size_t max, char **ret, size_t *ret_n, struct err *e);
void kubeconfig_wipe(char *s); /* and frees; NULL is fine */

/* An entry of clusters, users or contexts: where it stands, for messages and relative paths. */
struct kube_entry {
	const struct kube_file *file;
	const char *kind, *name;
	const struct kyaml *map; /* NULL: empty */
};
int entry_bad(const struct kube_entry *at, struct err *e, enum err_code code, const char *key,
              const char *what);
int entry_expect(const struct kube_entry *at, const struct kyaml *v, int kind, const char *key,
                 const char *what, struct err *e);
/* Text of a scalar, owned; "" for what is there and empty. */
int entry_text_value(const struct kube_entry *at, const struct kyaml *v, const char *key,
                     char **ret, struct err *e);
/* A member; *ret stays when it is absent or empty. */
int entry_text(const struct kube_entry *at, const struct kyaml *map, const char *key, char **ret,
               struct err *e);
int entry_bool(const struct kube_entry *at, const char *key, bool *ret, struct err *e);
/* A list of texts, NULL-terminated; *ret stays when it is absent or empty. */
int entry_texts(const struct kube_entry *at, const struct kyaml *map, const char *key, char ***ret,
                struct err *e);
char *entry_path(const struct kube_file *f, const char *path);
/* KEY-data, else the file that KEY names; checked to be PEM of that kind. *ret stays: neither. */
int entry_pem(const struct kube_entry *at, const char *key, enum pem_kind kind, char **ret,
              struct err *e);
