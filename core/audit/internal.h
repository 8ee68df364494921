/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_AUDIT_INTERNAL_H
#define PVEGPU_AUDIT_INTERNAL_H

#include "pvegpu/audit/audit.h"

/* The number of an IOMMU group, null where it is not known. */
json_t *group_to_json(int group);
/* The member `host` of the audit; the caller owns it. */
json_t *report_host_to_json(const struct facts *facts);

#endif
