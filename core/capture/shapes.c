/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/capture/redact_internal.h"

/* What things look like that stand for one host only, and what stays although it looks odd. */

#define HEX   "0123456789abcdefABCDEF"
#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static size_t hex_run(const char *text)
{
	return strspn(text, HEX);
}

/* 8-4-4-4-12 */
static size_t dashed_at(const char *at)
{
	static const size_t parts[] = {8, 4, 4, 4, 12};
	const char *cursor = at;
	for (size_t i = 0; i < 5; i++) {
		if (hex_run(cursor) < parts[i] || (i < 4 && cursor[parts[i]] != '-'))
			return 0;
		cursor += parts[i] + (i < 4);
	}
	return 36;
}

/* Those that mean a kind of thing, not one of them: EFI's own variables, types of partitions, and
 * none at all. */
static size_t common_uuid_at(const char *at)
{
	static const char *const common[] = {"8be4df61-93ca-11d2-aa0d-00e098032b8c",
			"c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
			"21686148-6449-6e6f-744e-656564454649",
			"e6d6d379-f507-44c2-a23c-238f2a3df928",
			"0fc63daf-8483-4772-8e79-3d69d8477de4",
			"00000000-0000-0000-0000-000000000000"};
	for (size_t i = 0; i < sizeof common / sizeof *common; i++)
		if (strncasecmp(at, common[i], 36) == 0)
			return 36;
	return 0;
}

size_t shape_uuid(const char *at)
{
	if (hex_run(at) == 32 && !redact_is_word(at[32]))
		return 32;
	return common_uuid_at(at) ? 0 : dashed_at(at);
}

/* The volume id of a FAT file system, ABCD-1234; of digits alone only where an id is to be. */
size_t shape_fat(const char *start, const char *at)
{
	static const char digits[] = "0123456789ABCDEF";
	if (strspn(at, digits) != 4 || at[4] != '-' || strspn(at + 5, digits) != 4 ||
			redact_is_word(at[9]) || at[9] == '-')
		return 0;
	bool letter = strspn(at, "0123456789") < 4 || strspn(at + 5, "0123456789") < 4;
	bool named = (at - start >= 5 && strncasecmp(at - 5, "uuid=", 5) == 0) ||
		     (at - start >= 5 && strncasecmp(at - 5, "uuid/", 5) == 0) ||
		     (at == start && strcspn(at, "\n") == 9);
	return letter || named ? 9 : 0;
}

/* LVM's: 6-4-4-4-4-4-6 letters and digits. */
size_t shape_lvm(const char *at)
{
	static const size_t parts[] = {6, 4, 4, 4, 4, 4, 6};
	const char *cursor = at;
	for (size_t i = 0; i < 7; i++) {
		if (strspn(cursor, ALNUM) != parts[i] || (i < 6 && cursor[parts[i]] != '-'))
			return 0;
		cursor += parts[i] + (i < 6);
	}
	return (size_t)(cursor - at);
}

/* Six bytes with : or - between, three words with dots, or twelve digits in a row. */
size_t shape_mac(const char *at)
{
	size_t run = hex_run(at);
	if (run == 12 && !redact_is_word(at[12]))
		return strspn(at, "0") == 12 ? 0 : 12;
	if (run == 4 && at[4] == '.' && hex_run(at + 5) == 4 && at[9] == '.' &&
			hex_run(at + 10) == 4 && !redact_is_word(at[14]) && at[14] != '.')
		return 14;
	if (run != 2 || (at[2] != ':' && at[2] != '-'))
		return 0;
	char between = at[2];
	for (size_t i = 0; i < 6; i++)
		if (hex_run(at + 3 * i) != 2 || (i < 5 && at[3 * i + 2] != between))
			return 0;
	return redact_is_word(at[17]) ? 0 : 17;
}

static bool read_byte(const char **cursor, unsigned *ret_value)
{
	size_t n = strspn(*cursor, "0123456789");
	*ret_value = 0;
	for (size_t i = 0; i < n && i < 4; i++)
		*ret_value = *ret_value * 10 + (unsigned)((*cursor)[i] - '0');
	*cursor += n;
	return n && n <= 3 && *ret_value <= 255;
}

size_t shape_ipv4(const char *start, const char *at)
{
	const char *cursor = at;
	unsigned first = 0;
	unsigned value = 0;
	if (at > start && at[-1] == '.' && at - start >= 2 && isdigit((unsigned char)at[-2]))
		return 0;
	for (int i = 0; i < 4; i++) {
		if (!read_byte(&cursor, &value))
			return 0;
		first = i == 0 ? value : first;
		if (i < 3 && *cursor != '.')
			/* A network of homes and offices, as 192.168.7 stands for one */
			return i == 2 && strncmp(at, "192.168.", 8) == 0 && !redact_is_word(*cursor)
					       ? (size_t)(cursor - at)
					       : 0;
		cursor += i < 3;
	}
	/* Nobody's: this host, any host, a netmask, reserved (and so a stand-in). */
	bool common = first == 127 || first == 0 || first >= 240;
	return common || isalpha((unsigned char)*cursor) ? 0 : (size_t)(cursor - at);
}

/* How many bytes of a set stand at `at`, looking at no more than `max`: what may be tried again at
 * each word of a long run must not look at all of it. */
static size_t span(const char *at, const char *set, size_t max)
{
	size_t n = 0;
	while (n < max && at[n] && strchr(set, at[n]))
		n++;
	return n;
}

size_t shape_ipv6(const char *at)
{
	enum { LONGEST = 48 };
	size_t n = span(at, HEX ":", LONGEST);
	size_t groups = 0;
	size_t doubles = 0;
	for (size_t i = 0; i < n;) {
		size_t run = hex_run(at + i);
		if (run > 4)
			return 0;
		groups += run > 0;
		i += run;
		doubles += i + 1 < n && at[i] == ':' && at[i + 1] == ':';
		i += i < n;
	}
	while (n && at[n - 1] == ':' && (n < 2 || at[n - 2] != ':'))
		n--; /* a colon behind it */
	bool whole = groups == 8 && doubles == 0;
	bool shortened = doubles == 1 && (groups >= 2 || (groups == 1 && at[n - 1] == ':'));
	return (whole || shortened) && !redact_is_word(at[n]) ? n : 0;
}

/* A unit of systemd, getty@tty1.service, is no address. */
static bool is_unit(const char *text, size_t n)
{
	static const char *const types[] = {".service", ".socket", ".device", ".mount",
			".automount", ".swap", ".target", ".path", ".timer", ".slice", ".scope"};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		size_t m = strlen(types[i]);
		if (n > m && strncmp(text + n - m, types[i], m) == 0)
			return true;
	}
	return false;
}

/* What stands before and after an @. */
static bool split_at(const char *at, size_t *ret_local, size_t *ret_domain)
{
	enum { LONGEST = 255 };
	*ret_local = span(at, ALNUM "._%+-", LONGEST);
	if (!*ret_local || at[*ret_local] != '@')
		return false;
	const char *domain = at + *ret_local + 1;
	size_t n = span(domain, ALNUM ".-_\\", LONGEST);
	while (n && !isalnum((unsigned char)domain[n - 1]))
		n--;
	*ret_domain = n;
	return n && !is_unit(domain, n);
}

size_t shape_email(const char *at)
{
	size_t local = 0;
	size_t domain = 0;
	if (!split_at(at, &local, &domain) || !memchr(at + local + 1, '.', domain))
		return 0;
	return local + 1 + domain;
}

size_t shape_user(const char *at, size_t *ret_name)
{
	size_t local = 0;
	size_t domain = 0;
	if (!split_at(at, &local, &domain) || memchr(at + local + 1, '.', domain))
		return 0;
	*ret_name = local;
	return local + 1 + domain;
}

size_t shape_blob(const char *at)
{
	enum { SHORTEST = 20 };
	size_t n = strspn(at, ALNUM "+/_-=$.");
	size_t upper = 0;
	size_t lower = 0;
	size_t digits = 0;
	size_t longest = 0;
	size_t run = 0;
	for (size_t i = 0; i < n; i++) {
		upper += at[i] >= 'A' && at[i] <= 'Z';
		lower += at[i] >= 'a' && at[i] <= 'z';
		digits += isdigit((unsigned char)at[i]) != 0;
		run = isalnum((unsigned char)at[i]) ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return n >= SHORTEST && upper >= 3 && lower >= 3 && digits >= 2 && longest >= 16 ? n : 0;
}

static bool ends_here(const char *at)
{
	return !redact_is_word(*at) && *at != ':';
}

/* 0000:01:00.0, 01:00, 0000:01 as a bus */
static size_t address_at(const char *at)
{
	size_t n = hex_run(at);
	const char *cursor = at;
	if ((n >= 4 && n <= 8) && at[n] == ':')
		cursor += n + 1;
	if (hex_run(cursor) != 2)
		return 0;
	cursor += 2;
	if (cursor - at > 2 && ends_here(cursor))
		return (size_t)(cursor - at);
	if (*cursor != ':' || hex_run(cursor + 1) != 2)
		return 0;
	cursor += 3;
	if (*cursor == '.' && isdigit((unsigned char)cursor[1]))
		cursor += 2;
	return ends_here(cursor) || (*cursor == ':' && !isxdigit((unsigned char)cursor[1]))
			       ? (size_t)(cursor - at)
			       : 0;
}

/* 10de:2206, 10de:2206:1458:40c9 */
static size_t ids_at(const char *at)
{
	size_t groups = 0;
	const char *cursor = at;
	while (hex_run(cursor) == 4 && groups < 5) {
		groups++;
		cursor += 4;
		if (*cursor != ':' || !isxdigit((unsigned char)cursor[1]))
			break;
		cursor++;
	}
	return (groups == 2 || groups == 4) && !redact_is_word(*cursor) ? (size_t)(cursor - at) : 0;
}

/* v000010DEd00002206sv00001458sd000040C9bc03sc00i00 */
static size_t modalias_at(const char *at)
{
	static const char form[] = "v########d########sv########sd########bc##sc##i##";
	size_t i = 0;
	for (; form[i]; i++)
		if (form[i] == '#' ? !isxdigit((unsigned char)at[i]) : at[i] != form[i])
			return 0;
	return i;
}

/* The bus in "bus 0a", "bus 00-ff"; the revision in "rev a1". */
static size_t byte_at(const char *start, const char *at)
{
	if (hex_run(at) != 2 || redact_is_word(at[2]) || at - start < 4)
		return 0;
	bool named = strncmp(at - 4, "bus ", 4) == 0 || strncmp(at - 4, "rev ", 4) == 0;
	bool range = at - start >= 7 && at[-1] == '-' && strncmp(at - 7, "bus ", 4) == 0;
	return named || range ? 2 : 0;
}

/* fd000000-fdffffff : PCI Bus 0000:01, as in /proc/iomem; at either number. */
static size_t range_at(const char *start, const char *at)
{
	size_t n = hex_run(at);
	if (n < 8 || n > 16)
		return 0;
	size_t other = at[n] == '-' ? hex_run(at + n + 1) : 0;
	bool first = other == n && strncmp(at + 2 * n + 1, " : ", 3) == 0;
	bool second = strncmp(at + n, " : ", 3) == 0 && (size_t)(at - start) > n && at[-1] == '-' &&
		      hex_run(at - n - 1) == n;
	return first || second ? n : 0;
}

/* Bits of a register: "cap d2008c40660462 ecap f050da", PCI_CLASS=C0330 */
static size_t bits_at(const char *start, const char *at)
{
	static const char *const before[] = {"cap ", "addr ", "PCI_CLASS=", "class ", "class: "};
	size_t n = hex_run(at);
	for (size_t i = 0; n && n <= 16 && !redact_is_word(at[n]) &&
			   i < sizeof before / sizeof *before;
			i++) {
		size_t m = strlen(before[i]);
		if (at - start >= (ptrdiff_t)m && strncmp(at - m, before[i], m) == 0 &&
				n <= (i < 2 ? 16 : 6))
			return n;
	}
	return 0;
}

size_t shape_kept(const char *start, const char *at)
{
	size_t n = address_at(at);
	n = n ? n : ids_at(at);
	n = n ? n : modalias_at(at);
	n = n ? n : common_uuid_at(at);
	n = n ? n : bits_at(start, at);
	n = n ? n : range_at(start, at);
	return n ? n : byte_at(start, at);
}

/* UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER: (formats/upid.h) */
size_t shape_upid(const char *at)
{
	if (strncmp(at, "UPID:", 5) != 0)
		return 0;
	size_t n = 0;
	for (int i = 0; i < 8; i++) {
		n += strcspn(at + n, ": \t\r\n/\"'");
		if (at[n] != ':')
			return 0;
		n++;
	}
	return n;
}
