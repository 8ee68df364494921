/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/doctor/redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

const char *const redact_names[REDACT_KINDS] = {"host name", "IP address", "MAC address",
		"serial number", "UUID", "e-mail address", "secret", "comment"};

struct stand_in {
	enum redact_kind kind;
	char *original; /* in lower case */
	char *replacement;
};

struct redactor {
	struct arena *arena;
	struct list stand_ins; /* of struct stand_in */
	struct strings hosts;
	size_t used[REDACT_KINDS];
	bool comments;
};

struct redactor *redactor_new(bool comments)
{
	struct arena *arena = arena_new();
	struct redactor *redactor = arena_alloc(arena, sizeof *redactor);
	*redactor = (struct redactor){.arena = arena, .comments = comments};
	return redactor;
}

void redactor_free(struct redactor *redactor)
{
	if (redactor)
		arena_free(redactor->arena);
}

void redactor_add_host(struct redactor *redactor, const char *name)
{
	if (strlen(name) < 2 || strcasecmp(name, "localhost") == 0 ||
			strings_has(&redactor->hosts, name))
		return;
	strings_add(redactor->arena, &redactor->hosts, name);
}

/* The stand-in for an original; the same one each time. */
static const char *stand_in(
		struct redactor *redactor, enum redact_kind kind, const char *text, size_t n)
{
	struct arena *arena = redactor->arena;
	char *original = arena_strndup(arena, text, n);
	for (char *c = original; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	for (size_t i = 0; i < redactor->stand_ins.n; i++) {
		const struct stand_in *known = redactor->stand_ins.item[i];
		if (known->kind == kind && strcmp(known->original, original) == 0)
			return known->replacement;
	}
	size_t number = ++redactor->used[kind];
	char *replacement = NULL;
	bool v6 = memchr(text, ':', n) != NULL;
	switch (kind) {
	case REDACT_HOST:
		replacement = arena_printf(arena, "host%zu", number);
		break;
	case REDACT_IP: /* RFC 5737 and RFC 3849: for documentation */
		replacement = v6 ? arena_printf(arena, "2001:db8::%zx", number)
				 : arena_printf(arena, "192.0.2.%zu", number % 256);
		break;
	case REDACT_MAC:
		replacement = arena_printf(
				arena, "02:00:00:00:%02zx:%02zx", number / 256 % 256, number % 256);
		break;
	case REDACT_UUID:
		replacement = n == 9 ? arena_printf(arena, "0000-%04zX", number & 0xffff)
				     : arena_printf(arena, "00000000-0000-4000-8000-%012zx",
						       number);
		break;
	case REDACT_EMAIL:
		replacement = arena_printf(arena, "user%zu@example.org", number);
		break;
	case REDACT_SERIAL:
		replacement = arena_printf(arena, "SERIAL%zu", number);
		break;
	case REDACT_SECRET:
	case REDACT_COMMENT:
	case REDACT_KINDS:
		replacement = arena_strdup(arena, "REDACTED");
		break;
	}
	struct stand_in *added = arena_alloc(arena, sizeof *added);
	*added = (struct stand_in){kind, original, replacement};
	list_add(arena, &redactor->stand_ins, added);
	return replacement;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t hex_run(const char *text)
{
	return strspn(text, "0123456789abcdefABCDEF");
}

/* Each of these gives the length of what stands at `at`, or 0. `start` is where the text begins. */
typedef size_t find_at(const char *start, const char *at);

/* 8-4-4-4-12, and the volume id of a FAT file system, ABCD-1234. */
static size_t uuid_at(const char *start, const char *at)
{
	static const size_t parts[] = {8, 4, 4, 4, 12};
	if (at > start && (is_word(at[-1]) || at[-1] == '-'))
		return 0;
	const char *cursor = at;
	for (size_t i = 0; i < 5; i++) {
		if (hex_run(cursor) != parts[i])
			break;
		cursor += parts[i];
		if (i == 4)
			return is_word(*cursor) || *cursor == '-' ? 0 : (size_t)(cursor - at);
		if (*cursor++ != '-')
			break;
	}
	bool fat = strspn(at, "0123456789ABCDEF") == 4 && at[4] == '-' &&
		   strspn(at + 5, "0123456789ABCDEF") == 4 && !is_word(at[9]) && at[9] != '-';
	return fat ? 9 : 0;
}

/* LVM's: 6-4-4-4-4-4-6 letters and digits. */
static size_t lvm_at(const char *start, const char *at)
{
	static const size_t parts[] = {6, 4, 4, 4, 4, 4, 6};
	if (at > start && (is_word(at[-1]) || at[-1] == '-'))
		return 0;
	const char *cursor = at;
	for (size_t i = 0; i < 7; i++) {
		size_t n = 0;
		while (isalnum((unsigned char)cursor[n]))
			n++;
		if (n != parts[i])
			return 0;
		cursor += n;
		if (i < 6 && *cursor++ != '-')
			return 0;
	}
	return *cursor == '-' ? 0 : (size_t)(cursor - at);
}

static size_t mac_at(const char *start, const char *at)
{
	if (at > start && (is_word(at[-1]) || at[-1] == ':' || at[-1] == '-')) {
		/* enx001122334455: a network interface named by its address */
		bool named = at - start >= 3 && strncmp(at - 3, "enx", 3) == 0;
		return named && hex_run(at) == 12 ? 12 : 0;
	}
	if (at[0] == '\0' || at[1] == '\0')
		return 0;
	char between = at[2];
	if (between != ':' && between != '-')
		return 0;
	for (size_t i = 0; i < 6; i++) {
		if (hex_run(at + 3 * i) < 2 || (i < 5 && at[3 * i + 2] != between))
			return 0;
	}
	return is_word(at[17]) || at[17] == between ? 0 : 17;
}

static size_t ipv4_at(const char *start, const char *at)
{
	if (at > start && (is_word(at[-1]) || at[-1] == '.' || at[-1] == '-'))
		return 0;
	const char *cursor = at;
	unsigned first = 0;
	for (int i = 0; i < 4; i++) {
		size_t n = strspn(cursor, "0123456789");
		unsigned value = 0;
		for (size_t d = 0; d < n && d < 4; d++)
			value = value * 10 + (unsigned)(cursor[d] - '0');
		if (!n || n > 3 || value > 255)
			return 0;
		first = i == 0 ? value : first;
		cursor += n;
		if (i < 3 && *cursor++ != '.')
			return 0;
	}
	bool more = is_word(*cursor) || *cursor == '-' ||
		    (*cursor == '.' && isdigit((unsigned char)cursor[1]));
	/* Nobody's: this host, any host, a netmask, documentation. */
	bool common = first == 127 || first == 0 || first == 255 || strncmp(at, "192.0.2.", 8) == 0;
	return more || common ? 0 : (size_t)(cursor - at);
}

static size_t ipv6_at(const char *start, const char *at)
{
	if (at > start && (is_word(at[-1]) || at[-1] == ':' || at[-1] == '.'))
		return 0;
	size_t n = strspn(at, "0123456789abcdefABCDEF:");
	size_t groups = 0;
	size_t doubles = 0;
	for (size_t i = 0; i < n;) {
		size_t run = hex_run(at + i);
		run = run > n - i ? n - i : run;
		if (run > 4)
			return 0;
		groups += run > 0;
		i += run;
		doubles += i + 1 < n && at[i] == ':' && at[i + 1] == ':';
		i += i < n;
	}
	if (is_word(at[n]) || (at[n] == '.' && isdigit((unsigned char)at[n + 1])))
		return 0;
	while (n && at[n - 1] == ':' && (n < 2 || at[n - 2] != ':'))
		n--; /* a colon behind it */
	bool whole = groups == 8 && doubles == 0;
	bool shortened = doubles == 1 && groups >= 2;
	return whole || shortened ? n : 0;
}

static size_t email_at(const char *start, const char *at)
{
	static const char local[] =
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-";
	static const char domain[] =
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	if (at > start && (is_word(at[-1]) || strchr(".%+-", at[-1])))
		return 0;
	size_t n = strspn(at, local);
	if (!n || at[n] != '@')
		return 0;
	size_t m = strspn(at + n + 1, domain);
	while (m && !isalnum((unsigned char)at[n + m]))
		m--;
	return m && memchr(at + n + 1, '.', m) ? n + 1 + m : 0;
}

/* A host's name as a word, with the domain that follows it. */
static size_t host_at(const struct redactor *redactor, const char *start, const char *at)
{
	if (at > start && (is_word(at[-1]) || at[-1] == '-' || at[-1] == '.'))
		return 0;
	for (size_t i = 0; i < redactor->hosts.n; i++) {
		const char *name = redactor->hosts.item[i];
		size_t n = strlen(name);
		if (strncasecmp(at, name, n) != 0 || is_word(at[n]) || at[n] == '-')
			continue;
		while (at[n] == '.' && isalnum((unsigned char)at[n + 1])) {
			size_t label = 1;
			while (is_word(at[n + label]) || at[n + label] == '-')
				label++;
			n += label;
		}
		return n;
	}
	return 0;
}

/* The value behind a word like "password": where it starts and ends, or false. */
static bool secret_at(const char *start, const char *at, size_t *ret_from, size_t *ret_to)
{
	static const char *const words[] = {"password", "passwd", "passphrase", "cipassword",
			"sshkeys", "secret", "token", "apikey", "api_key", "api-key", "private-key",
			"PVEAPIToken", "PVEAuthCookie", "CSRFPreventionToken", "authorization",
			"psk", "license-key", "licence-key"};
	if (at > start && isalpha((unsigned char)at[-1]))
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i]);
		if (strncasecmp(at, words[i], n) != 0)
			continue;
		const char *value = at + n;
		value += *value == 's'; /* passwords: */
		value += strspn(value, "\"' \t");
		/* In a description written by Proxmox VE a colon is %3A. */
		bool encoded = strncasecmp(value, "%3A", 3) == 0;
		if (!encoded && *value != ':' && *value != '=')
			continue;
		value += encoded ? 3 : 1;
		value += strspn(value, "\"' \t");
		size_t length = strcspn(value, "\"'\r\n,; \t");
		/* "Authorization: Bearer X", "PVEAPIToken=user@realm!id=X" */
		if (strncasecmp(value, "bearer ", 7) == 0)
			length = strcspn(value, "\r\n\"'");
		if (!length)
			continue;
		*ret_from = (size_t)(value - at);
		*ret_to = *ret_from + length;
		return true;
	}
	return false;
}

static bool serial_at(const char *start, const char *at, size_t *ret_from, size_t *ret_to)
{
	static const char *const words[] = {"serial number", "serial no", "serial", "serialnumber",
			"ID_SERIAL_SHORT", "ID_SERIAL", "ID_WWN", "wwn", "asset tag"};
	if (at > start && is_word(at[-1]))
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i]);
		if (strncasecmp(at, words[i], n) != 0)
			continue;
		const char *value = at + n + strspn(at + n, " \t");
		if (*value != ':' && *value != '=')
			continue;
		value++;
		value += strspn(value, " \t\"");
		size_t length = strcspn(value, "\"\r\n,; \t");
		if (length < 4)
			continue;
		*ret_from = (size_t)(value - at);
		*ret_to = *ret_from + length;
		return true;
	}
	return false;
}

/* The part of a name below /dev/disk/by-id that is the disk's own: nvme-MODEL_SERIAL,
 * wwn-0x5002538e40b7a9c1. */
static bool by_id_at(const char *start, const char *at, size_t *ret_from, size_t *ret_to)
{
	if (at - start < 6 || strncmp(at - 6, "by-id/", 6) != 0)
		return false;
	size_t n = strcspn(at, " \t\r\n\"',:/");
	const char *mark = memrchr(at, '_', n);
	if (!mark && strncmp(at, "wwn-", 4) == 0)
		mark = at + 3;
	if (!mark && strncmp(at, "nvme-eui.", 9) == 0)
		mark = at + 8;
	if (!mark)
		return false;
	size_t tail = n; /* …-part1 stays */
	for (size_t i = 0; i + 5 < n; i++)
		if (strncmp(at + i, "-part", 5) == 0)
			tail = i;
	*ret_from = (size_t)(mark - at) + 1;
	*ret_to = tail;
	return *ret_to > *ret_from;
}

/* What stands here whole. */
static size_t thing_at(const struct redactor *redactor, const char *start, const char *at,
		enum redact_kind *ret_kind)
{
	static const struct {
		find_at *find;
		enum redact_kind kind;
	} finders[] = {{email_at, REDACT_EMAIL}, {uuid_at, REDACT_UUID}, {lvm_at, REDACT_UUID},
			{mac_at, REDACT_MAC}, {ipv4_at, REDACT_IP}, {ipv6_at, REDACT_IP}};
	for (size_t i = 0; i < sizeof finders / sizeof *finders; i++) {
		size_t n = finders[i].find(start, at);
		*ret_kind = finders[i].kind;
		if (n)
			return n;
	}
	*ret_kind = REDACT_HOST;
	return host_at(redactor, start, at);
}

static void add_mac(struct text *out, const char *replacement, size_t n)
{
	/* enx001122334455 has no colons. */
	for (const char *c = replacement; *c; c++)
		if (n != 12 || *c != ':')
			text_add_bytes(out, c, 1);
}

/* One step: what was replaced at `at`, added to `out`; 0 when nothing is to be. */
static size_t replace_at(struct redactor *redactor, const char *start, const char *at, bool path,
		struct text *out, size_t counts[REDACT_KINDS])
{
	size_t from = 0;
	size_t to = 0;
	enum redact_kind kind = REDACT_SECRET;
	bool named = (!path && secret_at(start, at, &from, &to));
	if (!named) {
		kind = REDACT_SERIAL;
		named = (!path && serial_at(start, at, &from, &to)) ||
			by_id_at(start, at, &from, &to);
	}
	if (named) {
		text_add_bytes(out, at, from);
		text_add(out, stand_in(redactor, kind, at + from, to - from));
		counts[kind]++;
		return to;
	}
	size_t n = thing_at(redactor, start, at, &kind);
	if (!n)
		return 0;
	const char *replacement = stand_in(redactor, kind, at, n);
	if (kind == REDACT_MAC)
		add_mac(out, replacement, n);
	else
		text_add(out, replacement);
	counts[kind]++;
	return n;
}

/* A private key, whole: up to its end line. */
static size_t key_block_at(const char *at)
{
	if (strncmp(at, "-----BEGIN ", 11) != 0 || !strstr(at, "PRIVATE KEY-----"))
		return 0;
	const char *end = strstr(at, "-----END ");
	const char *line = end ? strchr(end, '\n') : NULL;
	return line ? (size_t)(line - at) : strlen(at);
}

static char *redact_text(struct redactor *redactor, struct arena *arena, const char *text,
		bool path, size_t counts[REDACT_KINDS])
{
	struct text out = {0};
	size_t ignored[REDACT_KINDS] = {0};
	size_t *count = counts ? counts : ignored;
	for (const char *at = text; *at;) {
		size_t block = path ? 0 : key_block_at(at);
		if (block) {
			text_add(&out, "REDACTED");
			count[REDACT_SECRET]++;
			at += block;
			continue;
		}
		bool line_start = at == text || at[-1] == '\n';
		if (!path && redactor->comments && line_start && *at == '#') {
			text_add(&out, "#");
			at += strcspn(at, "\n");
			count[REDACT_COMMENT]++;
			continue;
		}
		size_t n = replace_at(redactor, text, at, path, &out, count);
		if (!n)
			text_add_bytes(&out, at, 1);
		at += n ? n : 1;
	}
	return text_take(&out, arena);
}

char *redact(struct redactor *redactor, struct arena *arena, const char *text,
		size_t counts[REDACT_KINDS])
{
	return redact_text(redactor, arena, text, false, counts);
}

char *redact_path(struct redactor *redactor, struct arena *arena, const char *path)
{
	return redact_text(redactor, arena, path, true, NULL);
}
