/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/perl.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_char(struct text *text, unsigned long c)
{
	char out[4];
	size_t n = 0;
	if (c == 0) {
		text_add(text, NUL_CHAR);
		return;
	}
	if (c < 0x80) {
		out[n++] = (char)c;
	} else if (c < 0x800) {
		out[n++] = (char)(0xc0 | (c >> 6));
		out[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		out[n++] = (char)(0xe0 | (c >> 12));
		out[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
		out[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		out[n++] = (char)(0xf0 | (c >> 18));
		out[n++] = (char)(0x80 | ((c >> 12) & 0x3f));
		out[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
		out[n++] = (char)(0x80 | (c & 0x3f));
	}
	text_add_bytes(text, out, n);
}

/* The character at `s`, which is valid UTF-8, and its length. */
static unsigned long read_char(const char *text, size_t *ret_n)
{
	const unsigned char *s = (const unsigned char *)text;
	if (s[0] < 0x80) {
		*ret_n = 1;
		return s[0];
	}
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	unsigned long c = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		c = (c << 6) | (s[i] & 0x3f);
	*ret_n = n;
	return c == 0xe000 ? 0 : c;
}

char *perl_from_bytes(struct arena *arena, const char *bytes, size_t n)
{
	struct text text = {0};
	for (size_t i = 0; i < n; i++)
		add_char(&text, (unsigned char)bytes[i]);
	return text_take(&text, arena);
}

char *perl_to_bytes(struct arena *arena, const char *text, size_t *ret_n)
{
	bool wide = false;
	size_t n = 0;
	for (const char *c = text; *c; c += n)
		wide = read_char(c, &n) > 255 || wide;
	struct text bytes = {0};
	for (const char *c = text; *c; c += n) {
		unsigned long value = read_char(c, &n);
		char byte = (char)value;
		if (wide && value)
			text_add_bytes(&bytes, c, n);
		else
			text_add_bytes(&bytes, &byte, 1);
	}
	*ret_n = bytes.n;
	return text_take(&bytes, arena);
}

char *perl_decode_utf8(struct arena *arena, const char *bytes, size_t n)
{
	struct text text = {0};
	for (size_t i = 0; i < n;) {
		size_t length = 1;
		while (length < 4 && i + length < n &&
				((unsigned char)bytes[i + length] & 0xc0) == 0x80)
			length++;
		while (length > 1 && !text_is_utf8(bytes + i, length))
			length--;
		if (bytes[i] == '\0')
			text_add(&text, NUL_CHAR);
		else if (text_is_utf8(bytes + i, length))
			text_add_bytes(&text, bytes + i, length);
		else
			add_char(&text, 0xfffd);
		i += length;
	}
	return text_take(&text, arena);
}

size_t perl_length(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

void perl_split_list(struct arena *arena, const char *text, struct strings *ret_list)
{
	*ret_list = (struct strings){0};
	if (!text)
		return;
	bool nul = strstr(text, NUL_CHAR) != NULL;
	while (*text) {
		const char *end = text;
		if (nul) {
			end = strstr(text, NUL_CHAR);
			end = end ? end : text + strlen(text);
		} else {
			text += strspn(text, ",; \t\n\r\f\v");
			end = text + strcspn(text, ",; \t\n\r\f\v");
			if (end == text)
				return;
		}
		strings_add(arena, ret_list, arena_strndup(arena, text, (size_t)(end - text)));
		text = nul && *end ? end + strlen(NUL_CHAR) : end;
	}
}

void perl_split(struct arena *arena, const char *text, char separator, struct strings *ret_list)
{
	*ret_list = (struct strings){0};
	for (;;) {
		const char *end = strchr(text, separator);
		size_t n = end ? (size_t)(end - text) : strlen(text);
		strings_add(arena, ret_list, arena_strndup(arena, text, n));
		if (!end)
			break;
		text = end + 1;
	}
	while (ret_list->n && !*ret_list->item[ret_list->n - 1])
		ret_list->n--;
}

char *perl_encode_text(struct arena *arena, const char *text)
{
	/* encode_text turns characters into UTF-8 first, so bytes of the string are escaped. */
	struct text out = {0};
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (strncmp((const char *)c, NUL_CHAR, 3) == 0) {
			text_add(&out, "%00");
			c += 2;
		} else if (*c < 0x20 || *c > 0x7e || *c == '%' || *c == ':') {
			text_addf(&out, "%%%02X", *c);
		} else {
			text_add_bytes(&out, (const char *)c, 1);
		}
	}
	return text_take(&out, arena);
}

char *perl_unescape(struct arena *arena, const char *text, size_t n, size_t *ret_n)
{
	struct text out = {0};
	for (size_t i = 0; i < n; i++) {
		char byte = text[i];
		if (byte == '%' && i + 2 < n && isxdigit((unsigned char)text[i + 1]) &&
				isxdigit((unsigned char)text[i + 2])) {
			char hex[3] = {text[i + 1], text[i + 2], '\0'};
			byte = (char)strtoul(hex, NULL, 16);
			i += 2;
		}
		text_add_bytes(&out, &byte, 1);
	}
	*ret_n = out.n;
	return text_take(&out, arena);
}

char *perl_decode_text(struct arena *arena, const char *text)
{
	size_t n = 0;
	char *bytes = perl_to_bytes(arena, text, &n);
	bytes = perl_unescape(arena, bytes, n, &n);
	return perl_decode_utf8(arena, bytes, n);
}

char *perl_uri_unescape(struct arena *arena, const char *text)
{
	size_t n = 0;
	char *bytes = perl_unescape(arena, text, strlen(text), &n);
	return perl_decode_utf8(arena, bytes, n);
}

char *perl_scalar(struct arena *arena, const json_t *value)
{
	if (json_is_string(value))
		return arena_strdup(arena, json_string_value(value));
	if (json_is_integer(value))
		return arena_printf(arena, "%lld", (long long)json_integer_value(value));
	if (json_is_true(value))
		return arena_strdup(arena, "1");
	if (json_is_false(value))
		return arena_strdup(arena, "0");
	if (json_is_real(value)) {
		double number = json_real_value(value);
		if (number == floor(number) && fabs(number) < 1e15)
			return arena_printf(arena, "%.0f", number);
		return arena_printf(arena, "%.15g", number);
	}
	return NULL;
}

char *perl_chomp(struct arena *arena, const char *text)
{
	size_t n = strlen(text);
	if (n && text[n - 1] == '\n')
		n--;
	return arena_strndup(arena, text, n);
}

bool perl_true(const char *text)
{
	return text && *text && strcmp(text, "0") != 0;
}

void perl_keys(struct arena *arena, const json_t *hash, struct strings *ret_keys)
{
	*ret_keys = (struct strings){0};
	for (void *at = json_object_iter((json_t *)(uintptr_t)hash); at;
			at = json_object_iter_next((json_t *)(uintptr_t)hash, at))
		strings_add(arena, ret_keys, json_object_iter_key(at));
	strings_sort(ret_keys);
}

const char *hash_get(const json_t *hash, const char *key)
{
	return json_string_value(json_object_get(hash, key));
}

void hash_set(json_t *hash, const char *key, const char *value)
{
	json_object_set_new(hash, key, json_string(value));
}
