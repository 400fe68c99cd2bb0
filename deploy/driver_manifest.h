/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the driver "manifest" share; nobody else includes this. One file holds all
 * objects of a model, so that its replacement is one step. Its first lines say whose it is and
 * which version and plan wrote it; they are comments to every tool that reads it.
 */
#pragma once

#include "deploy/driver_cluster.h"

#define MANIFEST_MAX  (1u << 20)
#define MANIFEST_NAME (CLUSTER_NAME_MAX + 32) /* of a file */

struct manifest_head {
	struct cluster_stamp stamp; /* is_ours: all of it could be read */
	char target[128];           /* name of the target that wrote it */
};
/* The whole file. Pure: the same head and objects give the same bytes. */
void manifest_text(const struct manifest_head *h, const json_t *objects, struct buf *ret);
/* Pure, of any bytes. */
void manifest_head_of(struct str text, struct manifest_head *ret);

/* One value in block style, without aliases, tags or comments; keys keep their order. */
void manifest_yaml(const json_t *value, struct buf *ret);

/* Takes the next line off text, without its end; false: there is no whole one. */
bool manifest_line(struct str *text, struct str *ret);
/* Lines that go and lines that come, each with a line of what stays around them, safe for a
 * terminal; our stamps are left out, as every plan changes them. Nothing when both are the same. */
void manifest_diff(struct str before, struct str after, struct buf *ret);

/* --- driver_manifest_file.c --- */

struct manifest_file {
	int dir; /* locked; -1: not open */
	char name[MANIFEST_NAME], before[MANIFEST_NAME];
	struct buf text; /* as it is there */
	struct manifest_head head;
};
/* NOT_FOUND: the folder is not there; DENIED: something else than a file has that name. Waits for
 * who writes there now. */
int manifest_file_open(const char *path, const char *object, struct manifest_file *ret,
                       struct err *e);
void manifest_file_close(struct manifest_file *f);
/* In one step, durable; NULL: the file goes. With keep, what was there is kept under the name
 * before. */
int manifest_file_write(struct manifest_file *f, const struct buf *text, bool keep, struct err *e);
/* What was kept takes its name again; NOT_FOUND: nothing of that version is kept. */
int manifest_file_restore(struct manifest_file *f, const struct digest *version, struct err *e);
/* What was kept goes. */
int manifest_file_forget(struct manifest_file *f, struct err *e);
/* Whose a file of that folder is; ret->stamp.exists false: it is not there. DENIED: no regular
 * file; TOO_BIG. */
int manifest_file_head(int dir, const char *name, struct manifest_head *ret, struct err *e);

/* --- driver_manifest_index.c: kustomization.yaml, which lists the files of the folder --- */

#define MANIFEST_INDEX "kustomization.yaml"

enum manifest_change { MANIFEST_STAYS, MANIFEST_COMES, MANIFEST_GOES };
enum manifest_whose {
	INDEX_NONE,    /* and none is to be: the folder has files of others, or none of ours */
	INDEX_OURS,    /* or it is to be made */
	INDEX_FOREIGN, /* somebody else wrote or changed it: kept as it is */
};
struct manifest_index {
	enum manifest_whose whose;
	char name[32];   /* FOREIGN: it has other names too */
	bool exists;
	bool lists_file; /* FOREIGN: it names the file that was asked about */
	bool is_unread;  /* FOREIGN: it is no YAML, or no file */
	struct buf text, wanted; /* OURS: as it is, and as it is to be; empty: not there */
};
/* As it is now, and as it is to be when f's file stays as it is, comes or goes. */
int manifest_index_look(const struct manifest_file *f, enum manifest_change change,
                        struct manifest_index *ret, struct err *e);
void manifest_index_fini(struct manifest_index *x);
/* After f's file was written: one of ours is made, written anew or removed, in one step; one of
 * somebody else stays. */
int manifest_index_write(const struct manifest_file *f, struct err *e);
