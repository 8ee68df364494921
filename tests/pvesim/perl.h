/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_PERL_H
#define PVESIM_PERL_H

#include <jansson.h>
#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/text.h"

/*
 * What Proxmox VE takes for granted because it is written in Perl: strings of characters, regular
 * expressions, lists in a string.
 *
 * A string is kept as UTF-8. One that was read from a file holds one character for each byte, as
 * Perl's does, and is written back the same way; only a character above 255 makes the whole file
 * come out as UTF-8 (Perl's "Wide character in print"). A NUL, which C strings cannot hold, is
 * kept as NUL_CHAR.
 */
#define NUL_CHAR "\xEE\x80\x80" /* U+E000 */

char *perl_from_bytes(struct arena *arena, const char *bytes, size_t n);
char *perl_to_bytes(struct arena *arena, const char *text, size_t *ret_n);
/* Bytes that are UTF-8, as a string of characters; what is not UTF-8 becomes U+FFFD. */
char *perl_decode_utf8(struct arena *arena, const char *bytes, size_t n);
size_t perl_length(const char *text);

/* Groups of a match, [0] the whole; NULL where a group took no part. */
enum { RX_GROUPS = 12 };
struct rx {
	char *group[RX_GROUPS];
};

/* Patterns are Perl's, by PCRE2. RX_BYTES: \s, \w and \d are ASCII, as for text from a file. */
enum rx_flags { RX_UNICODE = 0, RX_BYTES = 1, RX_CASELESS = 2 };
bool rx_test(const char *pattern, const char *text);
bool rx_match(struct arena *arena, const char *pattern, int flags, const char *text,
		struct rx *ret_rx);
/* True, and where it lies, for the first match at or after `start`. */
bool rx_find(const char *pattern, int flags, const char *text, size_t start, size_t *ret_from,
		size_t *ret_to);

/* PVE::Tools::split_list: blanks, commas and semicolons part; or NUL where there is one. */
void perl_split_list(struct arena *arena, const char *text, struct strings *ret_list);
/* split(/C/, $text): trailing empty fields are dropped. */
void perl_split(struct arena *arena, const char *text, char separator, struct strings *ret_list);
/* PVE::Tools::encode_text and decode_text: the percent encoding of descriptions. */
char *perl_encode_text(struct arena *arena, const char *text);
char *perl_decode_text(struct arena *arena, const char *text);
/* %XX undone, byte by byte. */
char *perl_unescape(struct arena *arena, const char *text, size_t n, size_t *ret_n);
char *perl_uri_unescape(struct arena *arena, const char *text);
/* A scalar as Perl prints it; NULL for undef, a list or a hash. */
char *perl_scalar(struct arena *arena, const json_t *value);
/* s/\s+$// and the like */
char *perl_chomp(struct arena *arena, const char *text);
bool perl_true(const char *text); /* neither undef, "" nor "0" */
/* Keys of a hash, sorted: Perl's own order is random, so any is right. */
void perl_keys(struct arena *arena, const json_t *hash, struct strings *ret_keys);
const char *hash_get(const json_t *hash, const char *key);
void hash_set(json_t *hash, const char *key, const char *value);

#endif
