/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/pve/proxy.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "pvegpu/base/text.h"

static bool is_private_4(const unsigned char *bytes)
{
	static const struct {
		unsigned char start[4];
		unsigned bits;
	} nets[] = {{{0, 0, 0, 0}, 8}, {{10, 0, 0, 0}, 8}, {{100, 64, 0, 0}, 10},
			{{127, 0, 0, 0}, 8}, {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},
			{{192, 168, 0, 0}, 16}};
	uint32_t address = 0;
	for (int i = 0; i < 4; i++)
		address = address << 8 | bytes[i];
	for (size_t n = 0; n < sizeof nets / sizeof *nets; n++) {
		uint32_t start = 0;
		for (int i = 0; i < 4; i++)
			start = start << 8 | nets[n].start[i];
		if ((address ^ start) >> (32 - nets[n].bits) == 0)
			return true;
	}
	return false;
}

static bool is_private_6(const unsigned char *bytes)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const unsigned char zero[15];
	if (memcmp(bytes, mapped, sizeof mapped) == 0)
		return is_private_4(bytes + 12);
	return (bytes[0] & 0xfe) == 0xfc || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) ||
	       (memcmp(bytes, zero, sizeof zero) == 0 && bytes[15] <= 1);
}

/* An address in either notation, an IPv6 one without its zone. Its length in bytes; 0: a name. */
static size_t parse_address(const char *host, unsigned char ret_bytes[16])
{
	char text[64];
	size_t n = strcspn(host, "%");
	if (n >= sizeof text)
		return 0;
	memcpy(text, host, n);
	text[n] = '\0';
	return inet_pton(AF_INET, text, ret_bytes) == 1    ? 4
	       : inet_pton(AF_INET6, text, ret_bytes) == 1 ? 16
							   : 0;
}

/* Is `host` that domain, or below it? A dot at the end of a name says nothing here. */
static bool is_in_domain(const char *host, const char *domain)
{
	size_t n = strlen(host);
	while (n && host[n - 1] == '.')
		n--;
	size_t wanted = strlen(domain);
	return n >= wanted && strncasecmp(host + n - wanted, domain, wanted) == 0 &&
	       (n == wanted || host[n - wanted - 1] == '.');
}

bool pve_host_is_private(const char *host)
{
	static const char *const domains[] = {"localhost", "localdomain", "local", "lan", "home",
			"home.arpa", "internal", "intranet"};
	unsigned char bytes[16];
	size_t n = parse_address(host, bytes);
	if (n)
		return n == 4 ? is_private_4(bytes) : is_private_6(bytes);
	for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
		if (is_in_domain(host, domains[i]))
			return true;
	/* "2130706433" and "127.1" are addresses too: the look-up tells. */
	const char *dot = strchr(host, '.');
	bool number = host[strspn(host, "0123456789abcdefABCDEFxX")] == '\0' && host[0] >= '0' &&
		      host[0] <= '9';
	return (!dot || !dot[1]) && !number;
}

/* All that the name leads to is private. */
static bool resolves_privately(const char *host)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return false;
	bool all = found != NULL;
	for (const struct addrinfo *at = found; all && at; at = at->ai_next) {
		char text[64];
		all = getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, NULL, 0,
				      NI_NUMERICHOST) == 0 &&
		      pve_host_is_private(text);
	}
	freeaddrinfo(found);
	return all;
}

/* "10.0.0.0/8" of NO_PROXY. */
static bool is_in_net(const char *host, char *net)
{
	unsigned char ours[16];
	unsigned char theirs[16];
	unsigned long bits = 0;
	char *slash = strchr(net, '/');
	if (!slash)
		return false;
	*slash = '\0';
	size_t n = parse_address(host, ours);
	if (!n || parse_address(net, theirs) != n || !text_to_ulong(slash + 1, 10, n * 8, &bits))
		return false;
	for (size_t i = 0; i < bits; i++)
		if (((ours[i / 8] ^ theirs[i / 8]) >> (7 - i % 8)) & 1)
			return false;
	return true;
}

static bool same_address(const char *a, const char *b)
{
	unsigned char first[16];
	unsigned char second[16];
	size_t n = parse_address(a, first);
	return n && parse_address(b, second) == n && memcmp(first, second, n) == 0;
}

/* One entry of NO_PROXY: *, a name or a domain, an address, a net; each may have a port. */
static bool entry_names(char *entry, const char *host, int port)
{
	unsigned long number = 0;
	if (strcmp(entry, "*") == 0)
		return true;
	if (entry[0] == '[') {
		entry++;
		entry[strcspn(entry, "]")] = '\0';
	}
	char *colon = strchr(entry, ':');
	if (colon && !strchr(colon + 1, ':')) {
		if (!text_to_ulong(colon + 1, 10, 65535, &number) || (int)number != port)
			return false;
		*colon = '\0';
	}
	entry += strspn(entry, "*.");
	if (!*entry)
		return false;
	return is_in_net(host, entry) || same_address(host, entry) || is_in_domain(host, entry);
}

static bool no_proxy_names(struct arena *arena, const char *no_proxy, const char *host, int port)
{
	for (const char *at = no_proxy ? no_proxy : ""; *at;) {
		size_t n = strcspn(at, ", \t");
		if (n && entry_names(arena_strndup(arena, at, n), host, port))
			return true;
		at += n + (at[n] != '\0');
	}
	return false;
}

/* Without user and password. */
static char *shown(struct arena *arena, const char *url)
{
	const char *scheme = strstr(url, "://");
	const char *rest = scheme ? scheme + 3 : url;
	size_t n = strcspn(rest, "/?#");
	const char *host = rest;
	for (size_t i = 0; i < n; i++)
		if (rest[i] == '@')
			host = rest + i + 1;
	return text_printable(arena, arena_printf(arena, "%.*s%.*s", scheme ? (int)(rest - url) : 0,
						     url, (int)(rest + n - host), host));
}

static bool is_proxy_url(const char *url)
{
	static const char *const schemes[] = {"http://", "https://", "socks4://", "socks4a://",
			"socks5://", "socks5h://"};
	const char *rest = strstr(url, "://") ? NULL : url;
	for (size_t i = 0; !rest && i < sizeof schemes / sizeof *schemes; i++)
		if (text_starts(url, schemes[i]))
			rest = url + strlen(schemes[i]);
	for (const char *c = rest; c && *c; c++)
		if (*c <= ' ' || *c >= 127)
			return false;
	return rest && *rest && *rest != '/';
}

static int by_option(struct arena *arena, const char *option, struct pve_proxy *ret_proxy,
		struct error *err)
{
	if (strcmp(option, "none") == 0)
		return 0;
	if (!is_proxy_url(option)) {
		(void)error_set(err, ERROR_USAGE, "'%s' is no proxy", shown(arena, option));
		error_hint(err, "--proxy http://HOST:PORT (or socks5h://...), or --proxy none");
		return ERROR_USAGE;
	}
	ret_proxy->url = arena_strdup(arena, option);
	ret_proxy->via = arena_printf(arena, "%s (--proxy)", shown(arena, option));
	return 0;
}

int pve_proxy_choose(struct arena *arena, const char *host, int port,
		const struct pve_proxy_wish *wish, struct pve_proxy *ret_proxy, struct error *err)
{
	*ret_proxy = (struct pve_proxy){.url = arena_strdup(arena, "")};
	if (wish->option)
		return by_option(arena, wish->option, ret_proxy, err);
	if (!wish->url)
		return 0;
	const char *name = shown(arena, wish->url);
	if (no_proxy_names(arena, wish->no_proxy, host, port))
		ret_proxy->note = arena_printf(arena,
				"the proxy %s (%s) is not used for %s: NO_PROXY names it", name,
				wish->variable, host);
	else if (pve_host_is_private(host) || resolves_privately(host))
		ret_proxy->note = arena_printf(arena,
				"the proxy %s (%s) is not used for %s, which is private; --proxy URL would use one",
				name, wish->variable, host);
	if (ret_proxy->note)
		return 0;
	ret_proxy->url = arena_strdup(arena, wish->url);
	ret_proxy->via = arena_printf(arena, "%s (%s)", name, wish->variable);
	return 0;
}
