/* SPDX-License-Identifier: Apache-2.0 */
/* Files: whole reads with a cap, durable small writes, folders. Every descriptor is O_CLOEXEC. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"

/* Whole file into ret. TOO_BIG above max; name is for the message. */
int fs_read_fd(int fd, const char *name, size_t max, struct buf *ret, struct err *e);
int fs_read_at(int dirfd, const char *path, size_t max, struct buf *ret, struct err *e);
/* Written to a temporary name beside, synced, renamed over, folder synced. */
int fs_write_at(int dirfd, const char *path, const void *p, size_t n, mode_t mode, struct err *e);
/* The same but never over an existing file: EXISTS. */
int fs_create_at(int dirfd, const char *path, const void *p, size_t n, mode_t mode, struct err *e);
int fs_write_all(int fd, const void *p, size_t n);                  /* 0 or -1 with errno */
int fs_pwrite_all(int fd, const void *p, size_t n, off_t at);       /* 0 or -1 with errno */
int fs_pread_all(int fd, void *p, size_t n, off_t at);          /* 0; -1 errno; -1 errno 0 at end */
int fs_mkdirs(const char *path, mode_t mode, struct err *e);    /* with parents; existing is fine */
int fs_open_dir(int dirfd, const char *path, int *ret, struct err *e);
/* A path that stays below the folder rootfd and meets no symbolic link on its way, as others may
 * put into a shared folder: the descriptor, or -1 with errno (ELOOP: a link, EXDEV: it leads out).
 */
int fs_open_beneath(int rootfd, const char *path, int flags, mode_t mode);
/* A folder so; DENIED: a link. */
int fs_open_dir_beneath(int rootfd, const char *path, int *ret, struct err *e);
int fs_sync_dir(int dirfd, struct err *e);
/* A regular file so, read-only; EMEDIUMTYPE: it is a FIFO, a device, a folder. Never waits. */
int fs_open_file_beneath(int rootfd, const char *path);
bool fs_is_network(int fd); /* NFS, SMB, 9p, FUSE and their like by statfs magic */
bool fs_magic_is_network(uint32_t magic);
/* The rights of a folder hold for all that is made in it, whatever the umask: mode of a new file,
 * and given to the file or folder that fd has open (best effort). */
mode_t fs_mode_below(int dirfd);
void fs_take_mode(int fd, int dirfd);

/* The program's own siblings: "<folder of /proc/self/exe>/name", else
 * "<that>/../libexec/slipway/name". malloc'ed; NOT_FOUND names both. */
int fs_sibling(const char *name, char **ret, struct err *e);

/* XDG folders, malloc'ed: $XDG_x_HOME/slipway, else the default below $HOME. USAGE without HOME. */
int fs_config_dir(char **ret, struct err *e);
int fs_state_dir(char **ret, struct err *e);
int fs_data_dir(char **ret, struct err *e);
int fs_cache_dir(char **ret, struct err *e);
