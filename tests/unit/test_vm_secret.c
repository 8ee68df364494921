/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a VM's configuration may be shown. */
#include "tests/unit/helper.h"

#include "pvegpu/formats/vm_secret.h"

#define X VM_SECRET_MASK

static void values(void **state)
{
	static const struct {
		const char *key;
		const char *value;
		const char *shown;
	} rows[] = {
			{"cipassword", "$5$a$b", X},
			{"sshkeys", "ssh-ed25519%20A", X},
			{"description", "anything", X},
			{"novel", "anything", X},
			{"name", "a\rcipassword: b", X},
			{"name", "gpu-vm", "gpu-vm"},
			{"cores", "four", "four"},
			{"delete", "cipassword,!net0", "cipassword,!net0"},
			{"net0", "virtio=BC:24:11:2A:3B:4C", "virtio=BC:24:11:2A:3B:4C"},
			{"efidisk0", "st:a,pre-enrolled-keys=0", "st:a,pre-enrolled-keys=0"},
			{"searchdomain", "http://me:pw@host/?token=t&x=1",
					"http://" X "@host/?token=" X "&x=1"},
			{"args", "-cpu host,kvm=off -device vfio-pci,host=01:00.0",
					"-cpu host,kvm=off -device vfio-pci,host=01:00.0"},
			{"args", "-spice port=1,password=a,,b,tls=on",
					"-spice port=1,password=" X ",tls=on"},
			{"args", "-vnc :1,password=on", "-vnc :1,password=on"},
			{"args", "-object secret,id=a,data=b,format=raw",
					"-object secret,id=a,data=" X ",format=raw"},
			{"args", "-object memory-backend-file,mem-path=/dev/shm/lg,size=32M",
					"-object memory-backend-file,mem-path=/dev/shm/lg,size=32M"},
			{"args", "-device isa-applesmc,osk=\"a, b\" -smbios type=2",
					"-device isa-applesmc,osk=" X " -smbios type=2"},
			{"args", "-drive file.Password='a b',api-key=c,if=none",
					"-drive file.Password=" X ",api-key=" X ",if=none"},
			{"args", "-fw_cfg name=a,string=b", "-fw_cfg " X},
			{"args", "-novel a b --password=c", "-novel " X " " X " " X},
			{"args", "stray -enable-kvm", X " -enable-kvm"},
			{"args", "-device '{\"driver\":\"vfio-pci\"}'",
					"-device '{\"driver\":\"vfio-pci\"}'"},
			{"args", "-object '{\"qom-type\":\"secret\",\"x\":\"y\"}'", "-object " X},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(
				vm_secret_value(*state, rows[i].key, rows[i].value), rows[i].shown);
	assert_true(vm_secret_key("cipassword") && vm_secret_key("sshkeys"));
	assert_false(vm_secret_key("ciuser") || vm_secret_key("cipasswor"));
}

static void diffs(void **state)
{
	static const char diff[] = "--- a\n+++ a\n@@ -1,5 +1,5 @@\n-#pw: a\n # \n #\n"
				   "-cipassword:  a \r\n+cipassword: b\n--- secret\n [snap]\n \n"
				   "-novel: a\n\\ No newline at end of file\n";
	static const char shown[] = "--- a\n+++ a\n@@ -1,5 +1,5 @@\n-#" X "\n #" X "\n #\n"
				    "-cipassword:  " X " \r\n+cipassword: " X "\n-" X
				    "\n [snap]\n \n-novel: " X "\n\\ No newline at end of file\n";
	assert_string_equal(vm_secret_diff(*state, diff), shown);
	assert_string_equal(vm_secret_diff(*state, shown), shown);
	assert_null(vm_secret_diff(*state, NULL));
	assert_string_equal(vm_secret_diff(*state, ""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(values), TEST(diffs)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
