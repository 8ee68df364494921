/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/capture/redact_internal.h"

/*
 * A piece of free text, word by word. At each word it is seen first whether a secret is named,
 * then whether something stands there that has a shape (an address, an id), and then whether the
 * word is harmless. What is left gets a stand-in.
 */
struct piece {
	const char *start, *end;
	bool strict; /* a password was named, and what follows may be it */
};

/* How much stands at `at` and was written; 0: not this. */
typedef size_t handle_at(struct writing *writing, struct piece *piece, const char *at);

bool redact_is_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool is_one_of(const char *word, size_t n, const char *list)
{
	for (const char *at = list; *at;) {
		size_t length = strcspn(at, " ");
		if (length == n && strncasecmp(at, word, n) == 0)
			return true;
		at += length + strspn(at + length, " ");
	}
	return false;
}

/* "32GiB", "100ms", "7950X", "2nd": a number and what it counts. */
static bool is_measure(const char *word, size_t n)
{
	static const char units[] =
			"k m g t kb mb gb tb kib mib gib tib ms us ns s hz khz mhz ghz bit "
			"bits v mv w mw c x h hs hx hk u f kf ks xt d gt gbps mbps kbps th st nd "
			"rd p b z min xtx xl ti dpi ppm rpm bpp bytes pages";
	size_t digits = strspn(word, "0123456789");
	return digits && digits <= 9 && digits < n && is_one_of(word + digits, n - digits, units);
}

/* "0x10de"; a world-wide name has sixteen digits, the kernel's own addresses begin with ffff. */
static bool is_hex(const char *word, size_t n)
{
	if (n < 3 || word[0] != '0' || (word[1] != 'x' && word[1] != 'X'))
		return false;
	for (size_t i = 2; i < n; i++)
		if (!isxdigit((unsigned char)word[i]))
			return false;
	const char *digits = word + 2 + strspn(word + 2, "0");
	size_t length = (size_t)(word + n - digits);
	return n <= 18 && (length <= 14 || strncasecmp(digits, "ffff", 4) == 0);
}

/* sda1, vdb */
static bool is_disk(const char *word, size_t n)
{
	if (n < 3 || !strchr("shv", word[0]) || word[1] != 'd')
		return false;
	size_t letters = 2;
	while (letters < n && letters < 4 && islower((unsigned char)word[letters]))
		letters++;
	size_t digits = strspn(word + letters, "0123456789");
	return letters > 2 && digits <= 2 && letters + digits >= n;
}

/* nvme0n1p3, enp5s0f0np0, fwbr106i0, hdaudioC0D2, pc00, gpu0: words and numbers by turns. Not
 * those that hosts are mostly called by: what a machine is for, and its number. */
static bool is_numbered(struct redactor *redactor, const char *word, size_t n)
{
	static const char hosts[] = "pve proxmox server srv nas worker master web db backup mail "
				    "storage cluster user admin guest client site dell hp lenovo "
				    "supermicro";
	static const char devices[] =
			"nvme enp ens eno enx tap fwbr fwln fwpr veth hdaudio card wlp mmcblk vm subvol pci ata host";
	size_t i = 0;
	bool device = false;
	for (int part = 0; i < n && part < 5; part++) {
		size_t letters = 0;
		while (i + letters < n && isalpha((unsigned char)word[i + letters]))
			letters++;
		size_t digits = 0;
		while (i + letters + digits < n &&
				isdigit((unsigned char)word[i + letters + digits]))
			digits++;
		const char *stem = word + i;
		device |= part == 0 && is_one_of(stem, letters, devices);
		bool fine = part == 0 ? letters > 1 &&
							    redact_in_vocabulary(redactor, stem,
									    letters) &&
							    !is_one_of(stem, letters, hosts)
				      : device && letters <= 2;
		if (!letters || !fine || (!digits && part == 0) || digits > (device ? 6 : 3))
			return false;
		i += letters + digits;
	}
	return i >= n;
}

/* AD102, GP107GL: NVIDIA's chips; X570, Z690E: of boards; PNP0A08 and the like: ACPI's. */
static bool is_chip(const char *word, size_t n)
{
	if (n >= 4 && n <= 5 && strchr("ABHQWXZ", word[0]) && strspn(word + 1, "0123456789") == 3 &&
			(n == 4 || isupper((unsigned char)word[4])))
		return true;
	if (n >= 5 && n <= 7 && is_one_of(word, 2, "gk gm gp gv tu ga ad gb gh"))
		return strspn(word + 2, "0123456789") >= 3 && isupper((unsigned char)word[0]);
	bool acpi = n >= 7 && n <= 8 &&
		    (is_one_of(word, 3, "pnp") || is_one_of(word, 4, "amdi intc acpi msft lnxs"));
	for (size_t i = n > 4 ? n - 4 : 0; acpi && i < n; i++)
		acpi = isxdigit((unsigned char)word[i]);
	return acpi;
}

/* A VM's number has up to nine digits, and of memory there are whole pages. */
static bool is_number(const char *word, size_t n)
{
	enum { DIGITS_MAX = 9, MEMORY_MAX = 14, PAGE = 4096 };
	unsigned long long value = 0;
	for (size_t i = 0; i < n && i < MEMORY_MAX; i++)
		value = value * 10 + (unsigned long long)(word[i] - '0');
	return n <= DIGITS_MAX || (n <= MEMORY_MAX && value % PAGE == 0);
}

bool redact_is_common(struct redactor *redactor, const char *word, size_t n)
{
	size_t digits = strspn(word, "0123456789");
	if (digits >= n)
		return is_number(word, n);
	if (strspn(word, "fF") >= n && (n == 4 || n == 8 || n == 16))
		return true;
	if (n == 1)
		return isalpha((unsigned char)word[0]);
	if (isalpha((unsigned char)word[0]) && n <= 3 && strspn(word + 1, "0123456789") >= n - 1)
		return true; /* x16, P0, C6 */
	return redact_in_vocabulary(redactor, word, n) || is_measure(word, n) || is_hex(word, n) ||
	       is_disk(word, n) || is_numbered(redactor, word, n) || is_chip(word, n);
}

static size_t word_at(const struct piece *piece, const char *at)
{
	size_t n = 0;
	while (at + n < piece->end && redact_is_word(at[n]))
		n++;
	return n;
}

static size_t fits(const struct piece *piece, const char *at, size_t n)
{
	return n <= (size_t)(piece->end - at) ? n : 0;
}

/* Up to the closing quote, and what hangs on to it; without quotes to the end. */
static size_t value_length(const char *at, const char *end)
{
	if (*at != '"' && *at != '\'')
		return (size_t)(end - at);
	char quote = *at;
	const char *cursor = at + 1;
	while (cursor < end && *cursor != quote)
		cursor += 1 + (*cursor == '\\' && cursor + 1 < end);
	cursor += cursor < end;
	bool over = cursor >= end || strchr(",}] \t;:)", *cursor);
	return over ? (size_t)(cursor - at) : (size_t)(end - at);
}

static bool names_secret(const char *word, size_t n)
{
	static const char words[] =
			"pass passwd password passwords passphrase passphrases pwd pw secret "
			"secrets token tokens apikey psk credential credentials auth authorization "
			"bearer cookie ticket sshkeys privatekey presharedkey publickey accesskey "
			"secretkey keyring license licence licensekey passcode pincode otp totp "
			"seed mnemonic community userpw signature sshkey";
	static const char *const ends[] = {"password", "passwd", "passphrase", "secret", "token",
			"cookie", "apikey", "credential", "credentials", "psk", "ticket"};
	if (is_one_of(word, n, words))
		return true;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t m = strlen(ends[i]);
		if (n > m && strncasecmp(word + n - m, ends[i], m) == 0)
			return true;
	}
	return false;
}

/* "key" alone means nothing; an API's, a private one does. */
static bool names_key(const struct piece *piece, const char *at, size_t n)
{
	static const char *const before[] = {"api", "private", "public", "preshared", "access",
			"secret", "license", "licence", "encryption", "ssh", "shared", "host",
			"wpa", "product", "storage", "master", "account", "auth"};
	if (!is_one_of(at, n, "key keys id") || at - piece->start < 4)
		return false;
	const char *end = at - 1;
	bool key = is_one_of(at, n, "key keys");
	for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
		size_t m = strlen(before[i]);
		if (end - piece->start >= (ptrdiff_t)m && strncasecmp(end - m, before[i], m) == 0)
			return key;
	}
	return false;
}

/* The separator between a name and its value: how long, with the blanks around it, or 0. A colon
 * that Proxmox VE wrote into a comment is %3A. */
static size_t separator_at(const char *at, const char *end)
{
	const char *cursor = at;
	while (cursor < end && strchr("\"' \t]", *cursor))
		cursor++;
	size_t n = 0;
	if (cursor + 3 <= end &&
			(strncasecmp(cursor, "%3A", 3) == 0 || strncasecmp(cursor, "%3D", 3) == 0))
		n = 3;
	while (cursor + n < end && strchr(":=>", cursor[n]))
		n++;
	if (!n)
		return 0;
	cursor += n;
	while (cursor < end && strchr(" \t", *cursor))
		cursor++;
	return (size_t)(cursor - at);
}

/* The rest of a name: PASSWORD_HASH, secret.key */
static size_t name_rest(const char *at, const char *end)
{
	enum { LONGEST = 64 };
	size_t n = 0;
	while (at + n < end && n < LONGEST && (redact_is_word(at[n]) || strchr("_-.", at[n])))
		n++;
	return n;
}

static size_t handle_secret(struct writing *writing, struct piece *piece, const char *at)
{
	size_t n = word_at(piece, at);
	if (!names_secret(at, n) && !names_key(piece, at, n))
		return 0;
	n += name_rest(at + n, piece->end);
	bool option = at - piece->start >= 2 && at[-1] == '-' && (at[-2] == '-' || at[-2] == ' ') &&
		      at + n < piece->end && at[n] == ' ';
	size_t between = separator_at(at + n, piece->end);
	between = !between && option ? 1 : between;
	const char *value = at + n + between;
	if (!between || value >= piece->end) {
		piece->strict = true;
		return 0;
	}
	size_t length = value_length(value, piece->end);
	size_t quote = *value == '"' || *value == '\'';
	bool closed = quote && length > 1 && value[length - 1] == *value;
	text_add_bytes(writing->out, at, n + between + quote);
	redact_write(writing, REDACT_SECRET, value + quote, length - quote - closed);
	text_add_bytes(writing->out, value, closed);
	return n + between + length;
}

/* Up to a blank, a comma or a quote. */
static size_t plain_value(const char *at, const char *end)
{
	enum { LONGEST = 512 };
	size_t n = 0;
	while (at + n < end && n < LONGEST && !strchr("\"' \t,;)]}<>", at[n]))
		n++;
	return n;
}

/* "serial=", "S/N: ", "ID_SERIAL_SHORT=", "Asset Tag: " */
static size_t handle_serial(struct writing *writing, struct piece *piece, const char *at)
{
	size_t n = word_at(piece, at);
	bool short_form = n == 1 && strncasecmp(at, "s/n", fits(piece, at, 3)) == 0 &&
			  fits(piece, at, 3);
	if (!short_form &&
			!is_one_of(at, n,
					"serial serialnumber serialno sn wwn wwid eui nguid asset imei iccid servicetag"))
		return 0;
	size_t rest = short_form ? 3 : n;
	while (at + rest < piece->end && rest < n + 20 &&
			(isalpha((unsigned char)at[rest]) || strchr("_ -", at[rest])))
		rest++;
	size_t between = separator_at(at + rest, piece->end);
	const char *value = at + rest + between;
	value += value < piece->end && strchr("\"'", *value);
	bool follows = between || (value < piece->end && value[-1] == ' ');
	size_t length = follows ? plain_value(value, piece->end) : 0;
	size_t digits = strcspn(value, "0123456789");
	if (length < 4 || digits >= length || shape_kept(value, value) ||
			strncmp(value, "8250", 4) == 0)
		return 0;
	text_add_bytes(writing->out, at, (size_t)(value - at));
	redact_write(writing, REDACT_SERIAL, value, length);
	return (size_t)(value - at) + length;
}

/* "user=", "node=", "hostname:": a name, whatever word it is. */
static size_t handle_named(struct writing *writing, struct piece *piece, const char *at)
{
	size_t n = word_at(piece, at);
	bool user = is_one_of(at, n, "user username login logname owner ciuser account ruser");
	bool host = is_one_of(at, n,
			"node nodename hostname rhost domain realm domainname searchdomain fqdn servername");
	const char *value = at + n + 1;
	if ((!user && !host) || value >= piece->end || !strchr("=:", at[n]))
		return 0;
	value += value < piece->end && strchr("\"' ", *value);
	size_t length = plain_value(value, piece->end);
	size_t digits = strspn(value, "0123456789");
	static const char plain[] =
			"root root@pam none any all unknown this the of is localhost null true false pam pve memory numa";
	if (!length || digits >= length || is_one_of(value, length, plain) ||
			memchr(value, '@', length) || !isalnum((unsigned char)*value) ||
			shape_ipv4(value, value) || shape_ipv6(value) || shape_kept(value, value))
		return 0;
	text_add_bytes(writing->out, at, (size_t)(value - at));
	redact_write(writing, user ? REDACT_USER : REDACT_HOST, value, length);
	return (size_t)(value - at) + length;
}

/* The labels of a domain behind a host's name. */
static size_t domain_at(const struct piece *piece, const char *at)
{
	enum { LONGEST = 255 };
	size_t n = 0;
	while (at + n + 1 < piece->end && at[n] == '.' && redact_is_word(at[n + 1]) &&
			n < LONGEST) {
		n++;
		while (at + n < piece->end && (redact_is_word(at[n]) || at[n] == '-'))
			n++;
	}
	return n;
}

/* In the middle of a run of these the beginning was looked at already. */
static bool begins(const struct piece *piece, const char *at, const char *set)
{
	return at == piece->start || !strchr(set, at[-1]);
}

/* nas.home.arpa: a name in a domain of a house, a firm or the net, but for those that messages and
 * manuals name. */
static size_t handle_domain(struct writing *writing, struct piece *piece, const char *at)
{
	static const char last[] =
			"lan local home internal intern corp arpa private com net org de io "
			"eu uk fr nl ch us info biz cloud dev test example invalid lab";
	static const char *const known[] = {"nvidia.com", "kernel.org", "proxmox.com", "k8s.io",
			"kubernetes.io", "debian.org", "freedesktop.org", "gnu.org", "github.com",
			"talos.dev", "siderolabs.com", "systemd.io"};
	size_t n = word_at(piece, at);
	while (at + n < piece->end && n < 63 && (redact_is_word(at[n]) || at[n] == '-'))
		n++;
	size_t domain = begins(piece, at, ".-_") ? domain_at(piece, at + n) : 0;
	const char *dot = domain ? memrchr(at + n, '.', domain) : NULL;
	n += domain;
	if (!dot || !is_one_of(dot + 1, (size_t)(at + n - dot) - 1, last))
		return 0;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t m = strlen(known[i]);
		if (n >= m && strncasecmp(at + n - m, known[i], m) == 0)
			return 0;
	}
	redact_write(writing, REDACT_HOST, at, n);
	return n;
}

/* +49 30 1234567 */
static size_t handle_phone(struct writing *writing, struct piece *piece, const char *at)
{
	enum { DIGITS_MIN = 9, LONGEST = 24 };
	size_t n = 1;
	size_t digits = 0;
	size_t end = 0;
	if (*at != '+' || (at > piece->start && redact_is_word(at[-1])))
		return 0;
	for (; at + n < piece->end && n < LONGEST && strchr("0123456789 -()/", at[n]); n++)
		if (isdigit((unsigned char)at[n])) {
			digits++;
			end = n + 1;
		}
	if (digits < DIGITS_MIN)
		return 0;
	redact_write(writing, REDACT_SECRET, at, end);
	return end;
}

static size_t handle_known(struct writing *writing, struct piece *piece, const char *at)
{
	const struct redact_known *known = NULL;
	size_t n = redact_known_at(writing->redactor, at, piece->end, &known);
	if (!n)
		return 0;
	size_t domain = known->kind == REDACT_HOST ? domain_at(piece, at + n) : 0;
	if (domain) {
		redact_write(writing, REDACT_HOST, at, n + domain);
	} else {
		text_add(writing->out, known->replacement);
		writing->counts[known->kind]++;
	}
	return n + domain;
}

static size_t handle_upid(struct writing *writing, struct piece *piece, const char *at)
{
	size_t n = fits(piece, at, shape_upid(at));
	if (!n)
		return 0;
	size_t node = strcspn(at + 5, ":");
	text_add(writing->out, "UPID:");
	redact_write(writing, REDACT_HOST, at + 5, node);
	const char *rest = at + 5 + node;
	for (int i = 0; i < 4; i++)
		rest += 1 + strcspn(rest + 1, ":");
	const char *hex = at + 5 + node;
	text_add_bytes(writing->out, hex, (size_t)(rest - hex));
	redact_words(writing, rest, (size_t)(at + n - rest));
	/* In the index the time it ended follows, in hex. */
	if (at + n + 9 <= piece->end && at[n] == ' ' &&
			strspn(at + n + 1, "0123456789ABCDEF") == 8) {
		text_add_bytes(writing->out, at + n, 9);
		n += 9;
	}
	return n;
}

static size_t handle_email(struct writing *writing, struct piece *piece, const char *at)
{
	if (!begins(piece, at, "._%+-"))
		return 0;
	size_t n = fits(piece, at, shape_email(at));
	if (n)
		redact_write(writing, REDACT_EMAIL, at, n);
	return n;
}

/* root@pam stays; of others the realm, where it is one that every host has. */
static size_t handle_user(struct writing *writing, struct piece *piece, const char *at)
{
	size_t name = 0;
	size_t n = begins(piece, at, "._%+-") ? fits(piece, at, shape_user(at, &name)) : 0;
	if (!n)
		return 0;
	const char *realm = at + name + 1;
	size_t length = n - name - 1;
	bool common = is_one_of(realm, length, "pam pve");
	if (!common && redact_is_common(writing->redactor, at, name) &&
			redact_is_common(writing->redactor, realm, length))
		return 0;
	if (name == 4 && strncmp(at, "root", 4) == 0)
		text_add_bytes(writing->out, at, name);
	else
		redact_write(writing, REDACT_USER, at, name);
	text_add(writing->out, "@");
	if (common)
		text_add_bytes(writing->out, realm, length);
	else
		redact_write(writing, REDACT_HOST, realm, length);
	if (at + n >= piece->end || at[n] != '!')
		return n;
	size_t token = n + 1;
	while (at + token < piece->end &&
			(isalnum((unsigned char)at[token]) || strchr("_-.", at[token])))
		token++;
	text_add(writing->out, "!");
	if (token > n + 1)
		redact_write(writing, REDACT_NAME, at + n + 1, token - n - 1);
	return token;
}

static size_t handle_shape(struct writing *writing, struct piece *piece, const char *at)
{
	const struct {
		size_t n;
		enum redact_kind kind;
	} found[] = {{shape_uuid(at), REDACT_UUID}, {shape_lvm(at), REDACT_UUID},
			{shape_fat(piece->start, at), REDACT_UUID}, {shape_mac(at), REDACT_MAC},
			{shape_ipv4(piece->start, at), REDACT_IP}, {shape_ipv6(at), REDACT_IP}};
	for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
		if (!fits(piece, at, found[i].n))
			continue;
		redact_write(writing, found[i].kind, at, found[i].n);
		return found[i].n;
	}
	return 0;
}

/* enxbc241174748c: an interface named by its address. */
static size_t handle_enx(struct writing *writing, struct piece *piece, const char *at)
{
	size_t n = word_at(piece, at);
	if (n != 15 || strncmp(at, "enx", 3) != 0 || shape_mac(at + 3) != 12)
		return 0;
	text_add(writing->out, "enx");
	redact_write(writing, REDACT_MAC, at + 3, 12);
	return n;
}

/* The part of a name below /dev/disk/by-id that is the disk's own: nvme-MODEL_SERIAL. */
static size_t handle_by_id(struct writing *writing, struct piece *piece, const char *at)
{
	if (at - piece->start < 6 || strncmp(at - 6, "by-id/", 6) != 0)
		return 0;
	size_t n = plain_value(at, piece->end);
	const char *slash = memchr(at, '/', n);
	n = slash ? (size_t)(slash - at) : n;
	const char *mark = memrchr(at, '_', n);
	if (!mark)
		return 0;
	const char *part = memmem(mark, (size_t)(at + n - mark), "-part", 5);
	const char *end = part ? part : at + n;
	redact_words(writing, at, (size_t)(mark - at) + 1);
	redact_write(writing, REDACT_SERIAL, mark + 1, (size_t)(end - mark) - 1);
	return (size_t)(end - at);
}

/* A key or hash, unless it is a path or a name made of harmless words. */
static size_t handle_blob(struct writing *writing, struct piece *piece, const char *at)
{
	size_t n = begins(piece, at, "+/_-=$.") ? fits(piece, at, shape_blob(at)) : 0;
	for (size_t i = 0; i < n; i++) {
		size_t word = word_at(piece, at + i);
		if (word >= 16 && !redact_is_common(writing->redactor, at + i, word)) {
			redact_write(writing, REDACT_SECRET, at, n);
			return n;
		}
		i += word;
	}
	return 0;
}

static size_t handle_kept(struct writing *writing, struct piece *piece, const char *at)
{
	size_t n = fits(piece, at, shape_kept(piece->start, at));
	if (!n && at + 5 <= piece->end && at[2] == 'T' && strspn(at, "0123456789") == 2 &&
			isdigit((unsigned char)at[3]))
		n = 5; /* 2026-11-25T22:14 */
	if (!n && at > piece->start && at[-1] == '+' && at + 4 <= piece->end &&
			strncmp(at, "pve", 3) == 0 && isdigit((unsigned char)at[3]))
		n = 4; /* pc-q35-8.1+pve0 */
	text_add_bytes(writing->out, at, n);
	return n;
}

static size_t handle_word(struct writing *writing, struct piece *piece, const char *at)
{
	size_t n = word_at(piece, at);
	bool counted = at + n < piece->end &&
		       (strncmp(at + n, " kB", 3) == 0 || strncmp(at + n, " bytes", 6) == 0) &&
		       strspn(at, "0123456789") >= n;
	bool digit = false;
	for (size_t i = 0; i < n; i++)
		digit |= isdigit((unsigned char)at[i]) != 0;
	bool common = redact_is_common(writing->redactor, at, n) || counted ||
		      redact_is_stand_in(writing->redactor, at, n);
	if (common && !(piece->strict && digit))
		text_add_bytes(writing->out, at, n);
	else
		redact_write(writing, piece->strict ? REDACT_SECRET : REDACT_WORD, at, n);
	return n;
}

/* https://name:password@host */
static size_t handle_userinfo(struct writing *writing, struct piece *piece, const char *at)
{
	if (piece->end - at < 4 || strncmp(at, "://", 3) != 0)
		return 0;
	size_t n = 3;
	size_t mark = 0;
	while (at + n < piece->end && !strchr("/ \t\"'<>", at[n])) {
		mark = at[n] == '@' ? n : mark;
		n++;
	}
	if (mark <= 3)
		return 0;
	text_add(writing->out, "://");
	redact_write(writing, REDACT_SECRET, at + 3, mark - 3);
	return mark;
}

void redact_words(struct writing *writing, const char *text, size_t n)
{
	static handle_at *const handlers[] = {handle_secret, handle_upid, handle_email,
			handle_serial, handle_named, handle_known, handle_user, handle_domain,
			handle_by_id, handle_enx, handle_shape, handle_kept, handle_blob,
			handle_word};
	struct piece piece = {text, text + n, false};
	for (const char *at = text; at < piece.end;) {
		size_t done = 0;
		if (redact_is_word(*at)) {
			for (size_t i = 0; !done; i++)
				done = handlers[i](writing, &piece, at);
		} else {
			done = handle_userinfo(writing, &piece, at);
			done = done ? done : handle_phone(writing, &piece, at);
		}
		if (!done) {
			text_add_bytes(writing->out, at, 1);
			done = 1;
		}
		at += done;
	}
}
