/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_BASE64_H
#define PVEGPU_BASE_BASE64_H

#include <stddef.h>

#include "pvegpu/base/arena.h"

/* Bytes as letters (RFC 4648, section 4), for what JSON cannot hold. */
char *base64_encode(struct arena *arena, const char *bytes, size_t n);
/* NULL for what is no base64. A NUL follows the bytes. */
char *base64_decode(struct arena *arena, const char *text, size_t *ret_size);

#endif
