/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The filter of a capture: a file of any path, with anything in it. "PATH\0CONTENT"; what comes out
 * is no longer than stand-ins make it, and a planted secret is not in it. */
#include "tests/fuzz/fuzz.h"

#include "core/capture/internal.h"

static const char *const paths[] = {"/etc/default/grub", "/etc/pve/qemu-server/100.conf",
		"/proc/cmdline", "/var/log/dmesg", "/var/log/syslog", "/etc/pve/.members",
		"/proc/net/route", "/proc/1/cmdline", "/run/udev/data/b8:1", "/var/lib/dpkg/status",
		"/sys/firmware/efi/efivars/Boot0001-8be4df61-93ca-11d2-aa0d-00e098032b8c",
		"/lib/modules/6.8.12-4-pve/modules.dep", "/etc/hosts", "/boot/grub/grub.cfg",
		"/proc/iomem", "/etc/network/interfaces"};
static const char secret[] = "Kx7QvPz2Lm9T";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct arena *arena = arena_new();
	struct capture *capture = arena_alloc(arena, sizeof *capture);
	capture->arena = arena;
	struct collector collector = {.capture = capture, .redactor = redactor_new(true)};
	const char *path = paths[data[0] % (sizeof paths / sizeof *paths)];
	struct text content = {0};
	text_add_bytes(&content, (const char *)data + 1, size - 1);
	text_add(&content, data[0] & 0x80 ? " password=" : "\nname: ");
	text_add(&content, secret);
	struct capture_item item = {.path = arena_strdup(arena, path)};
	char *text = arena_memdup(arena, text_string(&content), content.n);
	capture_filter(&collector, &item, path, text, content.n);
	CHECK(item.text && item.path);
	CHECK(strcmp(path, "/proc/1/cmdline") == 0 || strlen(item.text) <= item.n);
	CHECK(!memmem(item.text, item.n, secret, sizeof secret - 1) ||
			memmem(data, size, secret, sizeof secret - 1));
	size_t n = 0;
	(void)redact_sweep(collector.redactor, arena, item.text, item.n, &n);
	text_free(&content);
	redactor_free(collector.redactor);
	arena_free(arena);
	return 0;
}
