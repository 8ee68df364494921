/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/base64.h"

#include <stdint.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(struct arena *arena, const char *bytes, size_t n)
{
	char *text = arena_alloc(arena, (n + 2) / 3 * 4 + 1);
	char *out = text;
	for (size_t at = 0; at < n; at += 3) {
		uint32_t three = 0;
		for (size_t i = 0; i < 3; i++)
			three = three << 8 | (at + i < n ? (unsigned char)bytes[at + i] : 0);
		for (size_t i = 0; i < 4; i++)
			*out++ = (char)(at + i > n ? '=' : letters[three >> (18 - 6 * i) & 63]);
	}
	*out = '\0';
	return text;
}

char *base64_decode(struct arena *arena, const char *text, size_t *ret_size)
{
	size_t n = strlen(text);
	size_t padding = 0;
	while (padding < 2 && padding < n && text[n - 1 - padding] == '=')
		padding++;
	char *bytes = arena_alloc(arena, n / 4 * 3 + 1);
	size_t out = 0;
	uint32_t four = 0;
	if (n % 4)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const char *letter = i < n - padding ? strchr(letters, text[i]) : letters;
		if (!letter)
			return NULL;
		four = four << 6 | (uint32_t)(letter - letters);
		for (unsigned shift = 24; i % 4 == 3 && shift > 0; shift -= 8)
			bytes[out++] = (char)(four >> (shift - 8) & 0xff);
	}
	*ret_size = out - padding;
	bytes[*ret_size] = '\0';
	return bytes;
}
