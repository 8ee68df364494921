/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostpciN values: accepted and refused as Proxmox VE does when it reads a configuration. */
#include "tests/unit/helper.h"

#include <jansson.h>

#include "pvegpu/formats/hostpci.h"
#include "pvegpu/formats/vm_conf.h"

static bool accepts(struct arena *arena, const char *value)
{
	struct hostpci parsed;
	struct error err = {0};
	int status = hostpci_parse(arena, value, &parsed, &err);
	if (status == 0)
		return true;
	assert_int_equal(status, ERROR_PARSE);
	assert_string_not_equal(err.text, "");
	return false;
}

static void accepted(void **state)
{
	static const char *const values[] = {
			"01:00",
			"01:00.0",
			"0000:01:00",
			"0000:01:00.0",
			"10000:e1:00.0",
			"01:00.0;01:00.1",
			"host=01:00,pcie=1",
			"01:00,pcie=on",
			"pcie=1,01:00",
			"mapping=gpu0,pcie=1,x-vga=1",
			"01:00,romfile=vbios.bin",
			"01:00,romfile=/root/x.rom",
			"01:00,rombar=0,x-vga=TRUE",
			"01:00,vendor-id=0x10de,device-id=0xAbCd",
			"01:00,mdev=nvidia-35",
			"01:00,driver=keep",
			"01:00,legacy-igd=1",
			/* what the schema lets through although a start fails */
			"01:00,mapping=gpu0",
			"pcie=1",
			"01:00.f",
			"01:ff",
	};
	for (size_t i = 0; i < COUNT(values); i++)
		if (!accepts(*state, values[i]))
			fail_msg("'%s' is valid", values[i]);
}

static void refused(void **state)
{
	static const char *const values[] = {
			"01",
			"01:0A.0",
			"01:00.F",
			"01:00.10",
			"01:00.0;",
			"01:00,01:01",
			"0B:00",
			"01:00, pcie=1",
			"01:00,pcie=",
			"01:00,pcie=2",
			"01:00,pcie=1,pcie=1",
			"01:00,foo=1",
			"mapping=g",
			"mapping=1gpu",
			"mapping=",
			"=01:00",
			"01:00,vendor-id=10de",
			"01:00,vendor-id=0X10de",
			"01:00,vendor-id=0x10d",
			"01:00,driver=nvidia",
			"01:00,PCIE=1",
			"01:00,mdev=a/b",
			"000:01:00",
			"gpu0",
			"01:00;gpu0",
			"01:00.",
			"all",
			"0000:01:00.0.0",
			"01:00\r",
	};
	for (size_t i = 0; i < COUNT(values); i++)
		if (accepts(*state, values[i]))
			fail_msg("'%s' is not valid", values[i]);
}

static void parts(void **state)
{
	struct hostpci parsed;
	assert_int_equal(hostpci_parse(*state,
					 "pcie=yes,0000:01:00.0;0000:01:00.1,x-vga=0,romfile=a",
					 &parsed, NULL),
			0);
	assert_int_equal(parsed.hosts.n, 2);
	assert_string_equal(parsed.hosts.item[0], "0000:01:00.0");
	assert_string_equal(parsed.hosts.item[1], "0000:01:00.1");
	assert_null(parsed.mapping);
	assert_true(parsed.pcie);
	assert_false(parsed.x_vga);
	assert_string_equal(parsed.romfile, "a");

	assert_int_equal(hostpci_parse(*state, "mapping=gpu0,x-vga=on", &parsed, NULL), 0);
	assert_int_equal(parsed.hosts.n, 0);
	assert_string_equal(parsed.mapping, "gpu0");
	assert_false(parsed.pcie);
	assert_true(parsed.x_vga);
	assert_null(parsed.romfile);
}

static void index_of_a_key(void **state)
{
	(void)state;
	for (int i = 0; i < HOSTPCI_MAX; i++) {
		char key[24];
		(void)snprintf(key, sizeof key, "hostpci%d", i);
		assert_int_equal(hostpci_index(key), i);
	}
	static const char *const others[] = {"hostpci", "hostpci16", "hostpci00", "hostpci01",
			"hostpci100", "hostpci-1", "hostpci1 ", "hostpcix", "Hostpci0", "host", "",
			"xhostpci0", "hostpci1x"};
	for (size_t i = 0; i < COUNT(others); i++)
		if (hostpci_index(others[i]) != -1)
			fail_msg("'%s' is no hostpci key", others[i]);
}

/* Each string as a line of a configuration, against what Proxmox VE's own code made of it. */
static void verdicts_of_pve(void **state)
{
	char *path = helper_shared(*state, "data/corpus/hostpci.jsonl");
	if (!path)
		SKIP("no corpus of verdicts (PVEGPU_SHARED)");
	char *text = helper_read(*state, path, NULL);
	assert_non_null(text);
	struct lines cursor = lines_start(text);
	struct line line;
	size_t rows = 0;
	size_t wrong = 0;
	while (line_next(&cursor, &line)) {
		json_t *row = json_loadb(line.start, line.n, JSON_ALLOW_NUL, NULL);
		assert_non_null(row);
		json_t *in = json_object_get(row, "in");
		const char *value = json_string_value(in);
		assert_non_null(value);
		const char *kept = json_string_value(
				json_object_get(json_object_get(row, "conf"), "value"));
		if (strlen(value) == json_string_length(in)) {
			struct vm_conf conf;
			vm_conf_parse(*state, arena_printf(*state, "hostpci0: %s\n", value),
					VM_CONF_FILE, &conf);
			const char *ours = vm_conf_get(&conf.current, "hostpci0");
			if (ours && !accepts(*state, ours))
				ours = NULL;
			rows++;
			if (!ours != !kept || (ours && strcmp(ours, kept) != 0)) {
				wrong++;
				print_message("%s '%s': kept '%s', ours '%s'\n",
						json_string_value(json_object_get(row, "id")),
						value, kept ? kept : "(dropped)",
						ours ? ours : "(dropped)");
			}
		}
		json_decref(row);
	}
	print_message("%zu strings compared\n", rows);
	assert_true(rows > 100);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(accepted),
			TEST(refused),
			TEST(parts),
			TEST(index_of_a_key),
			TEST(verdicts_of_pve),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
