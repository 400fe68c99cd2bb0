/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, their SSH names as ssh-keygen prints them, and what is a signature and what is not. */
#include "crypto/key.h"

#include "crypto/ed25519.h"
#include "tests/unit/crypto_vectors.h"

/* Made with ssh-keygen; the ids are what `ssh-keygen -lf` printed. */
static const struct {
	const char *seed, *ssh, *id;
} named[] = {
	{ "39355afe29f242220500aebe6a5078ac27a1ddd2dee82eec93187b5275ddb9f3",
	  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMkDROaMlSMLxWpwzwNXWpReanCX0gwEx5gNbO0DoH+L",
	  "SHA256:KLbGQZ1zOcLTNuGobXW7H4LvOeeP51CsQ5xeuJP/DDo" },
	{ "4a4dc4c14799422309ef58db309c3c035c6a160ca2b1e918886c22082e8b0077",
	  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbWEDBK2CiOt32wbSz94Lz8Qh3iEUfIf8kuoSECjSNs",
	  "SHA256:UbXCPmtUz9F2Fya1sth3XKpjd9Mny6Q+vH7szSUhGj0" },
};

/* RFC 8032 7.1, tests 1 to 3 */
static const struct {
	const char *seed, *pub, *msg, *sig;
} rfc8032[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	  "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	  "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

static struct secret_key *
key_of(const char *seed_hex)
{
	uint8_t seed[KEY_SEED_SIZE];
	struct secret_key *k;

	cr_assert_eq(unhex(seed_hex, seed, sizeof seed), sizeof seed);
	k = key_from_seed(seed);
	cr_assert(k != NULL);
	cr_expect(memcmp(k->seed, seed, sizeof seed) == 0);

	return k;
}

Test(key, names)
{
	char id[KEY_ID_SIZE], ssh[KEY_SSH_SIZE];
	struct secret_key *k, *other;

	cr_assert_eq(crypto_init(), 0);
	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
		struct public_key again;

		k = key_of(named[i].seed);
		key_id(&k->pub, id);
		key_ssh(&k->pub, ssh);
		cr_expect_str_eq(id, named[i].id);
		cr_expect_str_eq(ssh, named[i].ssh);
		cr_assert_eq(key_parse_ssh(&again, ssh, strlen(ssh)), 0);
		cr_expect(memcmp(&again, &k->pub, sizeof again) == 0);
		key_free(k);
	}

	/* a made key is the key of its own seed, and no two are the same */
	k = key_generate();
	cr_assert(k != NULL);
	other = key_from_seed(k->seed);
	cr_assert(other != NULL);
	cr_expect(memcmp(k, other, sizeof *k) == 0);
	key_free(other);
	other = key_generate();
	cr_assert(other != NULL);
	cr_expect(memcmp(k->seed, other->seed, sizeof k->seed) != 0);
	key_free(other);
	key_free(k);
	key_free(NULL);
}

/* the wire form of a key without its last digits, and those */
#define K1_HEAD "AAAAC3NzaC1lZDI1NTE5AAAAIMkDROaMlSMLxWpwzwNXWpReanCX0gwEx5gNbO0DoH"
#define K1      K1_HEAD "+L"

Test(key, parse_ssh)
{
#define CASE(text, rc, why) { text, sizeof text - 1, rc, why }
	static const struct {
		const char *text;
		size_t n;
		int rc;
		const char *why;
	} cases[] = {
		CASE("ssh-ed25519 " K1, 0, "bare"),
		CASE("ssh-ed25519 " K1 "\n", 0, "line end"),
		CASE("ssh-ed25519 " K1 "\r\n", 0, "two-byte line end"),
		CASE("ssh-ed25519 " K1 " ana@site, laptop\n", 0, "comment"),
		CASE("ssh-ed25519 " K1 "\tana\n", 0, "tab"),
		CASE("", -1, "nothing"),
		CASE("ssh-ed25519 ", -1, "no key"),
		CASE(" ssh-ed25519 " K1, -1, "blank in front"),
		CASE("ssh-ed25519  " K1, -1, "two blanks"),
		CASE("ssh-ed25519 " K1 "x", -1, "one digit more"),
		CASE("ssh-ed25519 " K1 "\n\n", -1, "two line ends"),
		CASE("ssh-ed25519 " K1 " a\nssh-ed25519 " K1 "\n", -1, "two keys"),
		CASE("ssh-ed25519 " K1 " a\0b", -1, "NUL"),
		CASE("ssh-rsa " K1, -1, "another type outside"),
		CASE("ssh-ed25519 " K1_HEAD "+", -1, "a digit short"),
		CASE("ssh-ed25519 " K1_HEAD "==", -1, "padding, a byte short"),
		CASE("ssh-ed25519 " K1_HEAD "-L", -1, "the URL alphabet"),
		CASE("ssh-ed25519 AAAAC3NzaC1lZDI1NTE4AAAAI"
		     "MkDROaMlSMLxWpwzwNXWpReanCX0gwEx5gNbO0DoH+L", -1, "another type inside"),
		CASE("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"
		     "ckDROaMlSMLxWpwzwNXWpReanCX0gwEx5gNbO0DoH+L", -1, "another length inside"),
	};
#undef CASE

	cr_assert_eq(crypto_init(), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct public_key k = { 0 };

		cr_expect_eq(key_parse_ssh(&k, cases[i].text, cases[i].n), cases[i].rc, "%s",
		             cases[i].why);
		cr_expect_eq(k.b[0] != 0, cases[i].rc == 0, "%s", cases[i].why);
	}
}

Test(key, sign_and_verify)
{
	cr_assert_eq(crypto_init(), 0);
	for (size_t i = 0; i < sizeof rfc8032 / sizeof rfc8032[0]; i++) {
		uint8_t pub[KEY_PUBLIC_SIZE], msg[8], want[ED25519_SIG_SIZE], sig[ED25519_SIG_SIZE];
		struct secret_key *k = key_of(rfc8032[i].seed);
		size_t n = unhex(rfc8032[i].msg, msg, sizeof msg);

		cr_assert_eq(unhex(rfc8032[i].pub, pub, sizeof pub), sizeof pub);
		cr_assert_eq(unhex(rfc8032[i].sig, want, sizeof want), sizeof want);
		cr_expect(memcmp(k->pub.b, pub, sizeof pub) == 0, "public key %zu", i);
		cr_assert_eq(ed25519_sign(sig, msg, n, k), 0);
		cr_expect(memcmp(sig, want, sizeof want) == 0, "signature %zu", i);
		cr_expect_eq(ed25519_verify(sig, msg, n, &k->pub), 0);
		k->pub.kind = KEY_ECDSA_P256;
		cr_expect(ed25519_verify(sig, msg, n, &k->pub) < 0, "a key of another kind");
		k->pub.kind = KEY_ED25519;
		msg[n] = 0;
		cr_expect(ed25519_verify(sig, msg, n + 1, &k->pub) < 0, "a byte more");
		for (size_t bit = 0; bit < 8 * sizeof sig; bit++) {
			sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
			cr_expect(ed25519_verify(sig, msg, n, &k->pub) < 0, "bit %zu", bit);
			sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		k->pub.b[0] ^= 1;
		cr_expect(ed25519_verify(sig, msg, n, &k->pub) < 0);
		key_free(k);
	}
}

static int
verify_hex(const char *key_hex, const char *sig_hex, const uint8_t *msg, size_t n)
{
	struct public_key key = { 0 };
	uint8_t sig[ED25519_SIG_SIZE];

	cr_assert_eq(unhex(key_hex, key.b, KEY_PUBLIC_SIZE), KEY_PUBLIC_SIZE);
	cr_assert_eq(unhex(sig_hex, sig, sizeof sig), sizeof sig);

	return ed25519_verify(sig, msg, n, &key);
}

Test(key, wycheproof)
{
	json_t *j = vector_json("wycheproof/ed25519_test.json"), *group, *t;
	size_t i, k, count = 0;

	cr_assert_eq(crypto_init(), 0);
	json_array_foreach (json_object_get(j, "testGroups"), i, group) {
		const char *pk = vector_text(json_object_get(group, "publicKey"), "pk");

		json_array_foreach (json_object_get(group, "tests"), k, t) {
			const char *sig = vector_text(t, "sig");
			uint8_t msg[4096];
			size_t n = unhex(vector_text(t, "msg"), msg, sizeof msg);
			bool is_valid = strcmp(vector_text(t, "result"), "valid") == 0;

			count++;
			if (strlen(sig) != 2 * ED25519_SIG_SIZE) {
				/* the caller's array has the size: no such call can be made */
				cr_expect(!is_valid);
				continue;
			}
			cr_expect_eq(verify_hex(pk, sig, msg, n) == 0, is_valid, "tcId %d",
			             (int)vector_number(t, "tcId"));
		}
	}
	cr_expect_eq(count, vector_number(j, "numberOfTests"));
	vector_count("Wycheproof Ed25519", count);
	json_decref(j);
}

/* Where verifiers disagree libsodium's choice is pinned: it decides what was ever signed here. */
Test(key, edge_cases)
{
	json_t *j = vector_json("cctv-ed25519/ed25519vectors-even.json"), *t, *flag;
	size_t i, k, accepted = 0;

	cr_assert_eq(crypto_init(), 0);
	json_array_foreach (j, i, t) {
		const char *msg = vector_text(t, "msg");

		if (verify_hex(vector_text(t, "key"), vector_text(t, "sig"), (const uint8_t *)msg,
		               strlen(msg)) < 0)
			continue;
		accepted++;
		json_array_foreach (json_object_get(t, "flags"), k, flag) {
			const char *f = json_string_value(flag);

			cr_expect_str_eq(f, "low_order_component_A", "number %d",
			                 (int)vector_number(t, "number"));
		}
	}
	cr_expect_eq(i, 457);
	vector_count("CCTV Ed25519", i);
	cr_expect_eq(accepted, 7, "%zu accepted", accepted);
	json_decref(j);

	j = vector_json("ed25519-speccheck/cases.json");
	json_array_foreach (j, i, t) {
		uint8_t msg[64];
		size_t n = unhex(vector_text(t, "message"), msg, sizeof msg);
		int rc = verify_hex(vector_text(t, "pub_key"), vector_text(t, "signature"), msg, n);

		cr_expect_eq(rc == 0, i == 3, "case %zu", i);
	}
	cr_expect_eq(i, 12);
	vector_count("ed25519-speccheck", i);
	json_decref(j);
}
