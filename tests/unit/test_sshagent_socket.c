/* SPDX-License-Identifier: Apache-2.0 */
/* Which sockets the agent's client talks to: none, somebody else's, a busy one, and ssh-agent's. */
#include "crypto/sshagent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "tests/unit/sshagent_fixture.h"

Test(sshagent_socket, nobody_there)
{
	char dir[64], said[256], path[200];
	struct sshagent *a = NULL;

	cr_assert_eq(crypto_init(), 0);
	ssh_dir_make(dir);
	cr_assert_eq(unsetenv("SSH_AUTH_SOCK"), 0);
	cr_expect_eq(sshagent_open(NULL, PATIENT_MS, &a), SSHAGENT_ABSENT);
	cr_assert_eq(setenv("SSH_AUTH_SOCK", "", 1), 0);
	cr_expect_eq(sshagent_open(NULL, PATIENT_MS, &a), SSHAGENT_ABSENT);
	cr_expect_eq(sshagent_open("", PATIENT_MS, &a), SSHAGENT_ABSENT);
	(void)snprintf(path, sizeof path, "%s/none", dir);
	cr_expect_eq(sshagent_open(path, PATIENT_MS, &a), SSHAGENT_ABSENT);
	cr_assert_eq(setenv("SSH_AUTH_SOCK", path, 1), 0);
	cr_expect_eq(sshagent_open(NULL, PATIENT_MS, &a), SSHAGENT_ABSENT);
	cr_assert_eq(ssh_run(dir, said, "echo x >file"), 0);
	(void)snprintf(path, sizeof path, "%s/file", dir);
	cr_expect_eq(sshagent_open(path, PATIENT_MS, &a), SSHAGENT_ABSENT, "a file");
	(void)snprintf(path, sizeof path, "%s/file/socket", dir);
	cr_expect_eq(sshagent_open(path, PATIENT_MS, &a), SSHAGENT_ABSENT, "below a file");
	(void)snprintf(path, sizeof path, "%s/left", dir);
	(void)close(listen_at(path));
	cr_expect_eq(sshagent_open(path, PATIENT_MS, &a), SSHAGENT_ABSENT, "left behind");
	memset(path, 'p', 108);
	path[0] = '/';
	path[108] = '\0';
	cr_expect_eq(sshagent_open(path, PATIENT_MS, &a), SSHAGENT_SYSTEM);
	cr_expect_eq(errno, ENAMETOOLONG);
	cr_expect(a == NULL);
	sshagent_close(NULL);
	ssh_dir_remove(dir);
}

/* Its queue is full and it accepts nobody. */
Test(sshagent_socket, busy)
{
	struct sshagent *first = NULL, *second = NULL;
	char dir[64], path[96];
	int listener;

	ssh_dir_make(dir);
	(void)snprintf(path, sizeof path, "%s/agent", dir);
	listener = listen_at(path);
	cr_assert_eq(setenv("SSH_AUTH_SOCK", path, 1), 0);
	cr_assert_eq(sshagent_open(NULL, SHORT_MS, &first), SSHAGENT_OK);
	cr_expect_eq(sshagent_open(NULL, SHORT_MS, &second), SSHAGENT_TIMEOUT);
	cr_expect_eq(ask(first, false), SSHAGENT_TIMEOUT);
	sshagent_close(first);
	(void)close(listener);
	ssh_dir_remove(dir);
}

/* Somebody else listens: nothing is asked, although root could. */
Test(sshagent_socket, foreign)
{
	enum { NOBODY = 65534 };
	struct sshagent *a = NULL;
	char dir[64], path[96], byte;
	int ready[2], done[2];
	pid_t pid;

	if (geteuid() != 0)
		cr_skip_test("only root can be two users");
	ssh_dir_make(dir);
	cr_assert_eq(chown(dir, NOBODY, NOBODY), 0);
	(void)snprintf(path, sizeof path, "%s/agent", dir);
	cr_assert(pipe2(ready, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(1);
		(void)listen_at(path);
		(void)!write(ready[1], "", 1);
		(void)close(done[1]);
		(void)!read(done[0], &byte, 1);
		_exit(0);
	}
	(void)close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	cr_expect_eq(sshagent_open(path, PATIENT_MS, &a), SSHAGENT_FOREIGN);
	cr_expect(a == NULL);
	(void)close(done[1]);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	ssh_dir_remove(dir);
}

/* Starts ssh-agent in the folder; its process. */
static pid_t
agent_start(const char *dir, char path[96])
{
	const pid_t pid = fork();

	cr_assert(pid >= 0);
	(void)snprintf(path, 96, "%s/agent", dir);
	if (pid == 0) {
		(void)setenv("SSH_ASKPASS", "/bin/false", 1);
		(void)setenv("SSH_ASKPASS_REQUIRE", "force", 1);
		(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
		execlp("ssh-agent", "ssh-agent", "-D", "-a", path, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < PATIENT_MS / DROP_MS && access(path, F_OK) < 0; i++)
		(void)poll(NULL, 0, DROP_MS);
	return pid;
}

Test(sshagent_socket, ssh_agent)
{
	char dir[64], path[96], said[256];
	struct sshagent_key *keys = NULL;
	struct sshagent *a = NULL;
	uint8_t *sig = NULL;
	size_t n = 0, sig_n;
	pid_t pid;

	ssh_need("ssh-agent");
	ssh_need("ssh-add");
	cr_assert_eq(crypto_init(), 0);
	ssh_dir_make(dir);
	pid = agent_start(dir, path);
	cr_assert_eq(setenv("SSH_AUTH_SOCK", path, 1), 0);
	cr_assert_eq(sshagent_open(NULL, PATIENT_MS, &a), SSHAGENT_OK);
	cr_expect_eq(sshagent_list(a, &keys, &n), SSHAGENT_OK);
	cr_expect(n == 0 && keys == NULL);
	cr_assert_eq(
	        ssh_run(dir, said,
	                "for t in ed25519 ecdsa rsa; do ssh-keygen -q -t $t -N '' -C \"my $t\" "
	                "-f $t && ssh-add -q $t || exit; done"),
	        0, "%s", said);
	cr_assert_eq(sshagent_list(a, &keys, &n), SSHAGENT_OK);
	cr_assert_eq(n, 2);
	cr_expect_str_eq(keys[0].comment, "my ed25519");
	cr_expect_str_eq(keys[1].comment, "my ecdsa");
	for (size_t i = 0; i < n; i++) {
		char *armor = sign_by(a, &keys[i].key, "promote@site", "hello\n", 6);
		char sig_path[128];

		(void)snprintf(sig_path, sizeof sig_path, "%s/sig", dir);
		ssh_write(sig_path, armor, strlen(armor));
		cr_expect_eq(ssh_run(dir, said,
		                     "echo hello | ssh-keygen -Y check-novalidate -n promote@site "
		                     "-s sig"),
		             0, "%s", said);
		free(armor);
	}
	/* a key that asks first, and nobody says yes */
	cr_assert_eq(ssh_run(dir, said, "ssh-add -q -d ed25519; ssh-add -q -c ed25519"), 0, "%s",
	             said);
	cr_expect_eq(sshagent_sign(a, &keys[0].key, "data", 4, &sig, &sig_n), SSHAGENT_REFUSED);
	/* a key that is gone */
	cr_assert_eq(ssh_run(dir, said, "ssh-add -q -D"), 0, "%s", said);
	cr_expect_eq(sshagent_sign(a, &keys[1].key, "data", 4, &sig, &sig_n), SSHAGENT_REFUSED);
	free(keys);
	sshagent_close(a);
	cr_assert_eq(kill(pid, SIGTERM), 0);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	ssh_dir_remove(dir);
}
