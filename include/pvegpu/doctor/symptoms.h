/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_DOCTOR_SYMPTOMS_H
#define PVEGPU_DOCTOR_SYMPTOMS_H

#include <stddef.h>

#include "pvegpu/logs/logs.h"
#include "pvegpu/logs/matcher.h"
#include "pvegpu/logs/symptom.h"

/*
 * The catalogue of symptoms. One row a symptom, in the file of its family
 * (core/doctor/symptoms_*.c).
 *
 * To add a symptom: one row there, and at least one real line in tests/doctor/lines.jsonl.
 */
extern const char *const where_names[WHERE_COUNT]; /* "host-kernel", "qemu-stderr" … */
extern const char *const severity_names[SEVERITY_COUNT];

/* All rows, in an order where of two that match one line with one rank the first is the better. */
size_t symptom_count(void);
const struct symptom *symptom_at(size_t index);
const struct symptom *symptom_by_id(const char *id);

enum { SYMPTOM_STEPS = 8 };
struct symptom_kind {
	const char *id;    /* vm-start-fails … */
	const char *title; /* in plain words, at most 50 columns */
	unsigned bit;
	const char *checks;               /* to look at, in order, blanks between */
	const char *steps[SYMPTOM_STEPS]; /* by hand, in order; NULL after the last one */
};
extern const struct symptom_kind symptom_kinds[]; /* ends with id NULL */
const struct symptom_kind *symptom_kind_by_id(const char *id);

/* A matcher for all rows, and a reader of logs that looks for them; the caller's to free. */
struct matcher *symptoms_matcher(void);
struct scan *symptoms_scan(const struct scan_limits *limits); /* NULL: the defaults */

#endif
