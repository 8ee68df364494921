/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static void digest_hex(const EVP_MD *type, const char *bytes, size_t n, char *ret_hex)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;
	/* Fails only without memory, or where the hash is switched off by policy; a file that
	 * cannot be identified must not be written, and there is no other way to say so. */
	if (EVP_Digest(bytes, n, digest, &length, type, NULL) != 1)
		abort();
	for (size_t i = 0; i < length; i++) {
		ret_hex[2 * i] = digits[digest[i] >> 4];
		ret_hex[2 * i + 1] = digits[digest[i] & 15];
	}
	ret_hex[2 * (size_t)length] = '\0';
}

void hash_sha256(const char *bytes, size_t n, char ret_hex[SHA256_HEX])
{
	digest_hex(EVP_sha256(), bytes, n, ret_hex);
}

void hash_sha1(const char *bytes, size_t n, char ret_hex[SHA1_HEX])
{
	digest_hex(EVP_sha1(), bytes, n, ret_hex);
}
