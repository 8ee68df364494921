/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_PVE_INTERNAL_H
#define PVEGPU_CORE_PVE_INTERNAL_H

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>

#include "pvegpu/pve/client.h"
#include "pvegpu/pve/login.h"

extern const struct pve_transport pvesh_transport;
void *pvesh_new(const struct root *root);

/* curl.c: libcurl, loaded at the first use: linked, it would cost every start of the program 14
 * million instructions, also those that never talk to an API. */
struct curl_api {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_init)(void);
	void (*easy_cleanup)(CURL *);
	void (*easy_reset)(CURL *);
	CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
	CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
	CURLcode (*easy_perform)(CURL *);
	const char *(*easy_strerror)(CURLcode);
	char *(*easy_escape)(CURL *, const char *, int);
	void (*free)(void *);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void (*slist_free_all)(struct curl_slist *);
	/* of the libssl and libcrypto that libcurl itself uses */
	void (*set_cert_verify_callback)(
			void *ssl_ctx, int (*callback)(void *store, void *user), void *user);
	X509 *(*store_cert)(const X509_STORE_CTX *);
	int (*store_error)(const X509_STORE_CTX *);
	void (*set_store_error)(X509_STORE_CTX *, int error);
	int (*verify_cert)(X509_STORE_CTX *);
	const char *(*verify_cert_error_string)(long error);
	int (*digest)(const X509 *, const EVP_MD *, unsigned char *ret_digest, unsigned *ret_n);
	const EVP_MD *(*sha256)(void);
};
int curl_load(struct curl_api *ret_api, struct error *err);

/* answer.c: one answer of the API. */
struct answer {
	struct arena *arena;
	struct text body;
	bool too_long;
	long status;
	char *reason;       /* of the status line, which has the first line of the message */
	char *content_type; /* or NULL */
	char *location;     /* of a redirect, or NULL */
};
enum { ANSWER_MAX = 32 * 1024 * 1024 };

/* What the answer says, in plain words, and what to do about it. 0 and `ret_data` where it is a
 * yes. `identity` may be NULL before the login. */
int answer_judge(const struct answer *answer, const char *address, const char *identity,
		const char *method, const char *path, json_t **ret_data, struct error *err);

/* What to do about a message of Proxmox VE, whichever way it came. */
void hint_message(const char *message, struct error *err);

/* Wipe and forget. */
void secret_free(char *secret); /* NULL is fine */

#endif
