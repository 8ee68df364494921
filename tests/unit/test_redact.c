/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/capture/redact.h"
#include "tests/unit/helper.h"

struct example {
	enum redact_form form;
	const char *text, *expected;
};

static void check(struct arena *arena, const struct example *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct redactor *redactor = redactor_new(true);
		redactor_add_host(redactor, "pve2");
		assert_string_equal(redact(redactor, arena, cases[i].form, cases[i].text, NULL),
				cases[i].expected);
		redactor_free(redactor);
	}
}

static void replaced(void **state)
{
	static const struct example cases[] = {
			{REDACT_TEXT, "address 10.1.2.3/24", "address 240.0.0.1/24"},
			{REDACT_TEXT, "10.1.2.3 and 10.1.2.4, 10.1.2.3",
					"240.0.0.1 and 240.0.0.2, 240.0.0.1"},
			{REDACT_TEXT, "range 10.1.2.3-10.1.2.9", "range 240.0.0.1-240.0.0.2"},
			{REDACT_TEXT, "fe80::1ff:fe23:4567:890a%eno1", "100::0:1%eno1"},
			{REDACT_TEXT, "[2003:de:beef::7]:8006", "[100::0:1]:8006"},
			{REDACT_TEXT, "src:10.1.2.3 hw:bc:24:11:74:74:8c",
					"src:240.0.0.1 hw:02:00:00:00:00:01"},
			{REDACT_TEXT, "bc241174748c BC:24:11:74:74:8C",
					"020000000001 02:00:00:00:00:01"},
			{REDACT_TEXT, "iface enxbc241174748c inet", "iface enx020000000001 inet"},
			{REDACT_TEXT, "/dev/mapper/luks-2f1d8c1e-4a49-4f5f-9d5e-0d1a2b3c4d5e",
					"/dev/mapper/luks-00000000-0000-4000-8000-000000000001"},
			{REDACT_TEXT, "GPU-2f1d8c1e-4a49-4f5f-9d5e-0d1a2b3c4d5e",
					"GPU-00000000-0000-4000-8000-000000000001"},
			{REDACT_TEXT, "/dev/disk/by-uuid/AAAA-0001", "/dev/disk/by-uuid/0000-0001"},
			{REDACT_TEXT, "write to ops.team+x@corp.example.com!",
					"write to user1@example.org!"},
			{REDACT_TEXT, "root password: 'correct, horse' here",
					"root password: 'REDACTED' here"},
			{REDACT_TEXT, "pass=correct horse, battery", "pass=REDACTED"},
			{REDACT_TEXT, "https://bob:hunter2@files/", "https://REDACTED@files/"},
			{REDACT_TEXT, "PVEAPIToken=a@pve!b=c", "PVEAPIToken=REDACTED"},
			{REDACT_TEXT, "anna@corp!ci root@pam bob@pve!x",
					"user1@host2!name1 root@pam user2@pve!name2"},
			{REDACT_TEXT, "Authorization: Bearer abc.def.ghi",
					"Authorization: REDACTED"},
			{REDACT_TEXT, "{\"token\": \"s3cr3t\", \"id\": 7}",
					"{\"token\": \"REDACTED\", \"id\": 7}"},
			{REDACT_TEXT, "E:ID_SERIAL_SHORT=S4EWNX0N123456",
					"E:ID_SERIAL_SHORT=SERIAL1"},
			{REDACT_TEXT, "S/N: 12345678 Serial Number: MS-1234",
					"S/N: SERIAL1 Serial Number: SERIAL2"},
			{REDACT_TEXT, "by-id/nvme-Samsung_SSD_970_S4EWNX0N12-part3",
					"by-id/nvme-Samsung_SSD_970_SERIAL1-part3"},
			{REDACT_TEXT, "pve2 kernel: vfio, pve2.lan.corp.org",
					"host1 kernel: vfio, host2"},
			{REDACT_TEXT, "lUhW8s-abcd-EFGH-1234-ijkl-MNOP-qrstuv",
					"00000000-0000-4000-8000-000000000001"},
			{REDACT_TEXT, "key Qm9iSXNXYXRjaGluZzEyMzQ1Njc4OTA+abc=", "key REDACTED"},
			{REDACT_TEXT,
					"-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n"
					"-----END OPENSSH PRIVATE KEY-----\nkernel",
					"REDACTED\nkernel"},
			{REDACT_TEXT, "#anna's VM\nkernel # anna", "#\nkernel #"},
			{REDACT_GUEST, "cipassword: $5$abc$def\nname: anna\ncores: 4\n",
					"cipassword: REDACTED\nname: name1\ncores: 4\n"},
			{REDACT_GUEST, "name: anna\ntags: anna;lab\n# anna",
					"name: name1\ntags: REDACTED\n#"},
			{REDACT_CMDLINE,
					"root=UUID=2f1d8c1e-4a49-4f5f-9d5e-0d1a2b3c4d5e iommu=pt admin=server",
					"root=UUID=00000000-0000-4000-8000-000000000001 iommu=pt word1=word2"},
			{REDACT_LOG, "Nov 25 22:14:01 nas sshd[7]: Accepted password for anna",
					"Nov 25 22:14:01 host2 REDACTED"},
			{REDACT_TEXT, "to media-server.home.arpa, nvidia.com/gpu",
					"to host2, nvidia.com/gpu"},
			{REDACT_TEXT, "serial number 1234567 of +49 30 1234567",
					"serial number SERIAL1 of REDACTED"},
			{REDACT_HOSTS, "10.0.0.7 server.lab server", "240.0.0.1 host2 host3"},
			{REDACT_CLUSTER, "\tcluster_name: payroll", "\tcluster_name: host2"},
	};
	check(*state, cases, COUNT(cases));
}

/* What a diagnosis rests on is left as it is. */
static void kept(void **state)
{
	static const struct {
		enum redact_form form;
		const char *text;
	} cases[] = {
			{REDACT_TEXT, "0000:01:00.0 10de:2206 01:00.0;01:00.1 [10de:2206] (rev a1)"},
			{REDACT_LOG, "[   12.345678] vfio-pci 0000:01:00.0: BAR 1: can't reserve [mem 0xc0000000-0xcfffffff 64bit pref]"},
			{REDACT_LOG, "[12345.678901] DMAR: dmar0: reg_base_addr fed91000 ver 1:0 cap d2008c40660462 ecap f050da"},
			{REDACT_LOG, "Nov 25 22:14:01"},
			{REDACT_TEXT, "options vfio-pci ids=10de:2206,10de:1aef disable_vga=1"},
			{REDACT_TEXT, "softdep nvidia pre: vfio-pci"},
			{REDACT_TEXT, "6.8.12-4-pve 8.2.4 5.15.30 pc-q35-8.1+pve0"},
			{REDACT_TEXT, "12:34:56 up 3 days 2026-11-25T22:14:01.123456+01:00"},
			{REDACT_TEXT, "127.0.0.1 0.0.0.0 255.255.255.0 ::1 ::"},
			{REDACT_TEXT, "user@1000.service getty@tty1.service"},
			{REDACT_TEXT, "UPID:"},
			{REDACT_GUEST, "hostpci0: 0000:01:00,pcie=1,x-vga=1"},
			{REDACT_GUEST, "scsi0: local-lvm:vm-106-disk-0,iothread=1,size=64G"},
			{REDACT_GUEST, "cpu: host,hidden=1,flags=+pcid"},
			{REDACT_CMDLINE,
					"BOOT_IMAGE=/boot/vmlinuz-6.8.12-4-pve root=/dev/mapper/pve-root ro quiet "
					"intel_iommu=on,sm_on iommu=pt video=efifb:off vfio-pci.ids=10de:2206 "
					"pcie_acs_override=downstream,multifunction hugepages=16 isolcpus=2-7"},
			{REDACT_TEXT, "10000:e1:00.0 root@pam"},
			{REDACT_TEXT, "password"},
			{REDACT_TEXT, "8be4df61-93ca-11d2-aa0d-00e098032b8c"},
			{REDACT_TEXT, "pci:v000010DEd00002206sv00001043sd000087B0bc03sc00i00"},
			{REDACT_NUMBERS, "  fd000000-fdffffff : PCI Bus 0000:01"},
	};
	struct redactor *redactor = redactor_new(true);
	redactor_add_host(redactor, "localhost");
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(redact(redactor, *state, cases[i].form, cases[i].text, NULL),
				cases[i].text);
	redactor_free(redactor);
}

static void comments_on_request(void **state)
{
	struct redactor *redactor = redactor_new(true);
	size_t counts[REDACT_KINDS] = {0};
	assert_string_equal(redact(redactor, *state, REDACT_TEXT,
					    "#!/bin/sh\n# old kernel\nname: x # y\n#z", counts),
			"#!/bin/sh\n#\nname: x #\n#");
	assert_int_equal(counts[REDACT_COMMENT], 3);
	redactor_free(redactor);
	redactor = redactor_new(false);
	assert_string_equal(redact(redactor, *state, REDACT_TEXT, "# old kernel of anna", NULL),
			"# old kernel of word1");
	redactor_free(redactor);
}

static void paths(void **state)
{
	struct redactor *redactor = redactor_new(false);
	redactor_add_host(redactor, "pve");
	assert_string_equal(
			redact_path(redactor, *state, "/etc/pve/nodes/pve/qemu-server/106.conf"),
			"/etc/pve/nodes/host1/qemu-server/106.conf");
	static const char *const same[] = {"/sys/bus/pci/devices/0000:01:00.0/serial",
			"/sys/devices/pci0000:c0/0000:c0:01.1/0000:c1:00.0/net/enp193s0f0np0",
			"/etc/modprobe.d/vfio.conf", "/dev/disk/by-uuid",
			"/sys/class/block/dm-0/dm/name", "/usr/share/kvm",
			"/lib/modules/6.8.12-4-pve/modules.dep",
			"/sys/kernel/iommu_groups/14/devices/0000:01:00.0"};
	for (size_t i = 0; i < COUNT(same); i++)
		assert_string_equal(redact_path(redactor, *state, same[i]), same[i]);
	redactor_free(redactor);
}

/* What was found out late is taken out of what was redacted early. */
static void swept(void **state)
{
	struct redactor *redactor = redactor_new(true);
	char *early = redact(redactor, *state, REDACT_TEXT, "start gpu-server 7654321", NULL);
	assert_string_equal(early, "start gpu-server 7654321");
	(void)redact(redactor, *state, REDACT_GUEST, "name: gpu-server\ncipassword: 7654321", NULL);
	size_t n = 0;
	char *late = redact_sweep(redactor, *state, early, strlen(early), &n);
	assert_string_equal(late, "start name1 REDACTED");
	assert_int_equal(n, strlen(late));
	redactor_free(redactor);
}

/* The work grows with the text, not with the square of it: 16 times as much of each of these may
 * cost little more than 16 times as much. */
static void linear(void **state)
{
	static const char *const pieces[][3] = {{"10.", ".", ".7 "}, {"a", ".b", "-"},
			{"", ":", ":"}, {"anna", "@b", " "}, {"pass", " token", " "},
			{"x", "/y", "+"}, {"by-id/", "_", "/"}, {"fe80::", ":", " "},
			{"UPID:", ":", ":"}, {"user=", " serial=", "\n"}, {"name", "=", "="}};
	enum { FEW = 250, TIMES = 16 };
	for (size_t i = 0; i < COUNT(pieces); i++) {
		size_t work[2];
		for (unsigned size = 0; size < 2; size++) {
			struct text text = {0};
			for (unsigned j = 0; j < FEW * (size ? TIMES : 1); j++)
				text_addf(&text, "%s%u%s%u%s", pieces[i][0], j / 256, pieces[i][1],
						j % 256, pieces[i][2]);
			struct redactor *redactor = redactor_new(true);
			size_t before = redactor_work(redactor);
			char *once = redact(
					redactor, *state, REDACT_TEXT, text_string(&text), NULL);
			size_t n = 0;
			(void)redact_sweep(redactor, *state, once, strlen(once), &n);
			work[size] = redactor_work(redactor) - before;
			redactor_free(redactor);
			text_free(&text);
		}
		assert_in_range(work[1], 0, work[0] * TIMES * 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(replaced), TEST(kept), TEST(comments_on_request),
			TEST(paths), TEST(swept), TEST(linear)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
