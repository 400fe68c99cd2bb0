/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a durable change of an LMDB database can cost in a process of its own: open, one
 * put, one commit with LMDB's default flushing. `floor_put FOLDER KEY`.
 */
#include <lmdb.h>
#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
	static char text[300];
	MDB_env *env = NULL;
	MDB_txn *txn;
	MDB_dbi dbi;
	int rc;

	if (argc != 3)
		return 2;
	MDB_val key = { strlen(argv[2]), argv[2] }, value = { sizeof text, text };
	rc = mdb_env_create(&env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(env, (size_t)1 << 30);
	if (rc == 0)
		rc = mdb_env_open(env, argv[1], 0, 0600);
	if (rc == 0)
		rc = mdb_txn_begin(env, NULL, 0, &txn);
	if (rc == 0)
		rc = mdb_dbi_open(txn, NULL, 0, &dbi);
	if (rc == 0)
		rc = mdb_put(txn, dbi, &key, &value, 0);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	if (rc != 0)
		fprintf(stderr, "floor_put: %s\n", mdb_strerror(rc));
	mdb_env_close(env);
	return rc == 0 ? 0 : 1;
}
