/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TESTS_FUZZ_FUZZ_H
#define PVEGPU_TESTS_FUZZ_FUZZ_H

/* What the fuzz targets share. A target that finds a property broken ends by abort(). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__,         \
					#condition);                                               \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The input as a text: up to its first NUL, in memory of its own so that reading past it shows. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	size_t n = 0;
	while (n < size && data[n])
		n++;
	char *text = malloc(n + 1);
	if (!text)
		abort();
	if (n)
		memcpy(text, data, n);
	text[n] = '\0';
	return text;
}

/* An error code always comes with a text. */
static inline bool fuzz_failed(int status, const struct error *err)
{
	CHECK(status <= 0);
	CHECK(status == 0 || (err->code == (enum error_code)status && err->text[0]));
	return status < 0;
}

#endif
