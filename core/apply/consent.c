/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "core/apply/internal.h"

struct consent consent_given(const char *what)
{
	struct consent consent = {0};
	(void)snprintf(consent.what, sizeof consent.what, "%s", what);
	return consent;
}

int consent_check(const struct consent *consent, const char *what, struct error *err)
{
	if (consent->what[0] && strcmp(consent->what, what) == 0)
		return 0;
	return error_set(err, ERROR_REFUSED, "nothing was changed: nobody said yes to %s %.12s",
			consent->what[0] ? "this; the yes was for another: not" : "this:", what);
}
