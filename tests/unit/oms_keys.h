/* SPDX-License-Identifier: Apache-2.0 */
/* Keys thrown away, and OMS bundles around any payload, signed with one of them. */
#pragma once

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ecdsa.h"
#include "crypto/pae.h"
#include "registry/base/base64.h"
#include "registry/oms.h"

static const char p256[] = "-----BEGIN PRIVATE KEY-----\n"
                           "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghAtcPay4UFH77ALW\n"
                           "VYNh3jvWsHRH4zGNl+BKjgWZUP6hRANCAATW3gQzP1cVwpFUvdUj4XuzbVWD6pT8\n"
                           "s0pAl6P4NmJDeJEe60UYRcr6QwV7F53Emujjh6gtiREeDrC91cYXCHJt\n"
                           "-----END PRIVATE KEY-----\n";
static const char p384[] = "-----BEGIN PRIVATE KEY-----\n"
                           "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDzgM5r7mn8htm12v+H\n"
                           "HC1zKTEMe12RZ4si1ZZ2IbbgniBbHjYriCwMboe+NUVaKyKhZANiAAQWm6F9wvuA\n"
                           "00JXcj8+wQ3ZilxlwI2+4CqN4FdLINA8NCFSOshMKLT/jR3fmM9zljt5HYwYw3rk\n"
                           "LGg872yaSbB3Kgr2FkHn4FBPMK0qxQ0bi0K10sKBvT6XtLWIjJfUZNw=\n"
                           "-----END PRIVATE KEY-----\n";
static const char p521[] = "-----BEGIN PRIVATE KEY-----\n"
                           "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIB1EVEk7JHMWZGGQmd\n"
                           "D+OhvXwZns03wQbMuyFR8E1MLVUg9AFzTGOt9A6+3Yl0SSrlYJ/hnEGbWvdVaLkQ\n"
                           "YzfuMVShgYkDgYYABAH4omULinCgYAk6Jj4WovTDDDHjF3PRyEXVeHo9BmcHk++I\n"
                           "2Tor7etpIMp7IwJL8Nw+x4aohan3ntl0LjQ4GS31TwDhFKucPFdhazcl3WdU/EhQ\n"
                           "8DJ/EfD8XO9bMBkbdYOzga8yXLMCdA956O00eFvp/uP5vilFxlaBtLbEk3DZSAM/\n"
                           "Rg==\n"
                           "-----END PRIVATE KEY-----\n";

static inline void
oms_test_init(void)
{
	cr_assert_eq(crypto_init(), 0);
}

static inline struct ecdsa_key *
secret_of(const char *pem)
{
	struct ecdsa_key *k = NULL;

	cr_assert_eq(ecdsa_private_pem(pem, strlen(pem), NULL, &k), 0);
	return k;
}

static inline char *
public_of(const char *pem)
{
	struct ecdsa_key *const k = secret_of(pem);
	char *text = NULL;
	size_t n;

	cr_assert_eq(ecdsa_spki_pem(k, &text, &n), 0);
	ecdsa_free(k);
	return text;
}

/* The bundle that p256 makes of a payload of that type. */
static inline void
bundle_of(const char *type, const char *payload, struct buf *ret)
{
	struct ecdsa_key *const k = secret_of(p256);
	cleanup_free char *pem = public_of(p256);
	char hint[DIGEST_HEX_SIZE];
	struct digest d;
	uint8_t *sig;
	size_t sig_n;
	size_t n;
	char *bytes = pae(type, strlen(type), payload, strlen(payload), &n);

	cr_assert_eq(ecdsa_sign(bytes, n, k, &sig, &sig_n), 0);
	digest_small(pem, strlen(pem), &d);
	digest_hex(&d, hint);
	buf_adds(ret, "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","
	              "\"verificationMaterial\":{\"publicKey\":{\"hint\":\"");
	buf_addf(ret, "%s\"},\"tlogEntries\":[]},\"dsseEnvelope\":{\"payload\":\"", hint);
	base64_add(ret, payload, strlen(payload));
	buf_addf(ret, "\",\"payloadType\":\"%s\",\"signatures\":[{\"sig\":\"", type);
	base64_add(ret, sig, sig_n);
	buf_adds(ret, "\",\"keyid\":\"\"}]}}");
	free(sig);
	free(bytes);
	ecdsa_free(k);
}

#define IN_TOTO "application/vnd.in-toto+json"
#define STATEMENT(root, resources, serialization)                                                  \
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"m\",\"digest\":{" \
	"\"sha256\":\"" root "\"}}],\"predicateType\":\"https://model_signing/signature/v1.0\","   \
	"\"predicate\":{\"resources\":[" resources "],\"serialization\":{" serialization "}}}"
#define RESOURCE(name, algorithm, hex) \
	"{\"name\":\"" name "\",\"algorithm\":\"" algorithm "\",\"digest\":\"" hex "\"}"
#define FILES  "\"method\":\"files\",\"hash_type\":\"sha256\",\"allow_symlinks\":false"
#define SHARDS "\"method\":\"shards\",\"hash_type\":\"sha256\",\"allow_symlinks\":false"
/* SHA-256 of "a", "b"; and of these as raw bytes: one, both, both the other way round */
#define SUM_A     "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
#define SUM_B     "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
#define ROOT_A    "bf5d3affb73efd2ec6c36ad3112dd933efed63c4e1cbffcfa88e2759c144f2d8"
#define ROOT_AB   "e5a01fee14e0ed5c48714f22180f25ad8365b53f9779f79dc4a3d7e93963f94a"
#define ROOT_BA   "18d79cb747ea174c59f3a3b41768672526d56fecc58360a99d283d0f9b0a3cc0"
#define ROOT_AA   "251a262291b87cb3c93a6ed71865da1f2c090c3d0196661a8f4a705b65836f71"
#define ROOT_NONE "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ROOT_ABA  "1dc5f0d9ab3f927842ef9201831e54f8ef41b663557b407581b4b465be98d2b4"
