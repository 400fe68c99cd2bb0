/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ecdsa.c and the module slipway-hash.so say to each other: one table of functions under one
 * symbol, DER in and DER out. A module that names another version is not used. Nobody else includes
 * this header.
 */
#pragma once

#include "crypto/ecdsa.h"
#include "crypto/module.h"

#define ECDSA_MODULE_VERSION 1
#define ECDSA_MODULE_SYMBOL  "slipway_ecdsa_module"

struct ecdsa_der {
	const uint8_t *p;
	size_t n;
};

enum ecdsa_form { ECDSA_SEC1, ECDSA_PKCS8, ECDSA_PKCS8_ENCRYPTED };

/* Functions return an enum ecdsa_status; what they give is malloc'ed or a key to free_key. */
struct ecdsa_module {
	struct module_head head;
	int (*public_key)(const struct ecdsa_der *spki, struct ecdsa_key **ret);
	/* passphrase: of ECDSA_PKCS8_ENCRYPTED, else unread */
	int (*private_key)(const struct ecdsa_der *der, enum ecdsa_form form,
	                   const char *passphrase, struct ecdsa_key **ret);
	int (*chain_key)(const struct ecdsa_der *chain, size_t chain_n,
	                 const struct ecdsa_der *roots, size_t roots_n, int64_t at_s,
	                 struct ecdsa_key **ret);
	void (*free_key)(struct ecdsa_key *k);
	enum ecdsa_curve (*curve)(const struct ecdsa_key *k);
	int (*spki)(const struct ecdsa_key *k, uint8_t **ret, size_t *ret_n);
	int (*verify)(const struct ecdsa_der *sig, const void *p, size_t n,
	              const struct ecdsa_key *k);
	int (*sign)(const void *p, size_t n, const struct ecdsa_key *k, uint8_t **ret,
	            size_t *ret_n);
};
