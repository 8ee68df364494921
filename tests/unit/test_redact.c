/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/doctor/redact.h"
#include "tests/unit/helper.h"

static void replaced(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
			{"address 10.1.2.3/24", "address 192.0.2.1/24"},
			{"10.1.2.3 and 10.1.2.4, 10.1.2.3", "192.0.2.1 and 192.0.2.2, 192.0.2.1"},
			{"fe80::1ff:fe23:4567:890a%eno1", "2001:db8::1%eno1"},
			{"[2003:de:beef::7]:8006", "[2001:db8::1]:8006"},
			{"net0: virtio=BC:24:11:74:74:8C,bridge=vmbr0",
					"net0: virtio=02:00:00:00:00:01,bridge=vmbr0"},
			{"iface enxbc241174748c inet", "iface enx020000000001 inet"},
			{"root=UUID=2f1d8c1e-4a49-4f5f-9d5e-0d1a2b3c4d5e ro",
					"root=UUID=00000000-0000-4000-8000-000000000001 ro"},
			{"/dev/disk/by-uuid/AAAA-0001", "/dev/disk/by-uuid/0000-0001"},
			{"write to ops.team+x@corp.example.com!", "write to user1@example.org!"},
			{"# root password: hunter2 here", "# root password: REDACTED here"},
			{"#Password%3A hunter2", "#Password%3A REDACTED"},
			{"cipassword: $5$abc$def", "cipassword: REDACTED"},
			{"PVEAPIToken=a@pve!b=c", "PVEAPIToken=REDACTED"},
			{"Authorization: Bearer abc.def.ghi", "Authorization: REDACTED"},
			{"token='s3cr3t'", "token='REDACTED'"},
			{"E:ID_SERIAL_SHORT=S4EWNX0N123456", "E:ID_SERIAL_SHORT=SERIAL1"},
			{"Serial Number: MS-12345678", "Serial Number: SERIAL1"},
			{"/dev/disk/by-id/nvme-Samsung_SSD_970_S4EWNX0N12-part3",
					"/dev/disk/by-id/nvme-Samsung_SSD_970_SERIAL1-part3"},
			{"pve2 kernel: x, pve2.lan.example.org, pve20, my-pve2",
					"host1 kernel: x, host2, pve20, my-pve2"},
			{"lUhW8s-abcd-EFGH-1234-ijkl-MNOP-qrstuv",
					"00000000-0000-4000-8000-000000000001"},
			{"-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE "
			 "KEY-----\nx",
					"REDACTED\nx"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct redactor *redactor = redactor_new(false);
		redactor_add_host(redactor, "pve2");
		assert_string_equal(
				redact(redactor, *state, cases[i].text, NULL), cases[i].expected);
		redactor_free(redactor);
	}
}

/* What a diagnosis rests on is left as it is. */
static void kept(void **state)
{
	static const char *const cases[] = {
			"0000:01:00.0 10de:2206 01:00.0;01:00.1",
			"vfio-pci 0000:01:00.0: BAR 1: can't reserve [mem 0xc0000000-0xcfffffff "
			"64bit pref]",
			"options vfio-pci ids=10de:2206,10de:1aef disable_vga=1",
			"6.8.12-4-pve 8.2.4 5.15.30",
			"12:34:56 up 3 days",
			"Nov 25 22:14:01",
			"127.0.0.1 0.0.0.0 255.255.255.0 ::1 ::",
			"UPID:",
			"hostpci0: 0000:01:00,pcie=1",
			"2026-11-25",
			"root@pam user@pve!tofu",
			"secretary: x",
			"tokens are nice",
			"password",
			"10000:e1:00.0",
	};
	struct redactor *redactor = redactor_new(false);
	redactor_add_host(redactor, "localhost");
	redactor_add_host(redactor, "p");
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(redact(redactor, *state, cases[i], NULL), cases[i]);
	redactor_free(redactor);
}

static void comments_on_request(void **state)
{
	struct redactor *redactor = redactor_new(true);
	size_t counts[REDACT_KINDS] = {0};
	assert_string_equal(redact(redactor, *state, "#anna's VM\nname: x # y\n#z", counts),
			"#\nname: x # y\n#");
	assert_int_equal(counts[REDACT_COMMENT], 2);
	redactor_free(redactor);
}

static void paths(void **state)
{
	struct redactor *redactor = redactor_new(false);
	redactor_add_host(redactor, "pve2");
	assert_string_equal(
			redact_path(redactor, *state, "/etc/pve/nodes/pve2/qemu-server/106.conf"),
			"/etc/pve/nodes/host1/qemu-server/106.conf");
	assert_string_equal(
			redact_path(redactor, *state, "/sys/bus/pci/devices/0000:01:00.0/serial"),
			"/sys/bus/pci/devices/0000:01:00.0/serial");
	redactor_free(redactor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(replaced), TEST(kept), TEST(comments_on_request), TEST(paths)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
