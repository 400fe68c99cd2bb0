/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's client against recorded conversations and an agent that lies. */
#include "crypto/sshagent.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "crypto/sshwire.h"
#include "tests/unit/sshagent_fixture.h"

enum how {
	HOW_WHOLE,
	HOW_BYTES, /* byte by byte, in one go */
	HOW_DROPS, /* byte by byte, slowly */
	HOW_HANGS_UP,
	HOW_SILENT, /* and then nothing more, the socket stays open */
	HOW_DEAF,   /* reads nothing */
};

/* One question that is expected (want_n 0: any) and what the agent then writes. */
struct step {
	uint8_t want[1024], reply[2048];
	size_t want_n, reply_n;
	enum how how;
};

/* An agent in a thread: says its steps to one caller, then hangs up. */
struct fake {
	char dir[64], path[96];
	int listener;
	pthread_t thread;
	const struct step *steps;
	size_t n, matched;
};

static size_t
read_request(int fd, uint8_t *p, size_t size)
{
	size_t n = 0, want = 4;

	while (n < want) {
		const ssize_t got = recv(fd, p + n, want - n, 0);

		if (got <= 0)
			return n;
		n += (size_t)got;
		if (n == 4)
			want = 4 + ((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
		if (want > size)
			return n;
	}
	return n;
}

static void
write_reply(int fd, const struct step *s)
{
	const size_t piece = s->how == HOW_BYTES || s->how == HOW_DROPS ? 1 : s->reply_n;

	for (size_t i = 0; i < s->reply_n; i += piece) {
		if (send(fd, s->reply + i, piece, MSG_NOSIGNAL) < 0)
			return;
		if (s->how == HOW_DROPS)
			(void)poll(NULL, 0, DROP_MS);
	}
}

static void *
fake_run(void *arg)
{
	struct fake *f = arg;
	const int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	bool is_silent = false;
	uint8_t p[2048];

	for (size_t i = 0; i < f->n && !is_silent; i++) {
		const struct step *const s = &f->steps[i];
		size_t n;

		is_silent = s->how >= HOW_SILENT;
		if (s->how == HOW_DEAF)
			break;
		n = read_request(fd, p, sizeof p);
		if (n > 0 && (s->want_n == 0 || (n == s->want_n && memcmp(p, s->want, n) == 0)))
			f->matched++;
		write_reply(fd, s);
		if (s->how == HOW_HANGS_UP)
			break;
	}
	/* until the caller has hung up */
	if (is_silent) {
		struct pollfd hangup = { .fd = fd };

		(void)poll(&hangup, 1, PATIENT_MS);
	}
	(void)close(fd);
	return NULL;
}

static struct sshagent *
fake_open(struct fake *f, const struct step *steps, size_t n, int timeout_ms)
{
	struct sshagent *a = NULL;

	ssh_dir_make(f->dir);
	(void)snprintf(f->path, sizeof f->path, "%s/agent", f->dir);
	f->listener = listen_at(f->path);
	f->steps = steps;
	f->n = n;
	f->matched = 0;
	cr_assert_eq(pthread_create(&f->thread, NULL, fake_run, f), 0);
	cr_assert_eq(sshagent_open(f->path, timeout_ms, &a), SSHAGENT_OK);
	return a;
}

static void
fake_close(struct fake *f, struct sshagent *a)
{
	sshagent_close(a);
	cr_assert_eq(pthread_join(f->thread, NULL), 0);
	(void)close(f->listener);
	ssh_dir_remove(f->dir);
}

static int64_t
clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The exchanges of a recorded session. */
static size_t
load_steps(const json_t *session, struct step *ret, size_t size, enum how how)
{
	const json_t *list = json_object_get(session, "exchanges");
	const size_t n = list ? json_array_size(list) : 1;

	cr_assert(n > 0 && n <= size);
	for (size_t i = 0; i < n; i++) {
		const json_t *const x = list ? json_array_get(list, i) : session;

		memset(&ret[i], 0, sizeof ret[i]);
		ret[i].want_n =
		        unhex(vector_text(x, "request_hex"), ret[i].want, sizeof ret[i].want);
		ret[i].reply_n =
		        unhex(vector_text(x, "reply_hex"), ret[i].reply, sizeof ret[i].reply);
		ret[i].how = how;
	}
	return n;
}

static void
replay(const json_t *root, const json_t *session, const struct public_key *key, enum how how)
{
	struct fake f;
	struct step steps[2];
	const size_t n = load_steps(session, steps, 2, how);
	struct sshagent *a = fake_open(&f, steps, n, PATIENT_MS);
	struct sshagent_key *keys = NULL;
	size_t keys_n = 0, msg_n;
	uint8_t msg[256];
	char *armor;

	cr_assert_eq(sshagent_list(a, &keys, &keys_n), SSHAGENT_OK);
	cr_assert_eq(keys_n, 2, "RSA is passed over");
	cr_expect_str_eq(keys[0].comment, "a");
	cr_expect_str_eq(keys[1].comment, "b");
	cr_expect_eq(keys[0].key.kind, KEY_ED25519);
	cr_expect_eq(keys[1].key.kind, KEY_ECDSA_P256);
	cr_expect(memcmp(&keys[key->kind == KEY_ED25519 ? 0 : 1].key, key, sizeof *key) == 0);
	free(keys);
	msg_n = unhex(vector_text(root, "message_hex"), msg, sizeof msg);
	armor = sign_by(a, key, vector_text(root, "namespace"), msg, msg_n);
	cr_expect_str_eq(armor, vector_text(session, "armored"));
	free(armor);
	cr_expect_eq(sshagent_list(a, &keys, &keys_n), SSHAGENT_MALFORMED, "it hung up");
	fake_close(&f, a);
	cr_expect_eq(f.matched, n, "%zu of %zu requests are ssh-keygen's", f.matched, n);
}

/* A key that the agent has not. */
static void
replay_refusal(const json_t *session)
{
	struct public_key absent = { .kind = KEY_ED25519 };
	struct fake f;
	struct step steps[1];
	struct sshagent *a;
	uint8_t *sig = NULL;
	size_t n;

	(void)load_steps(session, steps, 1, HOW_WHOLE);
	memset(absent.b, 0x11, KEY_PUBLIC_SIZE);
	a = fake_open(&f, steps, 1, PATIENT_MS);
	cr_expect_eq(sshagent_sign(a, &absent, "data", 4, &sig, &n), SSHAGENT_REFUSED);
	cr_expect(sig == NULL);
	fake_close(&f, a);
	cr_expect_eq(f.matched, 1, "the request is the recorded one");
}

Test(sshagent, recorded)
{
	json_t *root = vector_json("generated/ssh-agent/transcripts.json"), *s;
	size_t i, replayed = 0, refused = 0, passed = 0;

	cr_assert_eq(crypto_init(), 0);
	json_array_foreach(json_object_get(root, "sessions"), i, s)
	{
		const char *const ssh = json_string_value(json_object_get(s, "key"));
		struct public_key key;

		if (ssh && ssh_public(ssh, strlen(ssh), &key) == 0) {
			replay(root, s, &key, HOW_WHOLE);
			replay(root, s, &key, HOW_BYTES);
			replayed++;
		} else if (!ssh && strstr(vector_text(s, "case"), "key the agent lacks")) {
			replay_refusal(s);
			refused++;
		} else {
			passed++; /* RSA, and a message that we never send */
		}
	}
	fprintf(stderr, "sshagent: %zu sessions replayed, %zu refusal, %zu not ours\n", replayed,
	        refused, passed);
	cr_expect_eq(replayed, 2);
	cr_expect_eq(refused, 1);
	cr_expect_eq(passed, 2);
	json_decref(root);
}

/* An Ed25519 key as it is listed, without its last digit: 51 bytes and a comment of one. */
#define KEY_HEX                  \
	"00000033"               \
	"0000000b"               \
	"7373682d65643235353139" \
	"00000020"               \
	"1ece8651a999689829e2e14b1f11ae9e9001a0bbed3c0e61455a087d498eaeb5"
#define LISTED KEY_HEX "0000000161"

/* Answers behind their length; MALFORMED and TIMEOUT end the conversation. */
static const struct hostile {
	const char *why, *hex;
	int list, sign;
	enum how how;
} hostile[] = {
	{ "no keys",
	  "00000005"
	  "0c"
	  "00000000",
	  SSHAGENT_OK, SSHAGENT_MALFORMED, HOW_WHOLE },
	{ "one key",
	  "00000041"
	  "0c"
	  "00000001" LISTED,
	  SSHAGENT_OK, SSHAGENT_MALFORMED, HOW_WHOLE },
	{ "a signature",
	  "00000006"
	  "0e"
	  "00000001"
	  "78",
	  SSHAGENT_MALFORMED, SSHAGENT_OK, HOW_WHOLE },
#define BOTH(status) status, status
	{ "no",
	  "00000001"
	  "05",
	  BOTH(SSHAGENT_REFUSED), HOW_WHOLE },
	{ "no, of SSH 2",
	  "00000001"
	  "1e",
	  BOTH(SSHAGENT_REFUSED), HOW_WHOLE },
	{ "no, of SSH.COM",
	  "00000001"
	  "66",
	  BOTH(SSHAGENT_REFUSED), HOW_WHOLE },
	{ "no, slowly",
	  "00000001"
	  "05",
	  BOTH(SSHAGENT_REFUSED), HOW_BYTES },
	{ "no and more",
	  "00000002"
	  "0500",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "yes, of no use",
	  "00000001"
	  "06",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "type 0",
	  "00000001"
	  "00",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "no length", "00000000", BOTH(SSHAGENT_MALFORMED), HOW_SILENT },
	{ "a byte longer than may be", "00040001", BOTH(SSHAGENT_MALFORMED), HOW_SILENT },
	{ "4 GiB", "ffffffff", BOTH(SSHAGENT_MALFORMED), HOW_SILENT },
	{ "nothing at all", "", BOTH(SSHAGENT_MALFORMED), HOW_HANGS_UP },
	{ "half a length", "0000", BOTH(SSHAGENT_MALFORMED), HOW_HANGS_UP },
	{ "half an answer",
	  "00000005"
	  "0c00",
	  BOTH(SSHAGENT_MALFORMED), HOW_HANGS_UP },
	{ "half a signature",
	  "0000000a"
	  "0e"
	  "00000005"
	  "78",
	  BOTH(SSHAGENT_MALFORMED), HOW_HANGS_UP },
	{ "silence", "", BOTH(SSHAGENT_TIMEOUT), HOW_SILENT },
	{ "a length and silence", "00000001", BOTH(SSHAGENT_TIMEOUT), HOW_SILENT },
	{ "half an answer and silence",
	  "00000005"
	  "0c00",
	  BOTH(SSHAGENT_TIMEOUT), HOW_SILENT },
	{ "drop by drop",
	  "00000041"
	  "0c"
	  "00000001" LISTED,
	  BOTH(SSHAGENT_TIMEOUT), HOW_DROPS },
	{ "no count",
	  "00000001"
	  "0c",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "half a count",
	  "00000004"
	  "0c"
	  "000000",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "one key, says none",
	  "00000041"
	  "0c"
	  "00000000" LISTED,
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "one key, says two",
	  "00000041"
	  "0c"
	  "00000002" LISTED,
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "one key, says 2^32 - 1",
	  "00000041"
	  "0c"
	  "ffffffff" LISTED,
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "none, says 2^32 - 1",
	  "00000005"
	  "0c"
	  "ffffffff",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "a key without comment",
	  "0000003c"
	  "0c"
	  "00000001" KEY_HEX,
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "a comment too long by one",
	  "00000041"
	  "0c"
	  "00000001" KEY_HEX "0000000261",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "a comment of 4 GiB",
	  "00000041"
	  "0c"
	  "00000001" KEY_HEX "ffffffff61",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "a byte behind the keys",
	  "00000042"
	  "0c"
	  "00000001" LISTED "00",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "a signature of nothing",
	  "00000005"
	  "0e"
	  "00000000",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "a signature that is cut",
	  "00000006"
	  "0e"
	  "00000002"
	  "78",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
	{ "a byte behind the signature",
	  "00000007"
	  "0e"
	  "00000001"
	  "7800",
	  BOTH(SSHAGENT_MALFORMED), HOW_WHOLE },
#undef BOTH
};

Test(sshagent, hostile)
{
	cr_assert_eq(crypto_init(), 0);
	for (size_t i = 0; i < 2 * sizeof hostile / sizeof hostile[0]; i++) {
		const struct hostile *const h = &hostile[i / 2];
		const bool sign = i % 2 == 1;
		const int want = sign ? h->sign : h->list;
		struct step steps[2] = { { .how = h->how } };
		struct fake f;
		struct sshagent *a;
		int64_t begin_ms = clock_ms();
		int rc;

		steps[0].reply_n = unhex(h->hex, steps[0].reply, sizeof steps[0].reply);
		/* a second answer, which is good */
		steps[1].reply_n = unhex(sign ? "000000060e0000000178" : "000000050c00000000",
		                         steps[1].reply, sizeof steps[1].reply);
		a = fake_open(&f, steps, 2, want == SSHAGENT_TIMEOUT ? SHORT_MS : PATIENT_MS);
		rc = ask(a, sign);
		cr_expect_eq(rc, want, "%s: %d", h->why, rc);
		rc = ask(a, sign);
		cr_expect_eq(rc, want == SSHAGENT_REFUSED ? SSHAGENT_OK : want, "again: %s: %d",
		             h->why, rc);
		fake_close(&f, a);
		cr_expect(clock_ms() - begin_ms < PATIENT_MS / 2, "%s: too late", h->why);
	}
}

/* The longest request there may be, to an agent that does not read; and one that is longer. */
Test(sshagent, long_requests)
{
	static const struct step deaf[] = { { .how = HOW_DEAF } };
	static const struct step answer[] = { { .reply = "\0\0\0\6\16\0\0\0\1x", .reply_n = 10 } };
	const struct public_key key = { .kind = KEY_ED25519 };
	const size_t most = SSHAGENT_REPLY_MAX - (1 + 4 + 51 + 4 + 4);
	uint8_t *p = calloc(most + 1, 1), *sig = NULL;
	struct sshagent *a;
	struct fake f;
	size_t n;

	cr_assert(p != NULL);
	cr_assert_eq(crypto_init(), 0);
	a = fake_open(&f, deaf, 1, SHORT_MS);
	cr_expect_eq(sshagent_sign(a, &key, p, most, &sig, &n), SSHAGENT_TIMEOUT);
	fake_close(&f, a);

	a = fake_open(&f, answer, 1, PATIENT_MS);
	cr_expect_eq(sshagent_sign(a, &key, p, most + 1, &sig, &n), SSHAGENT_SYSTEM);
	cr_expect_eq(errno, EMSGSIZE);
	cr_expect_eq(sshagent_sign(a, &key, p, SIZE_MAX, &sig, &n), SSHAGENT_SYSTEM);
	/* nothing was sent: the conversation goes on */
	cr_expect_eq(sshagent_sign(a, &key, p, 4, &sig, &n), SSHAGENT_OK);
	cr_expect(n == 1 && sig && sig[0] == 'x');
	free(sig);
	fake_close(&f, a);
	free(p);
}

/* Comments are cut to what there is room for. */
Test(sshagent, comments)
{
	static const struct {
		size_t n, want;
	} cases[] = { { 0, 0 }, { 1, 1 }, { 127, 127 }, { 128, 127 }, { 1000, 127 } };

	cr_assert_eq(crypto_init(), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t p[2048] = { 12, 0, 0, 0, 1 }, *exact, *at;
		size_t n = 5 + unhex(KEY_HEX, p + 5, sizeof p - 5), keys_n;
		struct sshagent_key *keys;

		at = sshwire_put_u32(p + n, (uint32_t)cases[i].n);
		memset(at, 'c', cases[i].n);
		n += 4 + cases[i].n;
		exact = ssh_exact(p, n);
		cr_assert_eq(sshagent_parse_keys(exact, n, &keys, &keys_n), SSHAGENT_OK);
		cr_assert_eq(keys_n, 1);
		cr_expect_eq(strlen(keys[0].comment), cases[i].want, "%zu", cases[i].n);
		free(keys);
		free(exact);
	}
}
