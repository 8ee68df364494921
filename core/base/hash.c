/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/hash.h"

#include <stdint.h>
#include <string.h>

/*
 * SHA-1 and SHA-256 as FIPS 180-4 has them: both take blocks of 64 bytes and end with the length in
 * bits. They tell files apart and hold no secret, so that a library is not worth its start:
 * libcrypto costs every start of the program 2.5 million instructions and 3 MB.
 */
enum { BLOCK = 64, WORDS_MAX = 8 };

typedef void hash_block(uint32_t state[WORDS_MAX], const unsigned char block[BLOCK]);

static uint32_t rotate_left(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t rotate_right(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint32_t word_at(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static void sha1_block(uint32_t state[WORDS_MAX], const unsigned char block[BLOCK])
{
	uint32_t w[80];
	uint32_t a = state[0];
	uint32_t b = state[1];
	uint32_t c = state[2];
	uint32_t d = state[3];
	uint32_t e = state[4];
	for (size_t t = 0; t < 16; t++)
		w[t] = word_at(block + 4 * t);
	for (size_t t = 16; t < 80; t++)
		w[t] = rotate_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	for (size_t t = 0; t < 80; t++) {
		uint32_t f = t < 20   ? ((b & c) | (~b & d)) + 0x5a827999
			     : t < 40 ? (b ^ c ^ d) + 0x6ed9eba1
			     : t < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
				      : (b ^ c ^ d) + 0xca62c1d6;
		uint32_t next = rotate_left(a, 5) + f + e + w[t];
		e = d;
		d = c;
		c = rotate_left(b, 30);
		b = a;
		a = next;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
}

static const uint32_t sha256_words[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
		0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
		0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
		0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
		0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
		0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
		0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624,
		0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3,
		0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
		0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void sha256_block(uint32_t state[WORDS_MAX], const unsigned char block[BLOCK])
{
	uint32_t w[64];
	uint32_t v[8]; /* a to h */
	for (size_t t = 0; t < 16; t++)
		w[t] = word_at(block + 4 * t);
	for (size_t t = 16; t < 64; t++) {
		uint32_t x = w[t - 15];
		uint32_t y = w[t - 2];
		w[t] = w[t - 16] + (rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3) + w[t - 7] +
		       (rotate_right(y, 17) ^ rotate_right(y, 19) ^ y >> 10);
	}
	memcpy(v, state, sizeof v);
	for (size_t t = 0; t < 64; t++) {
		uint32_t one = v[7] + sha256_words[t] + w[t] + ((v[4] & v[5]) ^ (~v[4] & v[6])) +
			       (rotate_right(v[4], 6) ^ rotate_right(v[4], 11) ^
					       rotate_right(v[4], 25));
		uint32_t two = ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2])) +
			       (rotate_right(v[0], 2) ^ rotate_right(v[0], 13) ^
					       rotate_right(v[0], 22));
		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += one;
		v[0] = one + two;
	}
	for (size_t i = 0; i < 8; i++)
		state[i] += v[i];
}

static void hash_hex(hash_block *take, uint32_t state[WORDS_MAX], size_t words, const char *text,
		size_t n, char *ret_hex)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char last[2 * BLOCK] = {0}; /* what is left, a bit that is set, and the length */
	size_t whole = n / BLOCK * BLOCK;
	for (size_t at = 0; at < whole; at += BLOCK)
		take(state, (const unsigned char *)text + at);
	if (n > whole)
		memcpy(last, text + whole, n - whole);
	last[n - whole] = 0x80;
	size_t size = n - whole < BLOCK - 8 ? BLOCK : 2 * BLOCK;
	for (size_t i = 0; i < 8; i++)
		last[size - 1 - i] = (unsigned char)((uint64_t)n * 8 >> 8 * i);
	for (size_t at = 0; at < size; at += BLOCK)
		take(state, last + at);
	for (size_t i = 0; i < words * 8; i++)
		ret_hex[i] = digits[state[i / 8] >> (28 - i % 8 * 4) & 15];
	ret_hex[words * 8] = '\0';
}

void hash_sha256(const char *bytes, size_t n, char ret_hex[SHA256_HEX])
{
	uint32_t state[WORDS_MAX] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
			0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	hash_hex(sha256_block, state, 8, bytes, n, ret_hex);
}

void hash_sha1(const char *bytes, size_t n, char ret_hex[SHA1_HEX])
{
	uint32_t state[WORDS_MAX] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	hash_hex(sha1_block, state, 5, bytes, n, ret_hex);
}
