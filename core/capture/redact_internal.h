/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_CAPTURE_REDACT_INTERNAL_H
#define PVEGPU_CORE_CAPTURE_REDACT_INTERNAL_H

#include "pvegpu/capture/redact.h"

/*
 * How redaction is done: redact_forms.c takes a file apart line by line as its form asks,
 * redact_words.c lets through the words of a piece of text that are known to be harmless, shapes.c
 * knows what addresses and ids look like, redact.c gives stand-ins and remembers the originals.
 */

/* dictionary.c: texts and what belongs to them, found in any case of letters. */
struct dictionary {
	struct dictionary_slot *slots;
	size_t n, capacity;
	size_t compared; /* how many keys were looked at in all, for tests of the cost */
};
void dictionary_free(struct dictionary *dictionary);
/* NULL: not there. */
void *dictionary_get(struct dictionary *dictionary, const char *key, size_t n);
/* `key` must live as long as the dictionary; it must not be there yet, `value` not be NULL. */
void dictionary_put(struct dictionary *dictionary, const char *key, size_t n, void *value);

/* words.c: the words that may leave, with blanks between them; ends with NULL. */
extern const char *const redact_vocabulary[];

/* Where what was redacted goes. */
struct writing {
	struct redactor *redactor;
	struct text *out;
	size_t *counts; /* of REDACT_KINDS */
};

/* redact.c */
const char *redact_stand_in(
		struct redactor *redactor, enum redact_kind kind, const char *text, size_t n);
/* The same, added to what is written, and counted. */
void redact_write(struct writing *writing, enum redact_kind kind, const char *text, size_t n);
bool redact_is_stand_in(struct redactor *redactor, const char *word, size_t n);
/* An original that has a stand-in and stands at the word that begins at `at`: its length, or 0. */
struct redact_known {
	const char *replacement;
	enum redact_kind kind;
};
size_t redact_known_at(struct redactor *redactor, const char *at, const char *end,
		const struct redact_known **ret_known);
bool redact_in_vocabulary(struct redactor *redactor, const char *word, size_t n);
/* A line that the doctor knows. */
bool redact_is_symptom(struct redactor *redactor, const char *line, size_t n);
bool redact_drops_comments(const struct redactor *redactor);

/* redact_words.c */
bool redact_is_word(char c); /* of a letter, a digit, or a part of a character beyond ASCII */
/* One word of letters and digits that may leave: of the vocabulary, a number, "x16", "32GiB". */
bool redact_is_common(struct redactor *redactor, const char *word, size_t n);
/* Free text, at most one line of it. */
void redact_words(struct writing *writing, const char *text, size_t n);

/* redact_forms.c */
void redact_lines(struct writing *writing, enum redact_form form, const char *text);

/* shapes.c: the length of what stands at `at`, or 0; `start` is where the text begins. */
size_t shape_uuid(const char *at);
size_t shape_fat(const char *start, const char *at);
size_t shape_lvm(const char *at);
size_t shape_mac(const char *at);
size_t shape_ipv4(const char *start, const char *at);
size_t shape_ipv6(const char *at);
size_t shape_email(const char *at);
/* user@realm of Proxmox VE, or user@host; where the name ends. */
size_t shape_user(const char *at, size_t *ret_name);
/* A long run of letters of both cases and digits, as keys and hashes in base64 are. */
size_t shape_blob(const char *at);
/* What stays: 0000:01:00.0, 10de:2206, a modalias of PCI, an id that all hosts have. */
size_t shape_kept(const char *start, const char *at);
size_t shape_upid(const char *at);

#endif
