/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/base64.h"

#include <nettle/base64.h>
#include <string.h>

char *base64_encode(struct arena *arena, const char *bytes, size_t n)
{
	char *text = arena_alloc(arena, BASE64_ENCODE_RAW_LENGTH(n) + 1);
	base64_encode_raw(text, n, (const uint8_t *)bytes);
	text[BASE64_ENCODE_RAW_LENGTH(n)] = '\0';
	return text;
}

char *base64_decode(struct arena *arena, const char *text, size_t *ret_size)
{
	struct base64_decode_ctx context;
	size_t n = strlen(text);
	char *bytes = arena_alloc(arena, BASE64_DECODE_LENGTH(n) + 1);
	*ret_size = 0;
	base64_decode_init(&context);
	if (!base64_decode_update(&context, ret_size, (uint8_t *)bytes, n, text) ||
			!base64_decode_final(&context))
		return NULL;
	bytes[*ret_size] = '\0';
	return bytes;
}
