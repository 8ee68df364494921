/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/cpu_list.h"

#include <string.h>

#include "pvegpu/base/text.h"

bool cpu_list_has(const struct cpu_list *list, size_t cpu)
{
	return cpu < CPU_LIST_MAX && (list->bits[cpu / 64] >> cpu % 64 & 1);
}

size_t cpu_list_beyond(const struct cpu_list *list, const struct cpu_list *other)
{
	size_t cpu = 0;
	while (cpu < CPU_LIST_MAX && (!cpu_list_has(list, cpu) || cpu_list_has(other, cpu)))
		cpu++;
	return cpu;
}

/* A number of at most five digits; false where there is none. */
static bool read_number(const char **at, size_t *ret_number)
{
	size_t digits = strspn(*at, "0123456789");
	size_t number = 0;
	if (!digits || digits > 5)
		return false;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (size_t)((*at)[i] - '0');
	*at += digits;
	*ret_number = number;
	return number < CPU_LIST_MAX;
}

void cpu_list_add(struct cpu_list *list, size_t cpu)
{
	list->n += !cpu_list_has(list, cpu);
	list->bits[cpu / 64] |= 1ULL << cpu % 64;
}

bool cpu_list_read(const char *text, struct cpu_list *ret_list)
{
	struct cpu_list list = {0};
	const char *at = text;
	for (bool first = true; first || *at == ','; first = false) {
		size_t from = 0;
		at += !first;
		if (!read_number(&at, &from))
			return false;
		size_t to = from;
		if (*at == '-') {
			at++;
			if (!read_number(&at, &to) || to < from)
				return false;
		}
		for (size_t cpu = from; cpu <= to; cpu++)
			cpu_list_add(&list, cpu);
	}
	at += *at == '\n';
	if (*at)
		return false;
	*ret_list = list;
	return true;
}

char *cpu_list_text(struct arena *arena, const struct cpu_list *list)
{
	struct text text = {0};
	for (size_t cpu = 0; cpu < CPU_LIST_MAX; cpu++) {
		size_t last = cpu;
		if (!cpu_list_has(list, cpu))
			continue;
		while (cpu_list_has(list, last + 1))
			last++;
		text_addf(&text, "%s%zu", text.n ? "," : "", cpu);
		if (last > cpu)
			text_addf(&text, "-%zu", last);
		cpu = last;
	}
	return text_take(&text, arena);
}
