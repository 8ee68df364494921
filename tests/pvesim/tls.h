/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_TLS_H
#define PVESIM_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

/*
 * The certificate: made below `dir` as pve-root-ca.pem (and .key) and pve-ssl.pem (and .key),
 * signed by that authority for 127.0.0.1, ::1 and localhost. What is there already is kept, so a
 * restart keeps it; with `fresh` the server's own is made anew. NULL on failure, told on stderr.
 */
SSL_CTX *tls_open(const char *dir, bool fresh);
/* "AA:BB:…" of the SHA-256 of the certificate in use; 96 bytes. */
void tls_fingerprint(SSL_CTX *tls, char ret_text[96]);

/* The same of a certificate in a PEM file; false when there is none. */
bool tls_file_fingerprint(const char *path, char ret_text[96]);

#endif
