/* SPDX-License-Identifier: Apache-2.0 */
/* SSH signatures that OpenSSH made, its verdicts about them, ours that it reads; and the armour. */
#include "crypto/sshsig.h"

#include <fnmatch.h>

#include "tests/unit/ssh_fixture.h"

#define OWN       "openssh-sshsig/"
#define GENERATED "generated/sshsig/"

static int
verify_armored(const char *text, size_t n, const char *ns, const char *msg, size_t msg_n,
               const struct public_key *key, struct sshsig_info *info)
{
	uint8_t *blob;
	size_t blob_n;
	int rc;

	if (sshsig_dearmor(text, n, &blob, &blob_n) < 0)
		return SSHSIG_MALFORMED;
	rc = sshsig_verify(blob, blob_n, ns, msg, msg_n, key, info);
	free(blob);
	return rc;
}

/* Armour is read and comes out as it was. */
static void
expect_same_armor(const char *text, size_t n, const char *what)
{
	uint8_t *blob;
	size_t blob_n;
	char *again;

	cr_assert_eq(sshsig_dearmor(text, n, &blob, &blob_n), 0, "%s", what);
	again = sshsig_armor(blob, blob_n);
	cr_assert(again != NULL);
	cr_expect_str_eq(again, text, "%s", what);
	free(again);
	free(blob);
}

Test(sshsig_openssh, own_vectors)
{
	static const struct {
		const char *key, *sig;
		enum key_kind kind;
		struct sshsig_info info;
	} rows[] = {
		{ OWN "ed25519.pub", OWN "ed25519.sig", KEY_ED25519, { 0, 0 } },
		{ OWN "ed25519_sk.pub", OWN "ed25519_sk.sig", KEY_SK_ED25519, { 1, 0x12345678 } },
		{ OWN "ecdsa.pub", OWN "ecdsa.sig", KEY_ECDSA_P256, { 0, 0 } },
	};
	enum { ROWS = sizeof rows / sizeof rows[0] };
	size_t ns_n, msg_n;
	char *ns = ssh_vector(OWN "namespace", &ns_n), *msg = ssh_vector(OWN "signed-data", &msg_n);
	struct public_key keys[ROWS];

	cr_assert_eq(crypto_init(), 0);
	for (size_t i = 0; i < ROWS; i++) {
		size_t n;
		char *pub = ssh_vector(rows[i].key, &n);

		cr_assert_eq(ssh_public(pub, n, &keys[i]), 0, "%s", rows[i].key);
		cr_expect_eq(keys[i].kind, rows[i].kind);
		free(pub);
	}
	for (size_t i = 0; i < ROWS; i++) {
		struct sshsig_info info = { 9, 9 };
		size_t n;
		char *sig = ssh_vector(rows[i].sig, &n);

		expect_same_armor(sig, n, rows[i].sig);
		for (size_t k = 0; k < ROWS; k++) {
			cr_expect_eq(verify_armored(sig, n, ns, msg, msg_n, &keys[k], &info),
			             i == k ? 0 : SSHSIG_KEY, "%s, %s", rows[i].sig, rows[k].key);
		}
		cr_expect_eq(info.flags, rows[i].info.flags);
		cr_expect_eq(info.counter, rows[i].info.counter);
		cr_expect_eq(verify_armored(sig, n, ns, msg, msg_n - 1, &keys[i], NULL),
		             SSHSIG_BAD);
		cr_expect_eq(verify_armored(sig, n, "unit", msg, msg_n, &keys[i], NULL),
		             SSHSIG_NAMESPACE);
		free(sig);
	}
	free(ns);
	free(msg);
}

/* One question to ssh-keygen -Y verify. */
struct question {
	char identity[64], ns[64], sig[64], revoked[64], time[32], verdict[16];
};

static void
cut(char *ret, size_t size, const char *p, size_t n)
{
	cr_assert(n < size);
	memcpy(ret, p, n);
	ret[n] = '\0';
}

/* Is text among the patterns between commas, and under none with a "!"? */
static bool
matches(const char *patterns, const char *text)
{
	char list[256], *rest = list, *p;
	bool found = false;

	cut(list, sizeof list, patterns, strlen(patterns));
	while ((p = strsep(&rest, ",")) != NULL) {
		if (*p == '!' && fnmatch(p + 1, text, 0) == 0)
			return false;
		found = found || (*p != '!' && fnmatch(p, text, 0) == 0);
	}
	return found;
}

/* What stands in quotes behind name, or "" */
static void
option(const char *options, const char *name, char ret[256])
{
	const char *at = strcasestr(options, name), *end;

	ret[0] = '\0';
	if (!at)
		return;
	at += strlen(name);
	end = strchr(at, '"');
	cr_assert(end != NULL);
	cut(ret, 256, at, (size_t)(end - at));
}

/* As much of allowed_signers as the vectors use. The key of a line that allows this question. */
static bool
allows(const char *line, const struct question *q, struct public_key *ret)
{
	char principals[128], options[256], value[256];
	const char *const space = strchr(line, ' ');
	const char *key = strstr(line, " ssh-ed25519 ");

	if (line[0] == '#' || !space)
		return false;
	if (!key)
		key = strstr(line, " ecdsa-sha2-nistp256 ");
	if (!key || ssh_public(key + 1, strlen(key + 1), ret) < 0)
		return false; /* not a key of ours */
	cut(principals, sizeof principals, line, (size_t)(space - line));
	cut(options, sizeof options, space, (size_t)(key - space));
	if (!matches(principals, q->identity) || strstr(options, "cert-authority"))
		return false;
	option(options, "namespaces=\"", value);
	if (value[0] && !matches(value, q->ns))
		return false;
	option(options, "valid-after=\"", value);
	if (value[0] && strcmp(q->time, value) < 0)
		return false;
	option(options, "valid-before=\"", value);
	return !value[0] || strcmp(q->time, value) < 0;
}

/* Both kinds of list hold the key: one as text, one as bytes. */
static bool
is_revoked(const struct question *q, const struct public_key *key)
{
	char name[128], ssh[KEY_SSH_SIZE];
	uint8_t wire[KEY_WIRE_MAX];
	size_t n, wire_n;
	char *list;
	bool found;

	if (strcmp(q->revoked, "none") == 0)
		return false;
	(void)snprintf(name, sizeof name, GENERATED "%s", q->revoked);
	list = ssh_vector(name, &n);
	key_ssh(key, ssh);
	key_wire(key, wire, &wire_n);
	found = memmem(list, n, ssh, strlen(ssh)) || memmem(list, n, wire, wire_n);
	free(list);
	return found;
}

static bool
accepts(const struct question *q, const char *signers, const char *msg, size_t msg_n)
{
	char name[128], line[2048];
	bool found = false;
	size_t n;
	char *sig;

	(void)snprintf(name, sizeof name, GENERATED "%s", q->sig);
	sig = ssh_vector(name, &n);
	for (const char *p = signers, *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
		struct public_key key;

		cut(line, sizeof line, p, (size_t)(end - p));
		if (allows(line, q, &key) && !is_revoked(q, &key))
			found = found || verify_armored(sig, n, q->ns, msg, msg_n, &key, NULL) == 0;
	}
	free(sig);
	return found;
}

/* Is the signature by a key of a kind that we know? Certificates, RSA and P-384 are not. */
static bool
is_ours(const struct question *q)
{
	char name[128];
	struct public_key key;
	size_t n, blob_n;
	uint8_t *blob;
	bool known;
	char *sig;

	(void)snprintf(name, sizeof name, GENERATED "%s", q->sig);
	sig = ssh_vector(name, &n);
	expect_same_armor(sig, n, q->sig);
	cr_assert_eq(sshsig_dearmor(sig, n, &blob, &blob_n), 0);
	known = sshsig_key(blob, blob_n, &key) == 0;
	free(blob);
	free(sig);
	return known;
}

static void
field(const char *line, const char *name, char *ret, size_t size)
{
	const char *at = strstr(line, name);

	cr_assert(at != NULL, "no %s in %s", name, line);
	at += strlen(name);
	cut(ret, size, at, strcspn(at, " \n"));
	cr_assert(ret[0] != '\0');
}

Test(sshsig_openssh, verdicts)
{
	size_t n, msg_n, ours = 0, theirs = 0;
	char *rows = ssh_vector(GENERATED "expected.txt", &n);
	char *signers = ssh_vector(GENERATED "allowed_signers", &n);
	char *msg = ssh_vector(GENERATED "message.txt", &msg_n);

	cr_assert_eq(crypto_init(), 0);
	for (const char *p = rows, *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
		struct question q;
		bool want;

		field(p, "identity=", q.identity, sizeof q.identity);
		field(p, "namespace=", q.ns, sizeof q.ns);
		field(p, "signature=", q.sig, sizeof q.sig);
		field(p, "revoked=", q.revoked, sizeof q.revoked);
		field(p, "verify-time=", q.time, sizeof q.time);
		field(p, "expect=", q.verdict, sizeof q.verdict);
		want = strcmp(q.verdict, "accept") == 0;
		if (is_ours(&q)) {
			cr_expect_eq(accepts(&q, signers, msg, msg_n), want, "%.*s", (int)(end - p),
			             p);
			ours++;
		} else {
			cr_expect(!accepts(&q, signers, msg, msg_n), "%.*s", (int)(end - p), p);
			theirs++;
		}
	}
	fprintf(stderr, "sshsig: %zu verdicts of ssh-keygen shared, %zu of other kinds refused\n",
	        ours, theirs);
	cr_expect_eq(ours, 14);
	cr_expect_eq(theirs, 9);
	free(rows);
	free(signers);
	free(msg);
}

#define DIGITS "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg"
#define BEGIN  "-----BEGIN SSH SIGNATURE-----"
#define END    "-----END SSH SIGNATURE-----"

Test(sshsig_openssh, armor)
{
#define CASE(text, rc, why)                    \
	{                                      \
		text, sizeof text - 1, rc, why \
	}
	static const struct {
		const char *text;
		size_t n;
		int rc;
		const char *why;
	} cases[] = {
		CASE(BEGIN "\n" DIGITS "\n" END "\n", 0, "as it should be"),
		CASE(BEGIN "\n" DIGITS "\n" END, 0, "no last line end"),
		CASE(BEGIN "\r\n" DIGITS "\r\n" END "\r\n", 0, "CRLF"),
		CASE(BEGIN "\nU1NI\nU0lHAAAAAQAAADMAAA\nALc3NoLWVkMjU1MTkAAAAg\n" END "\n", 0,
		     "short lines"),
		CASE(BEGIN "\nU\n1\nNI"
		           "U0lHAAAAAQAAADMAAA\nALc3NoLWVkMjU1MTkAAAAg\n" END "\n",
		     0, "lines of one digit"),
		CASE("", -1, "nothing"),
		CASE(BEGIN, -1, "one line without end"),
		CASE(BEGIN "\n", -1, "one line"),
		CASE(BEGIN "\n" END "\n", -1, "no digits"),
		CASE(BEGIN "\n" DIGITS "\n", -1, "no last line"),
		CASE(BEGIN "\n" DIGITS END "\n", -1, "last line in the line before"),
		CASE(DIGITS "\n" END "\n", -1, "no first line"),
		CASE("\n" BEGIN "\n" DIGITS "\n" END "\n", -1, "an empty line before"),
		CASE("x" BEGIN "\n" DIGITS "\n" END "\n", -1, "a letter before"),
		CASE(BEGIN " \n" DIGITS "\n" END "\n", -1, "a blank behind the first line"),
		CASE(BEGIN "\n" DIGITS "\n" END " \n", -1, "a blank behind the last line"),
		CASE(BEGIN "\n" DIGITS "\n" END "\r", -1, "CR without LF"),
		CASE(BEGIN "\n" DIGITS "\n" END "\n\n", -1, "an empty line behind"),
		CASE(BEGIN "\n" DIGITS "\n" END "\nx", -1, "a letter behind"),
		CASE(BEGIN "\n\n" DIGITS "\n" END "\n", -1, "an empty line"),
		CASE(BEGIN "\n" DIGITS "\n\r\n" END "\n", -1, "an empty line of CRLF"),
		CASE(BEGIN "\n " DIGITS "\n" END "\n", -1, "a blank"),
		CASE(BEGIN "\n" DIGITS "\r\r\n" END "\n", -1, "two CR"),
		CASE(BEGIN "\n" DIGITS "A\n" END "\n", -1, "a digit more"),
		CASE(BEGIN "\n" DIGITS "AA\n" END "\n", -1, "no padding"),
		CASE(BEGIN "\n" DIGITS "AA==\n" END "\n", 0, "padding"),
		CASE(BEGIN "\n" DIGITS "AB==\n" END "\n", -1, "bits that are not read"),
		CASE(BEGIN "\n" DIGITS "AA==AAAA\n" END "\n", -1, "digits behind padding"),
		CASE(BEGIN "\n" DIGITS "-_AA\n" END "\n", -1, "the URL alphabet"),
		CASE(BEGIN "\n" DIGITS "\0\n" END "\n", -1, "NUL"),
		CASE("-----BEGIN SSH SIGNATURE----\n" DIGITS "\n" END "\n", -1, "a dash short"),
		CASE("-----BEGIN PGP SIGNATURE-----\n" DIGITS "\n" END "\n", -1, "another armour"),
	};
#undef CASE

	cr_assert_eq(crypto_init(), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t *blob = NULL, *exact = ssh_exact(cases[i].text, cases[i].n);
		size_t n = 0;
		const int rc = sshsig_dearmor((const char *)exact, cases[i].n, &blob, &n);

		cr_expect_eq(rc, cases[i].rc, "%s: %d", cases[i].why, rc);
		cr_expect_eq(blob != NULL, rc == 0, "%s", cases[i].why);
		cr_expect(rc < 0 || (n >= 33 && memcmp(blob, "SSHSIG", 6) == 0), "%s",
		          cases[i].why);
		free(blob);
		free(exact);
	}
}

Test(sshsig_openssh, armor_of_every_size)
{
	uint8_t bytes[SSHSIG_MAX], *blob;
	size_t n, largest = 0;

	cr_assert_eq(crypto_init(), 0);
	randombytes_buf(bytes, sizeof bytes);
	for (size_t i = 1; i <= sizeof bytes; i++) {
		char *text = sshsig_armor(bytes, i);

		if (!text)
			continue;
		cr_expect(largest == i - 1);
		largest = i;
		cr_assert(strlen(text) <= SSHSIG_MAX);
		cr_assert_eq(sshsig_dearmor(text, strlen(text), &blob, &n), 0, "%zu bytes", i);
		cr_expect(n == i && memcmp(blob, bytes, n) == 0, "%zu bytes", i);
		free(blob);
		for (const char *p = text, *end; (end = strchr(p, '\n')) != NULL; p = end + 1)
			cr_expect(end > p && end - p <= 70);
		free(text);
	}
	cr_expect(largest > 5900, "%zu", largest);
}

/* What is longer than may be is not looked at. */
Test(sshsig_openssh, armor_too_long)
{
	const size_t around = sizeof BEGIN + 1 + strlen(END), most = (SSHSIG_MAX - around) / 4 * 4;

	cr_assert_eq(crypto_init(), 0);
	for (size_t digits = most - 4; digits <= most + 4; digits += 4) {
		uint8_t *blob = NULL;
		char *text = malloc(around + digits);
		size_t n;

		cr_assert(text != NULL);
		memset(text, 'A', around + digits);
		memcpy(text, BEGIN "\n", sizeof BEGIN);
		memcpy(text + sizeof BEGIN + digits, "\n" END, 1 + strlen(END));
		cr_expect_eq(sshsig_dearmor(text, around + digits, &blob, &n),
		             digits > most ? -1 : 0, "%zu digits", digits);
		free(blob);
		free(text);
	}
}

/* ssh-keygen -Y sign, with what it was given. */
static void
expect_signed_there(const char *dir, const char *type, const char *options)
{
	char path[128], said[256], *pub, *sig;
	struct public_key key;
	size_t n;

	cr_assert_eq(
	        ssh_run(dir, said, "rm -f k* m.sig; ssh-keygen -q -t %s -N '' -C x -f k", type), 0,
	        "%s", said);
	cr_assert_eq(ssh_run(dir, said, "ssh-keygen -Y sign %s -f k -n promote@site m", options), 0,
	             "%s", said);
	(void)snprintf(path, sizeof path, "%s/k.pub", dir);
	pub = ssh_file(path, &n);
	cr_assert_eq(ssh_public(pub, n, &key), 0);
	(void)snprintf(path, sizeof path, "%s/m.sig", dir);
	sig = ssh_file(path, &n);
	expect_same_armor(sig, n, type);
	cr_expect_eq(verify_armored(sig, n, "promote@site", "hello\n", 6, &key, NULL), 0, "%s %s",
	             type, options);
	cr_expect_eq(verify_armored(sig, n, "promote@site", "hellO\n", 6, &key, NULL), SSHSIG_BAD);
	free(sig);
	free(pub);
}

Test(sshsig_openssh, signed_there)
{
	char dir[64], said[256];

	ssh_need("ssh-keygen");
	cr_assert_eq(crypto_init(), 0);
	ssh_dir_make(dir);
	cr_assert_eq(ssh_run(dir, said, "echo hello >m"), 0);
	/* many, since a number of ECDSA is short now and then */
	for (int i = 0; i < 8; i++) {
		expect_signed_there(dir, "ed25519", "");
		expect_signed_there(dir, "ecdsa", "");
		expect_signed_there(dir, "ecdsa", "-O hashalg=sha256");
	}
	ssh_dir_remove(dir);
}

Test(sshsig_openssh, signed_here)
{
	char dir[64], path[128], said[256], ssh[KEY_SSH_SIZE], line[KEY_SSH_SIZE + 64], *text;
	struct secret_key *k;
	uint8_t *blob;
	size_t n;

	ssh_need("ssh-keygen");
	cr_assert_eq(crypto_init(), 0);
	ssh_dir_make(dir);
	k = key_generate();
	cr_assert(k != NULL);
	cr_assert_eq(sshsig_sign(k, "promote@site", "hello\n", 6, &blob, &n), 0);
	text = sshsig_armor(blob, n);
	cr_assert(text != NULL);
	(void)snprintf(path, sizeof path, "%s/m.sig", dir);
	ssh_write(path, text, strlen(text));
	key_ssh(&k->pub, ssh);
	n = (size_t)snprintf(line, sizeof line, "ana namespaces=\"promote@*\" %s\n", ssh);
	(void)snprintf(path, sizeof path, "%s/signers", dir);
	ssh_write(path, line, n);
#define VERIFY "ssh-keygen -Y verify -f signers -I ana -n %s -s m.sig"
	cr_expect_eq(ssh_run(dir, said, "echo hello | " VERIFY, "promote@site"), 0, "%s", said);
	cr_expect(strstr(said, "Good \"promote@site\" signature") != NULL, "%s", said);
	cr_expect_neq(ssh_run(dir, said, "echo hellO | " VERIFY, "promote@site"), 0, "%s", said);
	cr_expect_neq(ssh_run(dir, said, "echo hello | " VERIFY, "promote@other"), 0, "%s", said);
#undef VERIFY
	free(text);
	free(blob);
	key_free(k);
	ssh_dir_remove(dir);
}
