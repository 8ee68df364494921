/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
	if (!err)
		return code;
	*err = (struct error){.code = code};
	va_list args;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	return code;
}

int error_set_errno(struct error *err, int sys_errno, const char *format, ...)
{
	if (!err)
		return ERROR_IO;
	*err = (struct error){.code = ERROR_IO, .sys_errno = sys_errno};
	va_list args;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	size_t used = strlen(err->text);
	char reason[96];
	(void)snprintf(err->text + used, sizeof err->text - used, ": %s",
			strerror_r(sys_errno, reason, sizeof reason));
	return ERROR_IO;
}

void error_hint(struct error *err, const char *format, ...)
{
	if (!err)
		return;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(err->hint, sizeof err->hint, format, args);
	va_end(args);
}
