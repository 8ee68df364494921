/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PVE_PROXY_H
#define PVEGPU_PVE_PROXY_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"

/*
 * Which proxy the API is reached by. One that the environment names is for the internet: a host at
 * a private address is not reached by it, and who it is nobody there needs to know. One that the
 * person names with an option is used for whatever host.
 */
struct pve_proxy_wish {
	const char *option;         /* --proxy: a URL, or "none"; NULL: not given */
	const char *variable, *url; /* of the environment: "https_proxy" and its value, or NULL */
	const char *no_proxy;       /* NO_PROXY's value, or NULL */
};

struct pve_proxy {
	char *url;  /* for libcurl, with what it logs in with; "": none */
	char *via;  /* "http://proxy:3128 (https_proxy)", without that; NULL: none */
	char *note; /* one that is wished for and not used, and why; or NULL */
};

/* ERROR_USAGE for an option that is no proxy. Names are looked up where that decides. */
int pve_proxy_choose(struct arena *arena, const char *host, int port,
		const struct pve_proxy_wish *wish, struct pve_proxy *ret_proxy, struct error *err);

/* Loopback, private (RFC 1918, RFC 6598), unique local or link-local, as an address; or a name that
 * only a local network has: of one label, .local, .lan ... */
bool pve_host_is_private(const char *host);

#endif
