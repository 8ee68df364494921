/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/capture/redact_internal.h"

/* A file, line by line: which keys of a form may keep their values, and which words of these. */

/* What is remembered from one line to the next. */
struct state {
	bool in_key_block; /* -----BEGIN … to -----END */
};
typedef void write_line(struct writing *writing, const char *line, size_t n);

static bool is_listed(const char *word, size_t n, const char *list)
{
	for (const char *at = list; *at;) {
		size_t length = strcspn(at, " ");
		bool prefix = length > 1 && at[length - 1] == '*';
		if (prefix ? n >= length - 1 && strncasecmp(at, word, length - 1) == 0
			   : n == length && strncasecmp(at, word, n) == 0)
			return true;
		at += length + strspn(at + length, " ");
	}
	return false;
}

static void write_blanks(struct writing *writing, const char **at, const char *end)
{
	while (*at < end && isspace((unsigned char)**at))
		text_add_bytes(writing->out, (*at)++, 1);
}

/* Where a comment begins in a line: at its start or after a blank, not between quotes. */
static size_t comment_at(const char *line, size_t n)
{
	char quote = '\0';
	for (size_t i = 0; i < n; i++) {
		if (quote)
			quote = (char)(line[i] == quote ? '\0' : quote);
		else if (line[i] == '"' || line[i] == '\'')
			quote = line[i];
		else if (line[i] == '#' && (i == 0 || isspace((unsigned char)line[i - 1])))
			return i;
	}
	return n;
}

/* Comments that programs read: "#!/bin/sh", "### BEGIN /etc/grub.d/10_linux ###", pvegpu's own. */
static bool is_program_comment(const char *comment, size_t n)
{
	return (n > 2 && (strncmp(comment, "#!", 2) == 0 || strncmp(comment, "###", 3) == 0)) ||
	       memmem(comment, n, "pvegpu", 6);
}

/* What is told in a comment may stand elsewhere too: it becomes known, though it is left out. */
static void look_into_comment(struct writing *writing, const char *comment, size_t n)
{
	struct text out = {0};
	size_t counts[REDACT_KINDS] = {0};
	struct writing aside = {writing->redactor, &out, counts};
	redact_words(&aside, comment, n);
	counts[REDACT_WORD] = 0;
	for (int kind = 0; kind < REDACT_KINDS; kind++)
		writing->counts[kind] += counts[kind];
	text_free(&out);
}

static void write_comment(struct writing *writing, const char *comment, size_t n)
{
	if (!n)
		return;
	if (n > 1 && redact_drops_comments(writing->redactor) && !is_program_comment(comment, n)) {
		text_add(writing->out, "#");
		writing->counts[REDACT_COMMENT]++;
		look_into_comment(writing, comment, n);
		return;
	}
	redact_words(writing, comment, n);
}

/* A word of a kernel command line whose value may stay as far as its words may. */
static bool is_open_parameter(const char *name, size_t n)
{
	static const char names[] =
			"BOOT_IMAGE initrd root rootfstype rootflags rootdelay rootwait boot resume iommu* "
			"intel_iommu* amd_iommu* iommufd* vfio* kvm* pci pci_* pcie_* video vga nomodeset "
			"module_blacklist modprobe.blacklist initcall_blacklist hugepages hugepagesz "
			"default_hugepagesz transparent_hugepage isolcpus nohz* rcu* irqaffinity console "
			"earlycon earlyprintk fbcon* efi efifb* mitigations spectre* l1tf mds split_lock_detect "
			"systemd.unit systemd.unified_cgroup_hierarchy acpi* processor* intel_idle* idle* "
			"intel_pstate* amd_pstate* cpufreq* clocksource tsc hpet nvme* amdgpu* radeon* i915* xe* "
			"nouveau* nvidia* snd* usb* usbcore* xhci* libata* ahci* drm* loglevel log_buf_len "
			"panic* crashkernel memmap mem reserve* cma net.ifnames biosdevname fsck* zfs* elevator "
			"apparmor security audit selinux consoleblank rd.driver* rd.modules* cgroup* numa* nosmt "
			"maxcpus nr_cpus nmi_watchdog watchdog* reboot scsi_mod* mpt3sas* megaraid* r8169* igb* "
			"ixgbe* i40e* e1000e* thunderbolt* vt* fbdev* simplefb* preempt threadirqs lockdown "
			"module.sig_enforce init_on_alloc page_alloc* swapaccount gvt* kasan* psi printk* ignore_loglevel pvegpu*";
	return is_listed(name, n, names);
}

/* name=value with a value that may be anything: only what says on, off or a number stays. */
static bool is_plain_setting(const char *value, size_t n)
{
	return is_listed(value, n,
			       "on off yes no y n auto force forced none all default true false enable disable enabled disabled strict full") ||
	       (n <= 6 && strspn(value, "0123456789") >= n);
}

static void write_parameter(struct writing *writing, const char *word, size_t n)
{
	const char *sign = memchr(word, '=', n);
	size_t name = sign ? (size_t)(sign - word) : n;
	const char *value = word + name + 1;
	size_t length = sign ? n - name - 1 : 0;
	const char *bare = word + strspn(word, "\"'\\$({[");
	if (!sign || (bare < sign && is_open_parameter(bare, (size_t)(sign - bare)))) {
		redact_words(writing, word, n);
		return;
	}
	redact_words(writing, word, name);
	text_add(writing->out, "=");
	size_t quote = length && (*value == '"' || *value == '\'');
	size_t end = length;
	while (end > quote && strchr("\"')}]`;", value[end - 1]))
		end--;
	text_add_bytes(writing->out, value, quote);
	if (is_plain_setting(value + quote, end - quote))
		text_add_bytes(writing->out, value + quote, end - quote);
	else if (end > quote)
		redact_write(writing, REDACT_WORD, value + quote, end - quote);
	text_add_bytes(writing->out, value + end, length - end);
}

/* The words of a command line; a quoted value holds blanks. */
static void write_cmdline(struct writing *writing, const char *line, size_t n)
{
	const char *end = line + n;
	const char *at = line;
	for (write_blanks(writing, &at, end); at < end; write_blanks(writing, &at, end)) {
		size_t word = 0;
		char quote = '\0';
		while (at + word < end && (quote || !isspace((unsigned char)at[word]))) {
			char c = at[word];
			bool after = word && at[word - 1] == '=';
			if (quote)
				quote = (char)(c == quote ? '\0' : quote);
			else if (after && (c == '"' || c == '\''))
				quote = c;
			word++;
		}
		write_parameter(writing, at, word);
		at += word;
	}
}

static void write_cmdline_file(struct writing *writing, const char *line, size_t n)
{
	bool comment = n && line[0] == '#';
	write_cmdline(writing, line, comment ? 0 : n);
	write_comment(writing, line, comment ? n : 0);
}

/* "description", "comment" as a key of a section: where the note behind it begins, or 0. */
static size_t note_at(const char *line, size_t n)
{
	size_t blanks = 0;
	while (blanks < n && isspace((unsigned char)line[blanks]))
		blanks++;
	size_t word = 0;
	while (blanks + word < n && isalpha((unsigned char)line[blanks + word]))
		word++;
	bool note = is_listed(line + blanks, word, "description comment notes note");
	return note && blanks + word < n && strchr(" \t:", line[blanks + word]) ? blanks + word + 1
										: 0;
}

static void write_text(struct writing *writing, const char *line, size_t n)
{
	size_t comment = comment_at(line, n);
	size_t note = note_at(line, comment);
	if (note && redact_drops_comments(writing->redactor)) {
		text_add_bytes(writing->out, line, note);
		write_comment(writing, line + note, n - note);
		return;
	}
	redact_words(writing, line, comment);
	write_comment(writing, line + comment, n - comment);
}

/* In a quoted value of GRUB_CMDLINE_LINUX… stand parameters. */
static void write_shell(struct writing *writing, const char *line, size_t n)
{
	size_t comment = comment_at(line, n);
	size_t name = 0;
	while (name < comment && (isalnum((unsigned char)line[name]) || line[name] == '_'))
		name++;
	bool set = name && name < comment && line[name] == '=';
	if (set && strncmp(line, "GRUB_CMDLINE", 12) == 0) {
		size_t from = name + 1;
		from += from < comment && strchr("\"'", line[from]);
		text_add_bytes(writing->out, line, from);
		write_cmdline(writing, line + from, comment - from);
	} else if (set) {
		redact_words(writing, line, comment);
	} else {
		write_cmdline(writing, line, comment);
	}
	write_comment(writing, line + comment, n - comment);
}

static void write_grub_menu(struct writing *writing, const char *line, size_t n)
{
	size_t blanks = 0;
	while (blanks < n && isspace((unsigned char)line[blanks]))
		blanks++;
	size_t word = 0;
	while (blanks + word < n && !isspace((unsigned char)line[blanks + word]))
		word++;
	if (is_listed(line + blanks, word, "linux linuxefi linux16 module multiboot module2"))
		write_cmdline(writing, line, n);
	else
		write_text(writing, line, n);
}

/* Names of hosts, and addresses. */
static void write_hosts(struct writing *writing, const char *line, size_t n)
{
	size_t comment = comment_at(line, n);
	const char *end = line + comment;
	const char *at = line;
	for (write_blanks(writing, &at, end); at < end; write_blanks(writing, &at, end)) {
		size_t word = 0;
		while (at + word < end && !isspace((unsigned char)at[word]))
			word++;
		bool common = is_listed(at, word,
					      "localhost localhost.localdomain pvelocalhost ip6-* localhost4* localhost6*") ||
			      shape_ipv4(line, at) == word || shape_ipv6(at) == word ||
			      strspn(at, "0123456789.:") >= word;
		if (common)
			redact_words(writing, at, word);
		else
			redact_write(writing, REDACT_HOST, at, word);
		at += word;
	}
	write_comment(writing, end, n - comment);
}

/* Keys of corosync.conf and of .members whose values are numbers and plain words. */
static const char cluster_words[] =
		"nodename version cluster nodes quorate nodelist id online ip logging debug to_syslog "
		"node nodeid quorum_votes quorum provider corosync_votequorum totem config_version "
		"interface linknumber ip_version ipv4 ipv6 ipv4-6 ipv6-4 link_mode passive active "
		"rrp_mode secauth on off transport udpu udp knet name cluster_name two_node wait_for_all "
		"expected_votes device model net algorithm ffsplit lms host tls ring0_addr ring1_addr "
		"ring2_addr ring3_addr knet_transport token link_priority bindnetaddr yes no "
		"crypto_cipher crypto_hash aes256 sha256 none";

static void write_cluster(struct writing *writing, const char *line, size_t n)
{
	size_t comment = comment_at(line, n);
	const char *end = line + comment;
	for (const char *at = line; at < end;) {
		size_t word = 0;
		while (at + word < end && (redact_is_word(at[word]) || strchr("_-.", at[word])))
			word++;
		size_t ip = word ? shape_ipv6(at) : 0;
		if (ip && ip <= (size_t)(end - at)) {
			redact_write(writing, REDACT_IP, at, ip);
			word = ip;
		} else if (!word || is_listed(at, word, cluster_words) ||
				(strspn(at, "0123456789") >= word && word <= 6)) {
			word = word ? word : 1;
			text_add_bytes(writing->out, at, word);
		} else if (shape_ipv4(line, at) == word) {
			redact_write(writing, REDACT_IP, at, word);
		} else {
			redact_write(writing, REDACT_HOST, at, word);
		}
		at += word;
	}
	write_comment(writing, end, n - comment);
}

/* Keys of a guest's configuration whose values may stay as far as their words may: what qm.conf(5)
 * and pct.conf(5) name that says how the guest is made, not whose it is. */
static const char guest_keys[] =
		"acpi agent allow-ksm amd-sev arch audio* autostart balloon bios boot bootdisk cdrom "
		"citype ciupgrade cmode console cores cpu cpulimit cpuunits delete dev* digest efidisk* "
		"features freeze hookscript hostpci* hotplug hugepages ide* intel-tdx ipconfig* ivshmem "
		"keephugepages keyboard kvm localtime lock machine memory meta migrate_* mp* nameserver "
		"net* numa numa* onboot ostype parallel* protection reboot rng* rootfs "
		"running-nets-host-mtu runningcpu runningmachine sata* scsi* scsihw serial* shares "
		"snaptime sockets spice_enhancements startdate startup swap tablet tdf template timezone "
		"tpmstate* tty unprivileged unused* usb* vcpus vga virtio* virtiofs* vmgenid vmstate "
		"vmstatestorage watchdog affinity args lxc.* parent";

/* Of SMBIOS only the UUID: the rest are serial numbers and what the owner wrote. */
static void write_smbios(struct writing *writing, const char *value, size_t n)
{
	const char *end = value + n;
	for (const char *at = value; at < end;) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		size_t part = (size_t)((comma ? comma : end) - at);
		const char *sign = memchr(at, '=', part);
		size_t key = sign ? (size_t)(sign - at) + 1 : part;
		bool open = is_listed(at, key, "uuid= base64=");
		redact_words(writing, at, open ? part : key);
		if (!open && key < part)
			redact_write(writing, REDACT_SECRET, at + key, part - key);
		text_add(writing->out, comma ? "," : "");
		at += part + (comma != NULL);
	}
}

/* "creation-qemu=9.0.2,ctime=1690871042": versions and times. */
static void write_meta(struct writing *writing, const char *value, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t digits = strspn(value + i, "0123456789");
		size_t word = digits;
		while (i + word < n && !strchr("=,", value[i + word]))
			word++;
		word += i + word < n;
		if (digits == 10 && word <= 11)
			text_add_bytes(writing->out, value + i, word);
		else
			redact_words(writing, value + i, word);
		i += word;
	}
}

static void write_guest_value(
		struct writing *writing, const char *key, size_t name, const char *value, size_t n)
{
	if (is_listed(key, name, "meta snaptime"))
		write_meta(writing, value, n);
	else if (is_listed(key, name, "smbios1"))
		write_smbios(writing, value, n);
	else if (is_listed(key, name, "cicustom")) /* a list of files, so that it stays one */
		text_add(writing->out, "user=local:snippets/REDACTED");
	else if (is_listed(key, name, "name hostname"))
		redact_write(writing, REDACT_NAME, value, n);
	else if (is_listed(key, name, guest_keys))
		redact_words(writing, value, n);
	else
		redact_write(writing, REDACT_SECRET, value, n);
}

static void write_guest(struct writing *writing, const char *line, size_t n)
{
	size_t comment = n && line[0] == '#';
	size_t name = 0;
	while (name < n && (redact_is_word(line[name]) || strchr("_-.", line[name])))
		name++;
	if (comment || name >= n || line[name] != ':' || !name) {
		redact_words(writing, line, comment ? 0 : n);
		write_comment(writing, line, comment ? n : 0);
		return;
	}
	const char *value = line + name + 1;
	const char *end = line + n;
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	redact_words(writing, line, name);
	text_add(writing->out, ":");
	write_blanks(writing, &value, end);
	if (value < end)
		write_guest_value(writing, line, name, value, (size_t)(end - value));
	text_add_bytes(writing->out, end, (size_t)(line + n - end));
}

/* Programs whose lines may say something of passthrough. */
static bool is_wanted_program(const char *name, size_t n)
{
	return is_listed(name, n,
			"kernel pvedaemon pveproxy pvestatd pvescheduler pvesh pve-* pmxcfs "
			"corosync qmeventd qm qemu* kvm systemd systemd-modules* "
			"systemd-udevd systemd-shutdown systemd-sleep modprobe lxc* lxcfs "
			"nvidia* vfio* mdev* libvirtd swtpm kubelet containerd talos* dbus "
			"dmesg watchdog* zed zfs* zpool* update-initramfs grub* proxmox* "
			"ifup* ifreload networking udev* libnvidia* DCGM* k3s kube*");
}

/* Nov 25 22:14:01 or 2026-11-25T22:14:01.123456+01:00, as syslog begins a line; or 0. */
static size_t time_length(const char *line, size_t n)
{
	if (n > 15 && isupper((unsigned char)line[0]) && line[3] == ' ' && line[6] == ' ' &&
			line[9] == ':' && line[12] == ':')
		return 15;
	if (n > 19 && line[4] == '-' && line[7] == '-' && (line[10] == 'T' || line[10] == ' ') &&
			line[13] == ':' && line[16] == ':') {
		size_t from = line[10] == ' ' ? 11 : 0;
		size_t time = from;
		while (time < n && line[time] != ' ')
			time++;
		return time;
	}
	return 0;
}

/* What the message is, once the head is off: a command line, or words. */
static void write_message(struct writing *writing, const char *message, size_t n)
{
	static const char mark[] = "ommand line: "; /* "Kernel command line: ", "Command line: " */
	const char *found = memmem(message, n, mark, sizeof mark - 1);
	if (!found) {
		redact_words(writing, message, n);
		return;
	}
	size_t head = (size_t)(found - message) + sizeof mark - 1;
	redact_words(writing, message, head);
	write_cmdline(writing, message + head, n - head);
}

static void write_log(struct writing *writing, const char *line, size_t n)
{
	size_t time = time_length(line, n);
	const char *end = line + n;
	const char *at = line + time;
	text_add_bytes(writing->out, line, time);
	if (!time) {
		write_message(writing, line, n);
		return;
	}
	write_blanks(writing, &at, end);
	size_t host = 0;
	while (at + host < end && !isspace((unsigned char)at[host]))
		host++;
	if (host)
		redact_write(writing, REDACT_HOST, at, host);
	at += host;
	write_blanks(writing, &at, end);
	size_t name = 0;
	while (at + name < end && !isspace((unsigned char)at[name]) && at[name] != '[' &&
			at[name] != ':')
		name++;
	if (is_wanted_program(at, name) || redact_is_symptom(writing->redactor, line, n)) {
		write_message(writing, at, (size_t)(end - at));
	} else if (at < end) {
		text_add(writing->out, "REDACTED");
		writing->counts[REDACT_LINE]++;
	}
}

/* Tables of the kernel: addresses in hex and long numbers. */
static void write_numbers(struct writing *writing, const char *line, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t hex = strspn(line + i, "0123456789abcdefABCDEF");
		bool word = i == 0 || !redact_is_word(line[i - 1]);
		bool whole = i + hex >= n || !redact_is_word(line[i + hex]);
		size_t other = hex;
		size_t address = word && hex ? shape_ipv4(line, line + i) : 0;
		address = address || !word || !hex ? address : shape_mac(line + i);
		if (address && address != 12 && address <= n - i) {
			redact_words(writing, line + i, address);
			i += address;
			continue;
		}
		if (word && whole && hex && (hex <= 16 || strspn(line + i, "01") >= hex)) {
			text_add_bytes(writing->out, line + i, hex);
			i += hex;
			continue;
		}
		while (i + other < n && redact_is_word(line[i + other]))
			other++;
		if (other)
			redact_words(writing, line + i, other);
		else
			text_add_bytes(writing->out, line + i, 1);
		i += other ? other : 1;
	}
}

/* A key or a certificate goes whole, up to its end line. */
static bool in_key_block(struct state *state, const char *line, size_t n)
{
	bool before = state->in_key_block;
	if (memmem(line, n, "-----BEGIN ", 11))
		state->in_key_block = true;
	bool inside = before || state->in_key_block;
	if (memmem(line, n, "-----END ", 9))
		state->in_key_block = false;
	return inside;
}

void redact_lines(struct writing *writing, enum redact_form form, const char *text)
{
	static write_line *const forms[REDACT_FORMS] = {[REDACT_TEXT] = write_text,
			[REDACT_LOG] = write_log,
			[REDACT_GUEST] = write_guest,
			[REDACT_CMDLINE] = write_cmdline_file,
			[REDACT_SHELL] = write_shell,
			[REDACT_GRUB_MENU] = write_grub_menu,
			[REDACT_HOSTS] = write_hosts,
			[REDACT_CLUSTER] = write_cluster,
			[REDACT_NUMBERS] = write_numbers};
	struct state state = {false};
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, "\n");
		bool before = state.in_key_block;
		if (!in_key_block(&state, at, n)) {
			forms[form](writing, at, n);
		} else if (!before) {
			text_add(writing->out, "REDACTED");
			writing->counts[REDACT_SECRET]++;
		}
		at += n;
		if (*at == '\n' && !before)
			text_add(writing->out, "\n");
		at += *at == '\n';
	}
}
