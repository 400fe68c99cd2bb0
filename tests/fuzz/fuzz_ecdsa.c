/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says what the others are: the text of a public (p) or secret (s) key, the DER
 * inside of one (d; e, 8, x), a signature (g), a certificate below a root (c), roots (r). No
 * passphrase is given, so no cost that a file names is paid.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <sodium.h>

#include "crypto/ecdsa.h"

#define AT_S 1800000000 /* in the time of both certificates */

static const char key_text[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/bGfFakk/x5CPLDIjANDf77iKbaX\n"
                               "OdG1ElScKbwgUdJqfymNtnUf2bo691t0KB3qjhjbtNn9iDfVhlWeWBgJWg==\n"
                               "-----END PUBLIC KEY-----\n";
static const char root_text[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBdDCCARugAwIBAgIUB3Pfw55ec2/sf1cEd5DIN+p7AzcwCgYIKoZIzj0EAwIw\n"
                                "DzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjYwNzQxMTJaGA8yMTI2MTEwMjA3NDEx\n"
                                "MlowDzENMAsGA1UEAwwEcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHqs\n"
                                "42YeIn4L47R5HTsvqKUI7r9a6IQSKqqo7sv5BP/NOwPPoUNkOrvcjmT71NV4OKNM\n"
                                "gaAbVYYdOEbDqffapfejUzBRMB0GA1UdDgQWBBRCWw/qdtCGV1/yWc8+Kfx9Jic/\n"
                                "MzAfBgNVHSMEGDAWgBRCWw/qdtCGV1/yWc8+Kfx9Jic/MzAPBgNVHRMBAf8EBTAD\n"
                                "AQH/MAoGCCqGSM49BAMCA0cAMEQCICT5J1/l/8SVxCO1Jjq1EhW9z8TSa/7tehgK\n"
                                "0wp33MeKAiBh/L34SBlSxa0nfxhPKjRATfhX9faN3fiXxPpZXVKhgg==\n"
                                "-----END CERTIFICATE-----\n";

/* A key that was read can be written, and what was written is the same key. Frees it. */
static void
promise_key(int rc, struct ecdsa_key *k)
{
	struct ecdsa_key *again = NULL;
	char *text, *text_again;
	size_t n, n_again;

	PROMISE(rc <= 0 && (rc == ECDSA_OK) == (k != NULL));
	PROMISE(rc != ECDSA_MODULE && rc != ECDSA_MEMORY);
	if (!k)
		return;
	PROMISE(ecdsa_spki_pem(k, &text, &n) == ECDSA_OK);
	PROMISE(ecdsa_public_pem(text, n, &again) == ECDSA_OK);
	PROMISE(ecdsa_curve_of(again) == ecdsa_curve_of(k));
	PROMISE(ecdsa_spki_pem(again, &text_again, &n_again) == ECDSA_OK);
	PROMISE(n == n_again && memcmp(text, text_again, n) == 0);
	free(text);
	free(text_again);
	ecdsa_free(again);
	ecdsa_free(k);
}

static void
read_key(const char *text, size_t n, bool is_secret)
{
	struct ecdsa_key *k = NULL;
	const int rc =
	        is_secret ? ecdsa_private_pem(text, n, NULL, &k) : ecdsa_public_pem(text, n, &k);

	promise_key(rc, k);
}

/* The same bytes in the one text that holds them. */
static void
read_key_der(const char *label, const uint8_t *p, size_t n, bool is_secret)
{
	const size_t size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
	cleanup_free char *b64 = xmalloc(size);
	cleanup_free char *text = NULL;

	sodium_bin2base64(b64, size, p, n, sodium_base64_VARIANT_ORIGINAL);
	text = xasprintf("-----BEGIN %s-----\n%s\n-----END %s-----\n", label, b64, label);
	read_key(text, strlen(text), is_secret);
}

static void
read_signature(const uint8_t *p, size_t n)
{
	struct ecdsa_key *k = NULL;
	int rc;

	PROMISE(ecdsa_public_pem(key_text, sizeof key_text - 1, &k) == ECDSA_OK);
	rc = ecdsa_verify(p, n, "fuzz", 4, k);
	PROMISE(rc == ECDSA_OK || rc == ECDSA_BAD);
	PROMISE(ecdsa_verify(p, n, "fuzy", 4, k) == ECDSA_BAD);
	ecdsa_free(k);
}

static void
read_chain(const uint8_t *der, size_t der_n, const char *roots, size_t roots_n)
{
	struct ecdsa_key *k = NULL;
	const int rc = ecdsa_chain(&der, &der_n, 1, roots, roots_n, AT_S, &k);

	promise_key(rc, k);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	p++;
	n--;
	switch (p[-1]) {
	case 'p':
	case 's':
		read_key((const char *)p, n, p[-1] == 's');
		break;
	case 'd':
		read_key_der("PUBLIC KEY", p, n, false);
		break;
	case 'e':
		read_key_der("EC PRIVATE KEY", p, n, true);
		break;
	case '8':
		read_key_der("PRIVATE KEY", p, n, true);
		break;
	case 'x':
		read_key_der("ENCRYPTED PRIVATE KEY", p, n, true);
		break;
	case 'g':
		read_signature(p, n);
		break;
	case 'c':
		read_chain(p, n, root_text, sizeof root_text - 1);
		break;
	case 'r':
		read_chain(p, n, (const char *)p, n);
		break;
	default:
		break;
	}
	return 0;
}
