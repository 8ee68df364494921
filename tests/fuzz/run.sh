#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh DIR SECONDS: run every fuzz_* in DIR for SECONDS each, from a small corpus of its own.
# A failing input is kept in the current directory as crash-…, leak-… or timeout-….
set -eu

if [ $# -ne 2 ] || [ ! -d "$1" ]; then
	echo "usage: $0 DIR SECONDS" >&2
	exit 2
fi
dir=$1
seconds=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

n=0
# The seeds are printf formats: \n, \000.
# shellcheck disable=SC2059
seed() {
	n=$((n + 1))
	printf "$@" >"$corpus/seed-$n"
}

# shellcheck disable=SC2016 # what looks like an expansion is part of the seed
seeds_for() {
	case $1 in
	fuzz_grub_default)
		seed '# x\nGRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT="quiet splash" # y\nGRUB_CMDLINE_LINUX=""\n'
		seed "export GRUB_CMDLINE_LINUX_DEFAULT='quiet'\n"
		seed 'GRUB_CMDLINE_LINUX_DEFAULT=quiet'
		seed 'GRUB_CMDLINE_LINUX_DEFAULT="a \\\\\n  \\"b c\\" \\\\ \\$x"\r\n'
		seed 'if true; then\nGRUB_CMDLINE_LINUX_DEFAULT=a\nfi\ncase x in a) b=1;; esac\n'
		seed 'GRUB_DISTRIBUTOR=`id 2>/dev/null || echo Debian`\nX="$(id "a")" && Y=${Z:-1}\n'
		;;
	fuzz_kernel_cmdline)
		seed 'BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 ro quiet intel_iommu=on,sm_on iommu=pt\n'
		seed 'a="b c" d -- single'
		seed 'root=ZFS=rpool/ROOT/pve-1 boot=zfs iommu=nobypass,pt\n# two\n'
		;;
	fuzz_pci_rom)
		seed '\125\252\001%021d\032\000PCIR\336\020\006\042\000\000\030\000\003\000\000\003\001\000\000\000\000\200\000\000%0470d' 0 0
		;;
	fuzz_smbios)
		seed '\011\021\001\000\001\000\000\000\000\000\000\000\000\000\000\001\000SLOT1\000\000\177\004\003\000\000\000'
		;;
	fuzz_vfct)
		seed 'VFCT\154\000\000\000%044dL\000\000\000%020d\003\000\000\000\000\000\000\000\000\000\000\000\002\020\277s\000\000\000\000\000\000\000\000\004\000\000\000U\252ab' 0 0
		;;
	fuzz_attribute_rule)
		seed 'SUBSYSTEM=="pci", KERNEL=="0000:00:02.0", ATTR{sriov_numvfs}=="0", ATTR{sriov_numvfs}="7"'
		seed 'bus/pci/devices/0000:00:02.0/sriov_numvfs = 7'
		;;
	fuzz_modules_list)
		seed '# /etc/modules\n\nvfio\nvfio-pci ids=1 # x\r\n; y\nlp'
		;;
	fuzz_modprobe_conf)
		seed 'options vfio-pci ids=10de:2684,10de:22ba \\\n disable_vga=1\nblacklist nouveau\n'
		seed '# x \\\nsoftdep nvidia pre: vfio-pci post: a\nalias a b\ninstall x /bin/true\n'
		;;
	fuzz_pci_address)
		seed '0000:01:00.0'
		seed '10000:E1:1f'
		seed '01:00'
		;;
	fuzz_property_string | fuzz_hostpci)
		seed '0000:01:00.0;01:00.1,pcie=1,x-vga=on,rombar=0,romfile=a.rom'
		seed 'mapping=gpu0,mdev=nvidia-35,driver=keep,legacy-igd=0'
		seed 'host=01:00,vendor-id=0x10de,device-id=0x2684,sub-vendor-id=0x1,sub-device-id=0x2'
		seed 'hostpci15'
		;;
	fuzz_pci_mapping)
		seed 'gpu0\n\tmap node=a,path=0000:01:00,id=10de:2684,iommugroup=1\n\tmdev 1\n\ngpu1\n\tdescription x\n'
		seed 'node=a,path=0000:01:00.0;0000:01:00.1,id=10DE:2684,subsystem-id=1458:40c9'
		;;
	fuzz_vm_conf)
		seed '#text\nhostpci0: 01:00,pcie=1\nname:a\n\n[PENDING]\ndelete: x\n[snap]\ncores: 2\n'
		seed '[special:cloudinit]\na: b\n[x]\nstray\n[snap]\n#t\n[snap]\nmemory: \n'
		seed 'scsi0: st:vm-100-disk-0,size=8G\nnet0: virtio=BC:24:11:2A:3B:4C,tag=2\ncpu: host,flags=+aes\n[PENDING]\ndelete: !net0,scsi0\nide2: none\n'
		seed 'args: -spice port=1,password=a -device "x,osk=b c" -fw_cfg d\nsshkeys: %%20\ncores: 4\ncores: x\nsmp: 2\nboot: order=scsi0\n'
		;;
	fuzz_upid)
		seed 'x\nUPID:pve2:000A1B2C:0123ABCD:66B3F00A:qmstart:106:root@pam:\n'
		seed 'UPID:pve2:000A1B2C:0123ABCD:66B3F00A:qmstart:106:root@pam:'
		;;
	fuzz_redact)
		seed 'pve2.lan 10.1.2.3 fe80::1 BC:24:11:74:74:8C password: x\nID_SERIAL=abcdef a@b.cd\n'
		seed '\001Nov 16 09:00:00 pve2 kernel: user@pam!x https://a:b@c/ serial=1234a\n'
		seed '2f1d8c1e-4a49-4f5f-9d5e-0d1a2b3c4d5e AAAA-0001 by-id/nvme-a_b enxbc241174748c\n'
		;;
	fuzz_capture)
		seed '\000GRUB_CMDLINE_LINUX="quiet x=y" # z\n'
		seed '\001name: a\ntags: b\n#c\nhostpci0: 01:00\n'
		seed '\003[ 1.5] vfio-pci 0000:01:00.0: x\n'
		seed '\004Nov 16 09:00:00 pve2 sshd[1]: for a\n'
		seed '\005{"nodename":"a","cluster":{"name":"b"}}\n'
		seed '\207kvm\000-id\000100\000'
		;;
	fuzz_doctor)
		seed 'a[  1.0] vfio-pci 0000:01:00.0: BAR 1: no space for [mem size 0x400000000 64bit pref]\n'
		seed '\003kvm: vfio 0000:01:00.0: group 14 is not viable\r\nTASK ERROR: VM is locked (backup)'
		seed '?NVRM: Xid (PCI:0000:44:00): 79, GPU has fallen off the bus\n\000\377IOMMU not present\n'
		seed '!start failed: QEMU exited with code 1\nfailed to open /dev/vfio/1: Device or resource busy\n'
		;;
	fuzz_diff)
		seed 'a\nb\nc\nd\ne\nf\ng\nh\n\000a\nb\nX\nd\ne\nf\ng\nh'
		seed 'a\na\nb\n\000a\nb\nb\n'
		seed '\000a'
		;;
	*)
		seed 'a: b\n'
		;;
	esac
}

passed=0
failed=0
running=
run_one() { # NAME
	"$dir/$1" -max_total_time="$seconds" -timeout=60 -max_len=2048 -verbosity=0 "$work/$1" \
		>"$work/$1.log" 2>&1
}
take_one() { # PID:NAME
	if wait "${1%%:*}"; then
		echo "ok   ${1#*:}"
		passed=$((passed + 1))
	else
		echo "FAIL ${1#*:}"
		cat "$work/${1#*:}.log"
		failed=$((failed + 1))
	fi
}
for target in "$dir"/fuzz_*; do
	if [ ! -f "$target" ] || [ ! -x "$target" ]; then
		continue
	fi
	name=$(basename "$target")
	corpus=$work/$name
	mkdir "$corpus"
	seeds_for "$name"
	run_one "$name" &
	last=$!:$name
	[ -z "$running" ] || take_one "$running" # two at a time
	running=$last
done
[ -z "$running" ] || take_one "$running"
if [ $((passed + failed)) -eq 0 ]; then
	echo "no fuzz_* program in $dir" >&2
	exit 2
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
