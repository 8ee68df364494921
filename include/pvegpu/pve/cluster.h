/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PVE_CLUSTER_H
#define PVEGPU_PVE_CLUSTER_H

#include "pvegpu/pve/client.h"

/*
 * Which cluster an API is of, whatever address it was reached at. That is told by its certificate
 * authority, pve-root-ca.pem, which each installation makes for itself and a cluster has in common
 * (GET /nodes/N/certificates/info; anybody who is logged in may). A node of its own may be a clone
 * of another: its name counts too.
 */
struct pve_cluster {
	char *authority; /* SHA-256 of that certificate, "AA:BB:…"; NULL: not to be learnt */
	char *why;       /* why not */
	char *name;      /* of the cluster; NULL: there is none, or we may not see it */
	struct strings nodes;
};

void pve_cluster_read(
		struct pve_client *client, struct arena *arena, struct pve_cluster *ret_cluster);
/* "cluster NAME (authority AA:BB:CC:DD)", for a person. */
char *pve_cluster_text(struct arena *arena, const struct pve_cluster *cluster);

/*
 * The directory below `base` that keeps the journal of that cluster. A cluster that has grown from
 * one node, or shrunk to one, has that of before. Where the cluster is unknown it is the address,
 * HOST_PORT. `ret_note` is what a person must know of it, or NULL: that the cluster is unknown, or
 * that there are runs kept by the address, as they were once, and how to take them over.
 */
char *pve_cluster_dir(struct arena *arena, const char *base, const struct pve_cluster *cluster,
		const char *host, int port, char **ret_note);
/* Write what the directory is of into it, for a person who looks there. */
void pve_cluster_describe(struct arena *arena, const char *dir, const struct pve_cluster *cluster,
		const char *address);

#endif
