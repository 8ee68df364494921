/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/vm_conf.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/formats/internal.h"
#include "pvegpu/base/index.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/vm_option.h"
#include "pvegpu/formats/vm_secret.h"

static const char blanks[] = " \t\n\r\f\v"; /* Perl's \s in ASCII */

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Sections differ in what they take. */
enum kind { CURRENT, PENDING, CLOUDINIT, FLEECING, OTHER_SPECIAL, SNAPSHOT, UNKNOWN };

struct reader {
	struct arena *arena;
	struct arena *scratch; /* what is not kept, until the end */
	struct vm_conf *conf;
	enum vm_conf_source source;
	struct vm_conf_section *section;
	enum kind kind;
	size_t line;
	struct index sections; /* those of conf->snapshots and conf->specials, by name */
	struct text notes;     /* of the section, decoded */
	bool has_notes;
};

static void problem(struct reader *reader, size_t line, const char *what)
{
	struct vm_conf_problem *found = arena_alloc(reader->arena, sizeof *found);
	*found = (struct vm_conf_problem){.line = line, .what = arena_strdup(reader->arena, what)};
	list_add(reader->arena, &reader->conf->problems, found);
}

/* The name between the brackets of a header line, or NULL. Blanks may follow it. */
static char *header_name(struct arena *arena, const char *line)
{
	size_t n = line[0] == '[' ? strlen(line) : 0;
	while (n && is_blank(line[n - 1]))
		n--;
	if (n < 2 || line[n - 1] != ']' || memchr(line, ']', n - 1))
		return NULL;
	return arena_memdup(arena, line + 1, n - 2);
}

/* How far ^[a-z][a-z_\-]*\d* goes, when a colon follows; else 0 */
static size_t key_length(const char *line)
{
	size_t n = 0;
	if (!islower((unsigned char)line[0]))
		return 0;
	while (islower((unsigned char)line[n]) || line[n] == '_' || line[n] == '-')
		n++;
	n += strspn(line + n, "0123456789");
	return line[n] == ':' ? n : 0;
}

/* ^([a-z][a-z_\-]*\d*):\s*(.+?)\s*$ */
enum vm_conf_kind vm_conf_read_line(
		struct arena *arena, const char *line, struct vm_conf_line *ret_line)
{
	*ret_line = (struct vm_conf_line){.name = header_name(arena, line)};
	if (ret_line->name)
		return VM_CONF_HEADER;
	if (!line[strspn(line, blanks)])
		return VM_CONF_BLANK;
	if (line[0] == '#')
		return VM_CONF_COMMENT;
	size_t n = key_length(line);
	size_t end = strlen(line);
	size_t at = n + 1 + (n ? strspn(line + n + 1, blanks) : 0);
	if (!n || end == n + 1)
		return VM_CONF_OTHER;
	while (end > at && is_blank(line[end - 1]))
		end--;
	/* .+? needs one character: of blanks alone the last one is the value. */
	at -= !line[at];
	end += end == at;
	ret_line->key = arena_memdup(arena, line, n);
	ret_line->value = arena_memdup(arena, line + at, end - at);
	ret_line->value_at = at;
	return VM_CONF_ENTRY;
}

static bool snapshot_name_is_valid(const char *name)
{
	if (!isalpha((unsigned char)name[0]) || !name[1])
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
			return false;
	return true;
}

static int hex_digit(char c)
{
	const char *const digits = "0123456789abcdef";
	const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
	return found ? (int)(found - digits) : -1;
}

static void add_decoded(struct text *text, const char *line)
{
	for (const char *c = line; *c; c++) {
		int high = *c == '%' ? hex_digit(c[1]) : -1;
		int low = high >= 0 ? hex_digit(c[2]) : -1;
		const unsigned char byte = (unsigned char)(high * 16 + low);
		text_add_bytes(text, low >= 0 ? (const char *)&byte : c, 1);
		c += low >= 0 ? 2 : 0;
	}
}

void vm_conf_encode(struct text *text, const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)line[i];
		if (c < 0x20 || c > 0x7e || c == '%' || c == ':')
			text_addf(text, "%%%02X", c);
		else
			text_add_bytes(text, line + i, 1);
	}
}

/* The length of the character that ends at `n`, when Perl takes it for a blank; else 0. */
static size_t blank_before(const char *text, size_t n)
{
	static const char *const wide[] = {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8",
			"\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
	if (n && is_blank(text[n - 1]))
		return 1;
	if (n >= 3 && strncmp(text + n - 3, "\xe2\x80", 2) == 0 &&
			(unsigned char)text[n - 1] >= 0x80 && (unsigned char)text[n - 1] <= 0x8a)
		return 3;
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
		size_t length = strlen(wide[i]);
		if (n >= length && memcmp(text + n - length, wide[i], length) == 0)
			return length;
	}
	return 0;
}

/* What is no UTF-8 becomes U+FFFD. */
static struct text as_utf8(const struct text *bytes)
{
	struct text out = {0};
	const char *data = text_string(bytes);
	for (size_t i = 0; i < bytes->n;) {
		size_t length = 1;
		while (length < 4 && i + length < bytes->n &&
				((unsigned char)data[i + length] & 0xc0) == 0x80)
			length++;
		while (length > 1 && !text_is_utf8(data + i, length))
			length--;
		if (text_is_utf8(data + i, length))
			text_add_bytes(&out, data + i, length);
		else
			text_add(&out, "\xef\xbf\xbd");
		i += length;
	}
	return out;
}

/* The notes of a section end where the next begins. Blanks at their end are dropped. */
static void finish_notes(struct reader *reader)
{
	struct text plain = as_utf8(&reader->notes);
	const char *text = text_string(&plain);
	size_t n = plain.n;
	for (size_t length = 0; (length = blank_before(text, n)) > 0;)
		n -= length;
	bool empty = n == 0 || (n == 1 && *text == '0'); /* false to Perl */
	struct lines cursor = lines_start_n(text, n);
	struct line line;
	if (reader->section && reader->has_notes)
		reader->section->description = (struct strings){0};
	while (reader->section && reader->has_notes && !empty && line_next(&cursor, &line)) {
		struct text encoded = {0};
		vm_conf_encode(&encoded, line.start, line.n);
		strings_add(reader->arena, &reader->section->description, text_string(&encoded));
		text_free(&encoded);
	}
	if (reader->section && reader->has_notes && empty && reader->kind == PENDING)
		strings_add(reader->arena, &reader->section->description, "");
	text_free(&plain);
	text_free(&reader->notes);
	reader->has_notes = false;
}

/* A later section replaces an earlier one of the same name. */
static void open_in(struct reader *reader, struct list *sections, const char *name)
{
	/* No name of a snapshot has a colon. */
	bool special = sections == &reader->conf->specials;
	const char *key = arena_printf(reader->arena, "%s%s", special ? "special:" : "", name);
	struct vm_conf_section *section = index_get(&reader->sections, key);
	if (section) {
		problem(reader, reader->line, "the section of this name before it is dropped");
	} else {
		section = arena_alloc(reader->arena, sizeof *section);
		list_add(reader->arena, sections, section);
		index_put(reader->arena, &reader->sections, key, section);
	}
	*section = (struct vm_conf_section){.name = arena_strdup(reader->arena, name)};
	reader->section = section;
}

static void open_special(struct reader *reader, const char *name)
{
	bool cloudinit = strcasecmp(name, "cloudinit") == 0;
	reader->kind = strcmp(name, "cloudinit") == 0  ? CLOUDINIT
		       : strcmp(name, "fleecing") == 0 ? FLEECING
						       : OTHER_SPECIAL;
	if (cloudinit || strcasecmp(name, "fleecing") == 0) {
		open_in(reader, &reader->conf->specials, name);
		return;
	}
	reader->kind = UNKNOWN;
	reader->section = NULL;
	problem(reader, reader->line,
			arena_printf(reader->arena, "unknown section [special:%s]", name));
}

static void open_section(struct reader *reader, const char *name)
{
	static const char special[] = "special:";
	finish_notes(reader);
	if (strcasecmp(name, "PENDING") == 0) {
		if (reader->conf->pending.name)
			problem(reader, reader->line,
					"the section of this name before it is dropped");
		reader->conf->pending = (struct vm_conf_section){
				.name = arena_strdup(reader->arena, "PENDING")};
		reader->section = &reader->conf->pending;
		reader->kind = PENDING;
	} else if (strncasecmp(name, special, strlen(special)) == 0) {
		open_special(reader, name + strlen(special));
	} else if (snapshot_name_is_valid(name)) {
		reader->kind = SNAPSHOT;
		open_in(reader, &reader->conf->snapshots, name);
	} else {
		reader->kind = UNKNOWN;
		reader->section = NULL;
		problem(reader, reader->line,
				arena_printf(reader->arena, "unknown section [%s]", name));
	}
}

/* Nearly all differ in the first letter, and need no call. */
static bool is_key(const struct vm_conf_entry *entry, const char *key)
{
	return entry->key[0] == key[0] && strcmp(entry->key, key) == 0;
}

static struct vm_conf_entry *take_entry(struct list *entries, const char *key)
{
	for (size_t i = 0; i < entries->n; i++) {
		struct vm_conf_entry *entry = entries->item[i];
		if (!is_key(entry, key))
			continue;
		for (entries->n--; i < entries->n; i++)
			entries->item[i] = entries->item[i + 1];
		return entry;
	}
	return NULL;
}

static struct vm_conf_entry *make_entry(
		const struct reader *reader, const char *key, const char *value, size_t line)
{
	struct vm_conf_entry *entry = arena_alloc(reader->arena, sizeof *entry);
	const char *name = vm_option_name(key);
	const char *shown = vm_secret_known(reader->scratch, name != NULL, key, value);
	*entry = (struct vm_conf_entry){
			.key = name && *name ? name : arena_strdup(reader->arena, key),
			.value = arena_strdup(reader->arena, value),
			.line = line};
	bool open = shown == value || !value || strcmp(shown, value) == 0;
	entry->shown = open ? entry->value : arena_strdup(reader->arena, shown);
	return entry;
}

/* The last one counts. */
static void add_entry(struct reader *reader, const char *key, const char *value)
{
	struct vm_conf_entry *before = take_entry(&reader->section->entries, key);
	if (before)
		problem(reader, before->line,
				arena_printf(reader->arena,
						"%s stands again in line %zu, which counts", key,
						reader->line));
	list_add(reader->arena, &reader->section->entries,
			make_entry(reader, key, value, reader->line));
}

/* A key that this section takes with this value: it, or NULL and why not. */
static const char *kept_value(const struct reader *reader, const char *key, const char *value,
		const char **ret_why)
{
	*ret_why = NULL;
	switch (reader->kind) {
	case CLOUDINIT:
		return value;
	case FLEECING:
		if (strcmp(key, "fleecing-images") == 0)
			return value;
		*ret_why = "is no setting of this section";
		return NULL;
	case OTHER_SPECIAL:
		*ret_why = "stands in a section whose name is not written in small letters";
		return NULL;
	case CURRENT:
	case PENDING:
	case SNAPSHOT:
	case UNKNOWN:
		break;
	}
	if (reader->source == VM_CONF_API)
		return value;
	return vm_option_value(reader->scratch, key, value, ret_why);
}

static void read_option(struct reader *reader, const struct vm_conf_line *line)
{
	const char *key = line->key;
	const char *why = NULL;
	const char *value = kept_value(reader, key, line->value, &why);
	if (!value) {
		problem(reader, reader->line,
				arena_printf(reader->arena,
						"%s %s; PVE drops the line when it next writes",
						key, why));
		list_add(reader->arena, &reader->section->dropped,
				make_entry(reader, key, line->value, reader->line));
		return;
	}
	if (strcmp(key, "description") == 0 && reader->kind != CLOUDINIT) {
		/* of blanks alone: what is more was taken before */
		struct text encoded = {0};
		vm_conf_encode(&encoded, value, strlen(value));
		reader->section->description = (struct strings){0};
		strings_add(reader->arena, &reader->section->description, text_string(&encoded));
		text_free(&encoded);
		return;
	}
	if (strcmp(key, "cdrom") == 0 && reader->kind != CLOUDINIT)
		key = "ide2"; /* its name before Proxmox VE 2.0 */
	add_entry(reader, key, value);
}

/* snapstate:\s*(prepare|delete)\s*$ anywhere in a line: the word, or NULL */
static const char *snapshot_state(const char *line)
{
	static const char *const words[] = {"prepare", "delete"};
	static const char name[] = "snapstate:";
	size_t n = strlen(line);
	while (n && is_blank(line[n - 1]))
		n--;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t length = strlen(words[i]);
		if (n < length || strncmp(line + n - length, words[i], length) != 0)
			continue;
		size_t at = n - length;
		while (at && is_blank(line[at - 1]))
			at--;
		if (at >= strlen(name) &&
				strncmp(line + at - strlen(name), name, strlen(name)) == 0)
			return words[i];
	}
	return NULL;
}

/* These are taken before any check, unless their value is of blanks alone. */
static bool read_special_key(struct reader *reader, const struct vm_conf_line *line)
{
	if (is_blank(line->value[0]))
		return false;
	if (strcmp(line->key, "description") == 0) {
		add_decoded(&reader->notes, line->value);
		reader->has_notes = true;
	} else if (strcmp(line->key, "args") == 0 ||
			(strcmp(line->key, "delete") == 0 && reader->kind == PENDING)) {
		add_entry(reader, line->key, line->value);
	} else if (strcmp(line->key, "delete") == 0) {
		problem(reader, reader->line, "'delete' is only allowed in [PENDING]");
	} else {
		return false;
	}
	return true;
}

static void read_line(struct reader *reader, const char *text)
{
	struct vm_conf_line line;
	enum vm_conf_kind kind = vm_conf_read_line(reader->scratch, text, &line);
	const char *state = snapshot_state(text);
	if (kind == VM_CONF_HEADER) {
		open_section(reader, line.name);
	} else if (kind == VM_CONF_BLANK || !reader->section ||
			(kind == VM_CONF_ENTRY && strcmp(line.key, "description") == 0 &&
					read_special_key(reader, &line))) {
		return;
	} else if (kind == VM_CONF_COMMENT) {
		add_decoded(&reader->notes, text + 1);
		text_add(&reader->notes, "\n");
		reader->has_notes = true;
	} else if (state) {
		if (reader->kind != CURRENT)
			add_entry(reader, "snapstate", state);
		else
			problem(reader, reader->line,
					"snapstate is not kept in the current configuration");
	} else if (kind == VM_CONF_ENTRY) {
		if (!read_special_key(reader, &line))
			read_option(reader, &line);
	} else {
		problem(reader, reader->line,
				"not a 'key: value' line; PVE drops it when it next writes");
	}
}

static int compare_problems(const void *a, const void *b)
{
	const struct vm_conf_problem *const *first = a;
	const struct vm_conf_problem *const *second = b;
	return (*first)->line < (*second)->line ? -1 : (*first)->line > (*second)->line;
}

void vm_conf_parse(struct arena *arena, const char *text, enum vm_conf_source source,
		struct vm_conf *ret_conf)
{
	*ret_conf = (struct vm_conf){.current.name = arena_strdup(arena, "")};
	struct reader reader = {.arena = arena,
			.scratch = arena_new(),
			.conf = ret_conf,
			.source = source,
			.section = &ret_conf->current,
			.kind = CURRENT};
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		reader.line++;
		read_line(&reader, arena_memdup(reader.scratch, line.start, line.n));
	}
	finish_notes(&reader);
	index_free(&reader.sections);
	arena_free(reader.scratch);
	if (!ret_conf->pending.name)
		ret_conf->pending.name = arena_strdup(arena, "PENDING");
	if (ret_conf->problems.n > 1)
		qsort(ret_conf->problems.item, ret_conf->problems.n,
				sizeof *ret_conf->problems.item, compare_problems);
}

static const struct vm_conf_entry *find_entry(
		const struct vm_conf_section *section, const char *key)
{
	for (size_t i = 0; i < section->entries.n; i++) {
		const struct vm_conf_entry *entry = section->entries.item[i];
		if (is_key(entry, key))
			return entry;
	}
	return NULL;
}

const char *vm_conf_get(const struct vm_conf_section *section, const char *key)
{
	const struct vm_conf_entry *entry = find_entry(section, key);
	return entry ? entry->value : NULL;
}

const char *vm_conf_shown(const struct vm_conf_section *section, const char *key)
{
	const struct vm_conf_entry *entry = find_entry(section, key);
	return entry ? entry->shown : NULL;
}
