/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PVE_LOGIN_H
#define PVEGPU_PVE_LOGIN_H

#include "pvegpu/pve/client.h"

/*
 * The API by HTTPS.
 *
 * TLS is always verified: by `fingerprint` where the person has pinned one, else by `ca_file` or
 * the authorities this machine knows. There is no way to switch that off. Secrets stay in memory,
 * are wiped at the end, and are in no error, plan, journal or log.
 */

/* "AA:BB:…", the SHA-256 of the certificate, as Proxmox VE's own screens show it. */
enum { PVE_FINGERPRINT_TEXT = 96 };

/* Asked for the one-time code of a user with a second factor (TOTP). Writes it, or returns false
 * to give up. */
typedef bool pve_ask_code(void *user, const char *who, char *ret_code, size_t size);

struct pve_login {
	const char *url;         /* https://host:8006, host, host:port */
	const char *token;       /* USER@REALM!ID=SECRET, or NULL: by password */
	const char *user;        /* USER@REALM */
	const char *password;    /* or a ticket */
	const char *ca_file;     /* PEM, or NULL */
	const char *fingerprint; /* or NULL */
	const char *proxy;       /* its URL, "" or NULL: none, whatever the environment says */
	const char *via; /* the same for people: "http://proxy:3128 (https_proxy)"; or NULL */
	pve_ask_code *ask_code; /* or NULL */
	void *ask_user;
};

/* Connect and log in. `ret_fingerprint` is filled as soon as a certificate was seen, in failure
 * too ("" if none was): that is what a person compares after ERROR_TRUST. */
int pve_open_https(const struct pve_login *login, char ret_fingerprint[PVE_FINGERPRINT_TEXT],
		struct pve_client **ret_client, struct error *err);

/* Host and port of what a person gives as URL: "pve1.example.org", 8006. ERROR_USAGE says what is
 * wrong with it. */
int pve_parse_url(struct arena *arena, const char *url, char **ret_host, int *ret_port,
		struct error *err);
/* A token as a person keeps it: one line, with or without PVEAPIToken= before it. NULL when it is
 * none; the text is not repeated anywhere. */
char *pve_parse_token(struct arena *arena, const char *text);
/* Colons, case and an optional "sha256 " do not count. */
bool pve_same_fingerprint(const char *a, const char *b);

/*
 * What is remembered of a cluster: how it is reached and which certificate was pinned, never a
 * secret; `token_file` is the path of a file of the person's own.
 * ~/.config/pvegpu/HOST_PORT.json, or below $XDG_CONFIG_HOME.
 */
struct pve_profile {
	char *path;
	char *user, *token_file, *fingerprint, *node; /* or NULL */
};

/* Reads it if it is there. `home` and `config_home` are the environment's, either may be NULL. */
int pve_profile_load(struct arena *arena, const char *home, const char *config_home,
		const char *host, int port, struct pve_profile *ret_profile, struct error *err);
int pve_profile_save(const struct pve_profile *profile, struct error *err);
/* A token file must be readable by nobody else: ERROR_REFUSED says how to mend that. */
int pve_token_file(struct arena *arena, const char *path, char **ret_token, struct error *err);

#endif
