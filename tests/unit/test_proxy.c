/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four first */
#include <cmocka.h>
#include <string.h>

#include "pvegpu/pve/proxy.h"

static void test_private(void **state)
{
	static const char *const inside[] = {"127.0.0.1", "10.1.2.3", "172.16.0.1",
			"172.31.255.255", "192.168.1.2", "169.254.0.9", "100.64.0.1",
			"100.127.255.255", "::1", "fd00::1", "fc00::2", "fe80::1", "fe80::1%eth0",
			"::ffff:10.0.0.1", "localhost", "pve1", "PVE1", "pve1.local", "pve1.LAN",
			"pve1.lan.", "a.b.internal", "pve.home.arpa", "pve1."};
	static const char *const outside[] = {"8.8.8.8", "172.15.0.1", "172.32.0.1", "192.169.0.1",
			"100.63.0.1", "100.128.0.1", "11.0.0.1", "2001:db8::1", "fbff::1",
			"fec0::1", "::ffff:8.8.8.8", "pve1.example.org", "lan.example.org",
			"mylan.org", "2130706433", "0x7f000001", "127.1"};
	(void)state;
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
		if (!pve_host_is_private(inside[i]))
			fail_msg("%s is private", inside[i]);
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
		if (pve_host_is_private(outside[i]))
			fail_msg("%s is not private", outside[i]);
}

/* What is used for a host: its proxy, or "" */
static void expect(const char *host, const char *option, const char *no_proxy, const char *wanted)
{
	static const char url[] = "http://me:secret@proxy.example:3128/";
	struct arena *arena = arena_new();
	struct pve_proxy_wish wish = {.option = option,
			.variable = "https_proxy",
			.url = url,
			.no_proxy = no_proxy};
	struct pve_proxy proxy;
	assert_int_equal(pve_proxy_choose(arena, host, 8006, &wish, &proxy, NULL), 0);
	if (strcmp(proxy.url, wanted) != 0)
		fail_msg("%s, NO_PROXY %s: '%s'", host, no_proxy ? no_proxy : "", proxy.url);
	assert_true(!proxy.via == !*wanted);
	assert_false(proxy.via && strstr(proxy.via, "secret"));
	assert_false(proxy.note && strstr(proxy.note, "secret"));
	assert_true(option || proxy.via || proxy.note);
	arena_free(arena);
}

static void test_choice(void **state)
{
	static const char used[] = "http://me:secret@proxy.example:3128/";
	static const char *const named[] = {"*", "203.0.113.9", "203.0.113.0/24",
			"x,203.0.113.9:8006", "a b 203.0.113.9"};
	static const char *const other[] = {"", "203.0.113.90", "203.0.112.0/24", "203.0.113.9:443",
			"3.0.113.9", ",, ,", ".", "[2001:db8::1]", "203.0.113.0/33"};
	(void)state;
	expect("203.0.113.9", NULL, NULL, used);
	expect("192.168.1.2", NULL, NULL, "");
	expect("pve1", NULL, NULL, "");
	expect("127.1", NULL, NULL, ""); /* by what it leads to */
	expect("192.168.1.2", "http://p:1", NULL, "http://p:1");
	expect("203.0.113.9", "none", NULL, "");
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		expect("203.0.113.9", NULL, named[i], "");
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		expect("203.0.113.9", NULL, other[i], used);
	expect("2001:db8::1", NULL, "[2001:db8:0::1]:8006", "");
	expect("pve1.example.invalid", NULL, ".example.invalid", "");
	expect("pve1.Example.invalid", NULL, "*.example.invalid", "");
	expect("pve1.example.invalid", NULL, "pve1.example.invalid", "");
}

static void test_no_proxy_at_all(void **state)
{
	static const char *const wrong[] = {
			"", "ftp://x", "http://", "http:// x", "socks6://x", "http://a\nb"};
	struct arena *arena = arena_new();
	struct pve_proxy proxy;
	(void)state;
	assert_int_equal(pve_proxy_choose(arena, "8.8.8.8", 8006, &(struct pve_proxy_wish){0},
					 &proxy, NULL),
			0);
	assert_string_equal(proxy.url, "");
	assert_null(proxy.via);
	assert_null(proxy.note);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(pve_proxy_choose(arena, "8.8.8.8", 8006,
						 &(struct pve_proxy_wish){.option = wrong[i]},
						 &proxy, NULL),
				ERROR_USAGE);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(test_private),
			cmocka_unit_test(test_choice),
			cmocka_unit_test(test_no_proxy_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
