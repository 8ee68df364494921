/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *in_dir(const char *dir, const char *name, char path[4200])
{
	(void)snprintf(path, 4200, "%s/%s", dir, name);
	return path;
}

static EVP_PKEY *read_key(const char *path)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
	if (file)
		(void)fclose(file);
	return key;
}

static X509 *read_certificate(const char *path)
{
	FILE *file = fopen(path, "re");
	X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	if (file)
		(void)fclose(file);
	return certificate;
}

static int write_pair(const char *certificate_path, X509 *certificate, const char *key_path,
		EVP_PKEY *key)
{
	(void)unlink(key_path);
	mode_t before = umask(077);
	FILE *file = fopen(key_path, "we");
	(void)umask(before);
	int written = file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	if (file)
		(void)fclose(file);
	file = written ? fopen(certificate_path, "we") : NULL;
	written = file && PEM_write_X509(file, certificate);
	if (file)
		(void)fclose(file);
	return written ? 0 : -1;
}

static int add_extension(X509 *certificate, X509 *issuer, int id, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
	int added = extension && X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return added ? 0 : -1;
}

static X509 *new_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	unsigned char serial[8];
	X509 *certificate = X509_new();
	if (!certificate || RAND_bytes(serial, sizeof serial) != 1)
		return NULL;
	serial[0] &= 0x7f;
	BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
	(void)BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	(void)X509_set_version(certificate, 2);
	(void)X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	(void)X509_gmtime_adj(X509_getm_notAfter(certificate), 365L * 24 * 3600);
	(void)X509_set_pubkey(certificate, key);
	X509_NAME *subject = X509_get_subject_name(certificate);
	(void)X509_NAME_add_entry_by_txt(
			subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	(void)X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
			(const unsigned char *)"pvesim, not for use", -1, -1, 0);
	(void)X509_set_issuer_name(
			certificate, X509_get_subject_name(issuer ? issuer : certificate));
	int status = 0;
	if (issuer) {
		status |= add_extension(certificate, issuer, NID_subject_alt_name,
				"IP:127.0.0.1,IP:::1,DNS:localhost");
		status |= add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth");
		status |= add_extension(
				certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
		status |= add_extension(
				certificate, issuer, NID_authority_key_identifier, "keyid:always");
	} else {
		status |= add_extension(certificate, certificate, NID_basic_constraints,
				"critical,CA:TRUE");
		status |= add_extension(certificate, certificate, NID_key_usage,
				"critical,keyCertSign,cRLSign");
		status |= add_extension(
				certificate, certificate, NID_subject_key_identifier, "hash");
	}
	if (status < 0 || !X509_sign(certificate, issuer_key, EVP_sha256())) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

/* Read a pair of key and certificate, or make it; -1 when neither works. */
static int load_pair(const char *dir, const char *name, const char *subject, bool fresh,
		X509 *issuer, EVP_PKEY *issuer_key, X509 **ret_certificate, EVP_PKEY **ret_key)
{
	char certificate_path[4200];
	char key_path[4200];
	char file[64];
	(void)snprintf(file, sizeof file, "%s.pem", name);
	(void)in_dir(dir, file, certificate_path);
	(void)snprintf(file, sizeof file, "%s.key", name);
	(void)in_dir(dir, file, key_path);
	*ret_certificate = fresh ? NULL : read_certificate(certificate_path);
	*ret_key = fresh ? NULL : read_key(key_path);
	if (*ret_certificate && *ret_key)
		return 0;
	X509_free(*ret_certificate);
	EVP_PKEY_free(*ret_key);
	*ret_key = EVP_EC_gen("P-256");
	*ret_certificate = *ret_key ? new_certificate(subject, *ret_key, issuer,
						      issuer_key ? issuer_key : *ret_key)
				    : NULL;
	if (!*ret_certificate)
		return -1;
	return write_pair(certificate_path, *ret_certificate, key_path, *ret_key);
}

SSL_CTX *tls_open(const char *dir, bool fresh)
{
	X509 *authority = NULL;
	X509 *certificate = NULL;
	EVP_PKEY *authority_key = NULL;
	EVP_PKEY *key = NULL;
	SSL_CTX *tls = NULL;
	(void)mkdir(dir, 0700);
	if (load_pair(dir, "pve-root-ca", "Proxmox Virtual Environment", false, NULL, NULL,
			    &authority, &authority_key) == 0 &&
			load_pair(dir, "pve-ssl", "pve2.sample.invalid", fresh, authority,
					authority_key, &certificate, &key) == 0)
		tls = SSL_CTX_new(TLS_server_method());
	if (tls && (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
				   SSL_CTX_use_certificate(tls, certificate) != 1 ||
				   SSL_CTX_use_PrivateKey(tls, key) != 1)) {
		SSL_CTX_free(tls);
		tls = NULL;
	}
	if (!tls)
		ERR_print_errors_fp(stderr);
	X509_free(authority);
	X509_free(certificate);
	EVP_PKEY_free(authority_key);
	EVP_PKEY_free(key);
	return tls;
}

static void fingerprint(const X509 *certificate, char ret_text[96])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	ret_text[0] = '\0';
	if (X509_digest(certificate, EVP_sha256(), digest, &n) != 1 || n != 32)
		return;
	for (unsigned int i = 0; i < n; i++)
		(void)snprintf(ret_text + 3 * (size_t)i, 4, "%02X%s", digest[i],
				i + 1 < n ? ":" : "");
}

void tls_fingerprint(SSL_CTX *tls, char ret_text[96])
{
	fingerprint(SSL_CTX_get0_certificate(tls), ret_text);
}

bool tls_file_fingerprint(const char *path, char ret_text[96])
{
	X509 *certificate = read_certificate(path);
	if (certificate)
		fingerprint(certificate, ret_text);
	X509_free(certificate);
	return certificate != NULL;
}
