/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PVE_HOST_H
#define PVEGPU_PVE_HOST_H

#include "pvegpu/pve/client.h"

/*
 * The host that is looked at and changed: its files, below `root`, and its API.
 *
 * On the host itself (or in a captured or sample tree) there are files, and `client` is opened when
 * a call is needed: pvesh. A remote host has no files here: `root` is a directory of the person's
 * own that keeps the journal (root_open_remote()), and everything is read and done by `client`.
 */
struct host {
	struct root *root;
	struct pve_client *client; /* NULL until one is needed */
	char *unpacked; /* a directory that is removed at the end, owned; or NULL. A capture is only
			   looked at: nothing is changed in it */
	char *node;     /* remote: the node that is meant, owned; or NULL */
};

bool host_is_remote(const struct host *host);
/* The client, opened if need be; it stays the host's. */
int host_client(struct host *host, struct pve_client **ret_client, struct error *err);
/* Means another node of it; `node` is copied. */
void host_set_node(struct host *host, const char *node);
/* Closes what is open; `root` too. */
void host_close(struct host *host);

#endif
