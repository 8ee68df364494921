/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/pve/host.h"

#include <stdlib.h>
#include <string.h>

bool host_is_remote(const struct host *host)
{
	return root_kind(host->root) == ROOT_REMOTE;
}

int host_client(struct host *host, struct pve_client **ret_client, struct error *err)
{
	int status = host->client ? 0 : pve_open_local(host->root, &host->client, err);
	if (status == 0)
		*ret_client = host->client;
	return status;
}

void host_set_node(struct host *host, const char *node)
{
	char *copy = strdup(node);
	if (!copy)
		abort();
	free(host->node);
	host->node = copy;
}

void host_close(struct host *host)
{
	pve_close(host->client);
	free(host->node);
	root_close(host->root);
	if (host->unpacked)
		(void)root_remove_tree(host->unpacked, NULL);
	free(host->unpacked);
	*host = (struct host){0};
}
