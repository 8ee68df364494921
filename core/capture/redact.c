/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/capture/redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/capture/redact_internal.h"
#include "pvegpu/doctor/symptoms.h"
#include "pvegpu/logs/matcher.h"

const char *const redact_names[REDACT_KINDS] = {"host name", "IP address", "MAC address",
		"serial number", "UUID", "e-mail address", "user name", "name", "unknown word",
		"secret", "comment", "foreign log line"};

enum { KNOWN_MAX = 128, KNOWN_WORDS = 12, KNOWN_MIN = 4, NUMBER_MIN = 6 };

struct redactor {
	struct arena *arena;
	struct matcher *matcher;
	bool comments;
	struct dictionary vocabulary;
	struct dictionary stand_ins[REDACT_KINDS]; /* original -> its stand-in */
	struct dictionary given;                   /* all stand-ins */
	struct dictionary known; /* originals that are looked for wherever they stand */
	struct dictionary first; /* the first words of those */
	size_t used[REDACT_KINDS];
};

static void add_words(struct redactor *redactor, const char *text)
{
	for (const char *at = text; *at;) {
		size_t n = 0;
		while (isalnum((unsigned char)at[n]))
			n++;
		if (n > 1 && !dictionary_get(&redactor->vocabulary, at, n))
			dictionary_put(&redactor->vocabulary, at, n, redactor);
		at += n + (at[n] != '\0');
	}
}

/* What the catalogue of symptoms looks for must be found again. */
static void add_symptoms(struct redactor *redactor)
{
	for (size_t i = 0; i < symptom_count(); i++) {
		add_words(redactor, symptom_at(i)->literal);
		add_words(redactor, symptom_at(i)->pattern);
	}
}

struct redactor *redactor_new(bool comments)
{
	struct arena *arena = arena_new();
	struct redactor *redactor = arena_alloc(arena, sizeof *redactor);
	redactor->arena = arena;
	redactor->comments = comments;
	redactor->matcher = symptoms_matcher();
	for (size_t i = 0; redact_vocabulary[i]; i++)
		add_words(redactor, redact_vocabulary[i]);
	add_symptoms(redactor);
	return redactor;
}

void redactor_free(struct redactor *redactor)
{
	if (!redactor)
		return;
	matcher_free(redactor->matcher);
	dictionary_free(&redactor->vocabulary);
	for (int i = 0; i < REDACT_KINDS; i++)
		dictionary_free(&redactor->stand_ins[i]);
	dictionary_free(&redactor->given);
	dictionary_free(&redactor->known);
	dictionary_free(&redactor->first);
	arena_free(redactor->arena);
}

size_t redactor_work(const struct redactor *redactor)
{
	size_t work = redactor->vocabulary.compared + redactor->given.compared +
		      redactor->known.compared + redactor->first.compared;
	for (int i = 0; i < REDACT_KINDS; i++)
		work += redactor->stand_ins[i].compared;
	return work;
}

bool redact_is_symptom(struct redactor *redactor, const char *line, size_t n)
{
	return matcher_line(redactor->matcher, line, n) != NULL;
}

bool redact_drops_comments(const struct redactor *redactor)
{
	return redactor->comments;
}

bool redact_in_vocabulary(struct redactor *redactor, const char *word, size_t n)
{
	return dictionary_get(&redactor->vocabulary, word, n) != NULL;
}

bool redact_is_stand_in(struct redactor *redactor, const char *word, size_t n)
{
	return dictionary_get(&redactor->given, word, n) != NULL;
}

static size_t word_length(const char *at, const char *end)
{
	size_t n = 0;
	while (at + n < end && redact_is_word(at[n]))
		n++;
	return n;
}

/* What the field calls things by, and somebody might call a VM. */
static bool is_technical(const char *text, size_t n)
{
	static const char *const terms[] = {"vfio-pci", "vfio_pci", "pci-stub", "snd_hda_intel",
			"i2c_nvidia_gpu", "local-lvm", "local-zfs", "kvm_intel", "kvm_amd",
			"pve-root", "pve-swap", "pve-data", "pve-manager", "proxmox-ve",
			"amd_iommu", "intel_iommu", "iommu=pt", "xhci_hcd", "xhci-hcd",
			"nvidia_drm", "vfio_iommu_type1", "qemu-server", "qemu-kvm",
			"virtio-scsi-single", "virtio-scsi-pci", "simple-framebuffer"};
	for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
		if (strlen(terms[i]) == n && strncasecmp(terms[i], text, n) == 0)
			return true;
	return shape_kept(text, text) == n;
}

/* Worth to be looked for elsewhere: long enough, and more than one harmless word. */
static bool is_telling(struct redactor *redactor, const char *text, size_t n)
{
	if (is_technical(text, n))
		return false;
	if (n < KNOWN_MIN || n > KNOWN_MAX || redact_is_stand_in(redactor, text, n))
		return false;
	bool digits = true;
	for (size_t i = 0; i < n; i++)
		digits &= isdigit((unsigned char)text[i]) != 0;
	if (digits)
		return n >= NUMBER_MIN;
	return word_length(text, text + n) < n || !redact_is_common(redactor, text, n);
}

/* Have an original looked for: by its first word, and then as a whole. */
static void make_known(struct redactor *redactor, enum redact_kind kind, const char *text, size_t n,
		const char *replacement)
{
	while (n && !redact_is_word(*text)) {
		text++;
		n--;
	}
	while (n && !redact_is_word(text[n - 1]))
		n--;
	if (!is_telling(redactor, text, n) || dictionary_get(&redactor->known, text, n))
		return;
	const char *copy = arena_strndup(redactor->arena, text, n);
	struct redact_known *known = arena_alloc(redactor->arena, sizeof *known);
	*known = (struct redact_known){replacement, kind};
	dictionary_put(&redactor->known, copy, n, known);
	size_t first = word_length(copy, copy + n);
	if (!dictionary_get(&redactor->first, copy, first))
		dictionary_put(&redactor->first, copy, first, redactor);
}

size_t redact_known_at(struct redactor *redactor, const char *at, const char *end,
		const struct redact_known **ret_known)
{
	size_t found = 0;
	size_t n = word_length(at, end);
	if (!n || !dictionary_get(&redactor->first, at, n))
		return 0;
	for (int words = 0; words < KNOWN_WORDS && n <= KNOWN_MAX; words++) {
		const struct redact_known *known = dictionary_get(&redactor->known, at, n);
		if (known) {
			found = n;
			*ret_known = known;
		}
		while (at + n < end && n <= KNOWN_MAX && !redact_is_word(at[n]) && at[n] != '\n')
			n++;
		size_t word = word_length(at + n, end);
		if (!word)
			break;
		n += word;
	}
	return found;
}

/* An address or id is one, however it is written. */
static char *canonical(struct arena *arena, enum redact_kind kind, const char *text, size_t n)
{
	char *copy = arena_strndup(arena, text, n);
	size_t kept = 0;
	for (size_t i = 0; copy[i]; i++)
		if ((kind != REDACT_MAC && (kind != REDACT_UUID || n != 36)) ||
				isalnum((unsigned char)copy[i]))
			copy[kept++] = copy[i];
	copy[kept] = '\0';
	return copy;
}

static char *new_stand_in(
		struct redactor *redactor, enum redact_kind kind, const char *text, size_t n)
{
	struct arena *arena = redactor->arena;
	size_t number = ++redactor->used[kind];
	switch (kind) {
	case REDACT_HOST:
		return arena_printf(arena, "host%zu", number);
	case REDACT_IP: /* RFC 1112 and RFC 6666: nobody has these */
		if (memchr(text, ':', n))
			return arena_printf(arena, "100::%zx:%zx", number >> 16, number & 0xffff);
		return arena_printf(arena, "240.%zu.%zu.%zu", number >> 16 & 255, number >> 8 & 255,
				number & 255);
	case REDACT_MAC:
		return arena_printf(arena, "02:00:00:%02zx:%02zx:%02zx", number >> 16 & 255,
				number >> 8 & 255, number & 255);
	case REDACT_UUID:
		if (n == 9)
			return arena_printf(arena, "0000-%04zX", number & 0xffff);
		return arena_printf(arena, "00000000-0000-4000-8000-%012zx", number);
	case REDACT_EMAIL:
		return arena_printf(arena, "user%zu@example.org", number);
	case REDACT_SERIAL:
		return arena_printf(arena, "SERIAL%zu", number);
	case REDACT_USER:
		return arena_printf(arena, "user%zu", number);
	case REDACT_NAME:
		return arena_printf(arena, "name%zu", number);
	case REDACT_WORD:
		return arena_printf(arena, "word%zu", number);
	case REDACT_SECRET:
	case REDACT_COMMENT:
	case REDACT_LINE:
	case REDACT_KINDS:
		break;
	}
	return arena_strdup(arena, "REDACTED");
}

/* Each longer word of a secret too: it may stand alone elsewhere. */
static void make_parts_known(struct redactor *redactor, const char *text, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t word = strcspn(text + i, " \t\"',;");
		word = word > n - i ? n - i : word;
		if (word >= NUMBER_MIN)
			make_known(redactor, REDACT_SECRET, text + i, word, "REDACTED");
		i += word + 1;
	}
}

const char *redact_stand_in(
		struct redactor *redactor, enum redact_kind kind, const char *text, size_t n)
{
	if (kind == REDACT_SECRET) {
		make_known(redactor, kind, text, n, "REDACTED");
		make_parts_known(redactor, text, n);
	}
	if (kind >= REDACT_SECRET)
		return "REDACTED";
	char *original = canonical(redactor->arena, kind, text, n);
	size_t length = strlen(original);
	const char *replacement = dictionary_get(&redactor->stand_ins[kind], original, length);
	if (!replacement) {
		char *made = new_stand_in(redactor, kind, text, n);
		dictionary_put(&redactor->stand_ins[kind], original, length, made);
		if (!redact_is_stand_in(redactor, made, strlen(made)))
			dictionary_put(&redactor->given, made, strlen(made), made);
		replacement = made;
	}
	if (kind != REDACT_WORD)
		make_known(redactor, kind, text, n, replacement);
	return replacement;
}

void redact_write(struct writing *writing, enum redact_kind kind, const char *text, size_t n)
{
	const char *replacement = redact_stand_in(writing->redactor, kind, text, n);
	bool bare = (kind == REDACT_MAC && n == 12) || (kind == REDACT_UUID && n == 32);
	for (const char *c = replacement; *c; c++)
		if (!bare || isalnum((unsigned char)*c))
			text_add_bytes(writing->out, c, 1);
	writing->counts[kind]++;
}

void redactor_add_host(struct redactor *redactor, const char *name)
{
	if (strlen(name) > 1 && strcasecmp(name, "localhost") != 0)
		(void)redact_stand_in(redactor, REDACT_HOST, name, strlen(name));
}

char *redact(struct redactor *redactor, struct arena *arena, enum redact_form form,
		const char *text, size_t counts[REDACT_KINDS])
{
	struct text out = {0};
	size_t ignored[REDACT_KINDS] = {0};
	struct writing writing = {redactor, &out, counts ? counts : ignored};
	redact_lines(&writing, form, text);
	return text_take(&out, arena);
}

/* The name of a node in /etc/pve/nodes/NAME/…, or in a link to nodes/NAME; or NULL. */
static const char *node_in(const char *path)
{
	static const char *const starts[] = {"nodes/", "/etc/pve/nodes/"};
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (text_starts(path, starts[i]) && path[strlen(starts[i])])
			return path + strlen(starts[i]);
	return NULL;
}

char *redact_path(struct redactor *redactor, struct arena *arena, const char *path)
{
	struct text out = {0};
	size_t ignored[REDACT_KINDS] = {0};
	struct writing writing = {redactor, &out, ignored};
	const char *node = node_in(path);
	if (node) {
		size_t n = strcspn(node, "/");
		text_add_bytes(&out, path, (size_t)(node - path));
		redact_write(&writing, REDACT_HOST, node, n);
		path = node + n;
	}
	redact_words(&writing, path, strlen(path));
	return text_take(&out, arena);
}

char *redact_sweep(struct redactor *redactor, struct arena *arena, const char *bytes, size_t n,
		size_t *ret_n)
{
	struct text out = {0};
	const char *end = bytes + n;
	for (const char *at = bytes; at < end;) {
		const struct redact_known *original = NULL;
		size_t word = word_length(at, end);
		size_t known = word && !redact_is_stand_in(redactor, at, word)
					       ? redact_known_at(redactor, at, end, &original)
					       : 0;
		if (known)
			text_add(&out, original->replacement);
		else
			text_add_bytes(&out, at, word ? word : 1);
		at += known ? known : word ? word : 1;
	}
	*ret_n = out.n;
	char *copy = arena_memdup(arena, text_string(&out), out.n);
	text_free(&out);
	return copy;
}
