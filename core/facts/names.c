/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/*
 * Names of devices, from the list that lspci has them from (https://pci-ids.ucw.cz). It has 36,000
 * lines, so it is gone through once, for the devices that are there; libpci keeps all of it.
 *
 *	10de  NVIDIA Corporation
 *		2206  GA102 [GeForce RTX 3080]
 *			1043 87ad  a subsystem, not looked at
 *	C 03  Display controller
 */
static const char *const lists[] = {"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"};

/* The devices by their ids, and which of them are of the vendor whose lines are read. */
struct naming {
	struct arena *arena;
	struct pci_device **device;
	size_t n;
	size_t first, end; /* none: the same */
	char *vendor;
};

static uint32_t ids_of(const struct pci_device *device)
{
	return (uint32_t)device->vendor << 16 | device->device;
}

static int compare_ids(const void *a, const void *b)
{
	const struct pci_device *const *first = a;
	const struct pci_device *const *second = b;
	return ids_of(*first) < ids_of(*second) ? -1 : ids_of(*first) > ids_of(*second);
}

/* "10de  NVIDIA Corporation": the number and where the name begins, or NULL. */
static const char *split_line(const char *line, uint16_t *ret_id)
{
	unsigned value = 0;
	for (size_t i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)line[i];
		if (!isxdigit(c))
			return NULL;
		value = value << 4 | (c <= '9' ? c & 0xfU : (c & 0xfU) + 9);
	}
	line += 4;
	if (*line != ' ' && *line != '\t')
		return NULL;
	*ret_id = (uint16_t)value;
	return line + strspn(line, " \t");
}

/* The first device with these ids or higher ones. */
static size_t first_from(const struct naming *naming, uint32_t ids)
{
	size_t low = 0;
	size_t high = naming->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ids_of(naming->device[middle]) < ids)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The devices of the vendor whose lines were read that the list does not have. */
static void name_rest(const struct naming *naming)
{
	for (size_t i = naming->first; i < naming->end; i++)
		if (!naming->device[i]->label)
			naming->device[i]->label = arena_printf(naming->arena, "%s Device %04x",
					naming->vendor, naming->device[i]->device);
}

static void take_vendor(struct naming *naming, const char *line)
{
	uint16_t vendor = 0;
	name_rest(naming);
	const char *name = split_line(line, &vendor); /* NULL of a class */
	naming->first = name ? first_from(naming, (uint32_t)vendor << 16) : naming->n;
	naming->end = naming->first;
	while (naming->end < naming->n && naming->device[naming->end]->vendor == vendor)
		naming->end++;
	if (naming->first < naming->end)
		naming->vendor = arena_strdup(naming->arena, name);
}

static void take_device(struct naming *naming, const char *line)
{
	uint16_t id = 0;
	const char *name = split_line(line, &id);
	char *label = NULL;
	uint32_t ids = ids_of(naming->device[naming->first]);
	ids = (ids & 0xffff0000) | id;
	for (size_t i = name ? first_from(naming, ids) : naming->n;
			i < naming->end && ids_of(naming->device[i]) == ids; i++) {
		if (!label)
			label = arena_printf(naming->arena, "%s %s", naming->vendor, name);
		naming->device[i]->label = label;
	}
}

static void take_line(struct naming *naming, const char *line)
{
	if (line[0] != '\t')
		take_vendor(naming, line);
	else if (naming->first < naming->end && line[1] != '\t')
		take_device(naming, line + 1);
}

/* The lines of a block that ends with a line; they are changed. */
static void take_lines(struct naming *naming, char *block, size_t n)
{
	const char *end = block + n;
	for (char *line = block; line < end;) {
		char *next = memchr(line, '\n', (size_t)(end - line));
		next = next ? next : block + n;
		/* Nearly all are of a vendor that is not here. */
		if (line[0] != '\t' || naming->first < naming->end) {
			char *last = next;
			while (last > line && (unsigned char)last[-1] <= ' ')
				last--;
			*last = '\0';
			if (*line && *line != '#')
				take_line(naming, line);
		}
		line = next + 1;
	}
}

static void read_list(struct naming *naming, FILE *list)
{
	enum { BLOCK = 32 * 1024 };
	char block[BLOCK];
	size_t n = 0; /* bytes in the block, the first of them from the one before */
	size_t got = 0;
	while ((got = fread(block + n, 1, BLOCK - 1 - n, list)) > 0) {
		n += got;
		const char *last = memrchr(block, '\n', n);
		size_t whole = last ? (size_t)(last - block) + 1 : n;
		take_lines(naming, block, whole);
		n -= whole;
		memmove(block, block + whole, n);
	}
	take_lines(naming, block, n);
	name_rest(naming);
}

static void plain_label(struct arena *arena, struct pci_device *device)
{
	if (!device->label)
		device->label = device->vendor == 0xffff && device->device == 0xffff
						? arena_strdup(arena,
								  "unknown device (its ids are not recorded)")
						: arena_printf(arena, "Device %04x:%04x",
								  device->vendor, device->device);
}

void facts_read_names(struct facts *facts)
{
	struct naming naming = {.arena = facts->arena};
	naming.device = arena_alloc(facts->arena, facts->devices.n * sizeof(void *) + 1);
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *device = facts->devices.item[i];
		device->label = NULL;
		if (device->vendor != 0xffff)
			naming.device[naming.n++] = device;
	}
	qsort(naming.device, naming.n, sizeof(void *), compare_ids);
	FILE *list = NULL;
	for (size_t i = 0; !list && i < sizeof lists / sizeof *lists; i++)
		list = fopen(lists[i], "re");
	if (list) {
		read_list(&naming, list);
		(void)fclose(list);
	}
	for (size_t i = 0; i < facts->devices.n; i++)
		plain_label(facts->arena, facts->devices.item[i]);
}
