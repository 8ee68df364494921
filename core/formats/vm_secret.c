/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/vm_secret.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/formats/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/vm_option.h"

/* Options that hold nothing but a secret. A new one is added here and nowhere else. */
#define SECRET_KEYS "cipassword|sshkeys"

/* Keys of key=value inside a value: the first end with one of these words, the others are one of
 * them, as QEMU has them (secret,data=  fw_cfg,string=  smbios type 11,value=  isa-applesmc,osk=).
 */
static const struct {
	const char *text;
	size_t n;
} secret_ends[] = {{"password", 8}, {"passwd", 6}, {"passphrase", 10}, {"secret", 6}, {"token", 5},
		{"credential", 10}, {"credentials", 11}};
#define SECRET_NAMES "pass|pw|pwd|psk|key|apikey|auth|data|string|value|osk"
enum { SECRET_NAME_MAX = sizeof "apikey" - 1 };

/* QEMU's options whose values are shown, but for secret keys in them. */
#define SHOWN_ARGS                                                                                 \
	"accel|acpitable|audiodev|bios|boot|blockdev|chardev|cpu|device|display|drive|enable-kvm|" \
	"global|k|m|M|machine|mem-path|mem-prealloc|mon|monitor|name|netdev|nic|no-hpet|no-"       \
	"reboot|"                                                                                  \
	"nodefaults|numa|object|overcommit|parallel|rtc|serial|set|smbios|smp|soundhw|spice|"      \
	"trace|usb|usbdevice|uuid|vga|vnc|watchdog|watchdog-action"

bool vm_secret_key(const char *key)
{
	return format_is_word(SECRET_KEYS, key);
}

static bool is_secret_name(const char *name, size_t n)
{
	char copy[64];
	while (n && memchr(name, '.', n)) { /* file.password= is password= */
		name++;
		n--;
	}
	if (n == 0 || n >= sizeof copy)
		return n != 0;
	const char *last = copy; /* api-key= is key= */
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		copy[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		last = c == '-' || c == '_' ? copy + i + 1 : last;
	}
	copy[n] = '\0';
	for (size_t i = 0; i < sizeof secret_ends / sizeof *secret_ends; i++) {
		const char *end = secret_ends[i].text;
		size_t length = secret_ends[i].n;
		if (copy[n - 1] == end[length - 1] && n >= length &&
				memcmp(copy + n - length, end, length) == 0)
			return true;
	}
	return copy + n - last <= SECRET_NAME_MAX && format_is_word(SECRET_NAMES, last);
}

static bool is_name_character(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* -vnc :1,password=on says only that there is one. */
static bool is_switch(const char *value, size_t n)
{
	static const char *const words[] = {"on", "off", "yes", "no", "true", "false", "1", "0"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == n && strncasecmp(value, words[i], n) == 0)
			return true;
	return n == 0;
}

/* The quotes that are open after a character. */
static char quote_after(char quote, char c)
{
	bool opens = !quote && (c == '"' || c == '\'');
	if (opens)
		return c;
	if (quote == c)
		return '\0';
	return quote;
}

/* Where the value that begins at `at` ends: at a comma (two of them are one in it), at an
 * ampersand or a semicolon, but not inside quotes. */
static const char *value_end(const char *at, const char *end)
{
	char quote = '\0';
	for (; at < end; at++) {
		bool pair = at + 1 < end && (*at == '\\' || (!quote && *at == ',' && at[1] == ','));
		if (!pair && !quote && strchr(",&;", *at))
			break;
		if (!pair)
			quote = quote_after(quote, *at);
		at += pair;
	}
	return at < end ? at : end;
}

/* In //user:password@host: where the host begins; NULL without a user. */
static const char *after_user(const char *at, const char *end)
{
	const char *stop = at;
	const char *found = NULL;
	for (; stop < end && !strchr("/,?# \t", *stop); stop++)
		if (*stop == '@')
			found = stop;
	return found;
}

/* Without the passwords that stand in it as name=value or in an address. */
static void add_without_passwords(struct text *out, const char *start, const char *end)
{
	const char *name = start;
	const char *from = start; /* what is not added yet */
	for (const char *at = start; at < end; at++) {
		const char *host = *at == ':' && at + 2 < end && strncmp(at, "://", 3) == 0
						   ? after_user(at + 3, end)
						   : NULL;
		if (host) {
			text_add_bytes(out, from, (size_t)(at + 1 - from));
			text_add(out, "//" VM_SECRET_MASK);
			at = host - 1;
			name = host;
			from = host;
		} else if (*at == '=' && is_secret_name(name, (size_t)(at - name))) {
			const char *stop = value_end(at + 1, end);
			if (is_switch(at + 1, (size_t)(stop - at - 1)))
				continue;
			text_add_bytes(out, from, (size_t)(at + 1 - from));
			text_add(out, VM_SECRET_MASK);
			at = stop - 1;
			from = stop;
		}
		if (!is_name_character(*at))
			name = at + 1;
	}
	text_add_bytes(out, from, (size_t)(end - from));
}

/* The end of the word that begins at `at`, as a shell parts them. */
static const char *word_end(const char *at)
{
	char quote = '\0';
	for (; *at && (quote || !strchr(" \t", *at)); at++) {
		bool pair = *at == '\\' && at[1] && quote != '\'';
		if (!pair)
			quote = quote_after(quote, *at);
		at += pair;
	}
	return at;
}

static bool is_option(const char *word, size_t n)
{
	if (n < 2 || word[0] != '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_name_character(word[i]))
			return false;
	return true;
}

/* JSON (-device '{"driver":…}') is shown where no word of it could name a secret. */
static bool is_secret_json(const char *word, size_t n)
{
	static const char between[] = "{}[]\"':, \t";
	bool json = memchr(word, '{', n) != NULL;
	for (size_t i = 0; json && i < n;) {
		size_t length = strcspn(word + i, between);
		length = length < n - i ? length : n - i;
		if (length && is_secret_name(word + i, length))
			return true;
		i += length + 1;
	}
	return false;
}

static const char *args_value(struct arena *arena, const char *value)
{
	struct text out = {0};
	bool shown = false; /* of the option before this word */
	for (const char *at = value; *at;) {
		if (strchr(" \t", *at)) {
			text_add_bytes(&out, at++, 1);
			continue;
		}
		const char *end = word_end(at);
		size_t n = (size_t)(end - at);
		if (is_option(at, n)) {
			const char *name = arena_strndup(arena, at + 1, n - 1);
			name += *name == '-';
			shown = format_is_word(SHOWN_ARGS, name);
			text_add_bytes(&out, at, n);
		} else if (shown && !is_secret_json(at, n)) {
			add_without_passwords(&out, at, end);
		} else {
			text_add(&out, VM_SECRET_MASK);
		}
		at = end;
	}
	return text_take(&out, arena);
}

const char *vm_secret_value(struct arena *arena, const char *key, const char *value)
{
	return vm_secret_known(arena, vm_option_exists(key), key, value);
}

const char *vm_secret_known(struct arena *arena, bool option, const char *key, const char *value)
{
	if (!option)
		return format_is_word("delete|snapstate|fleecing-images", key) ? value
									       : VM_SECRET_MASK;
	if (format_is_word(SECRET_KEYS "|description", key) || strpbrk(value, "\r\n"))
		return VM_SECRET_MASK;
	if (strcmp(key, "args") == 0)
		return args_value(arena, value);
	if (!strchr(value, '=') && !strstr(value, "://"))
		return value; /* no place for a secret */
	struct text out = {0};
	add_without_passwords(&out, value, value + strlen(value));
	return text_take(&out, arena);
}

/* A line of a file without its line ending. */
static void add_line(struct arena *arena, struct text *out, const char *start, size_t n)
{
	struct vm_conf_line line;
	const char *line_text = arena_memdup(arena, start, n);
	switch (vm_conf_read_line(arena, line_text, &line)) {
	case VM_CONF_BLANK:
	case VM_CONF_HEADER:
		text_add_bytes(out, start, n);
		break;
	case VM_CONF_COMMENT:
		text_add(out, n > 1 ? "#" VM_SECRET_MASK : "#");
		break;
	case VM_CONF_ENTRY:
		text_add_bytes(out, start, line.value_at);
		text_add(out, vm_secret_value(arena, line.key, line.value));
		text_add(out, line_text + line.value_at + strlen(line.value));
		break;
	case VM_CONF_OTHER:
		text_add(out, VM_SECRET_MASK);
		break;
	}
}

char *vm_secret_diff(struct arena *arena, const char *diff)
{
	struct text out = {0};
	struct lines cursor = lines_start(diff);
	bool inside = false; /* of a hunk: before it stand the names */
	struct line line;
	if (!diff)
		return NULL;
	while (line_next(&cursor, &line)) {
		bool head = line.n && strchr("@\\", line.start[0]);
		inside = inside || (line.n && line.start[0] == '@');
		if (!inside || head || !line.n) {
			text_add_bytes(&out, line.start, line.full);
			continue;
		}
		text_add_bytes(&out, line.start, 1);
		add_line(arena, &out, line.start + 1, line.n - 1);
		text_add_bytes(&out, line.start + line.n, line.full - line.n);
	}
	return text_take(&out, arena);
}
