/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/hash.h"

#include <nettle/base16.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>

/* By nettle, which has nothing to set up: libcrypto costs every start of the program 2.5 million
 * instructions and 3 MB. */

static void write_hex(const uint8_t *digest, size_t n, char *ret_hex)
{
	base16_encode_update(ret_hex, n, digest);
	ret_hex[BASE16_ENCODE_LENGTH(n)] = '\0';
}

void hash_sha256(const char *bytes, size_t n, char ret_hex[SHA256_HEX])
{
	struct sha256_ctx context;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&context);
	sha256_update(&context, n, (const uint8_t *)bytes);
	sha256_digest(&context, sizeof digest, digest);
	write_hex(digest, sizeof digest, ret_hex);
}

void hash_sha1(const char *bytes, size_t n, char ret_hex[SHA1_HEX])
{
	struct sha1_ctx context;
	uint8_t digest[SHA1_DIGEST_SIZE];
	sha1_init(&context);
	sha1_update(&context, n, (const uint8_t *)bytes);
	sha1_digest(&context, sizeof digest, digest);
	write_hex(digest, sizeof digest, ret_hex);
}
