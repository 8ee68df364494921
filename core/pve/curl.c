/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "core/pve/internal.h"
#include "pvegpu/base/library.h"

int curl_load(struct curl_api *ret_api, struct error *err)
{
	/* Both libraries would write the keys of each session into that file, for whoever reads it.
	 * One thread so far: this is called by the first login. */
	(void)unsetenv("SSLKEYLOGFILE"); /* NOLINT(concurrency-mt-unsafe) */
	/* Never closed: libcurl leaves handlers behind, and the process ends soon after. */
	void *curl = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!curl) {
		(void)error_set(err, ERROR_CONNECT, "the library libcurl.so.4 is not here");
		error_hint(err, "apt install libcurl4");
		return ERROR_CONNECT;
	}
	void *ssl = dlopen("libssl.so.3", RTLD_NOW | RTLD_NOLOAD);
	struct curl_api api;
	bool all = ssl && library_find(curl, "curl_global_init", &api.global_init) &&
		   library_find(curl, "curl_easy_init", &api.easy_init) &&
		   library_find(curl, "curl_easy_cleanup", &api.easy_cleanup) &&
		   library_find(curl, "curl_easy_reset", &api.easy_reset) &&
		   library_find(curl, "curl_easy_setopt", &api.easy_setopt) &&
		   library_find(curl, "curl_easy_getinfo", &api.easy_getinfo) &&
		   library_find(curl, "curl_easy_perform", &api.easy_perform) &&
		   library_find(curl, "curl_easy_strerror", &api.easy_strerror) &&
		   library_find(curl, "curl_easy_escape", &api.easy_escape) &&
		   library_find(curl, "curl_free", &api.free) &&
		   library_find(curl, "curl_slist_append", &api.slist_append) &&
		   library_find(curl, "curl_slist_free_all", &api.slist_free_all) &&
		   library_find(ssl, "SSL_CTX_set_cert_verify_callback",
				   &api.set_cert_verify_callback) &&
		   library_find(ssl, "X509_STORE_CTX_get0_cert", &api.store_cert) &&
		   library_find(ssl, "X509_STORE_CTX_get_error", &api.store_error) &&
		   library_find(ssl, "X509_STORE_CTX_set_error", &api.set_store_error) &&
		   library_find(ssl, "X509_verify_cert", &api.verify_cert) &&
		   library_find(ssl, "X509_verify_cert_error_string",
				   &api.verify_cert_error_string) &&
		   library_find(ssl, "X509_digest", &api.digest) &&
		   library_find(ssl, "EVP_sha256", &api.sha256);
	if (!all || api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, ERROR_CONNECT,
				"libcurl.so.4 of this machine cannot be used: it is not built with OpenSSL 3");
	*ret_api = api;
	return 0;
}
