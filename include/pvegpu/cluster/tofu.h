/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CLUSTER_TOFU_H
#define PVEGPU_CLUSTER_TOFU_H

#include "pvegpu/facts/facts.h"
#include "pvegpu/goal/goal.h"

/*
 * OpenTofu and Terraform: code for the provider bpg/proxmox of what a host has, as `tofu fmt`
 * writes it. Addresses and ids are in small letters, with domain and without 0x, as the provider
 * asks for (its fwprovider/types/hardwaremapping/path.go).
 */
enum tofu_form {
	TOFU_STATIC, /* a resource for each mapping that there is, and what imports it */
	TOFU_NODES   /* mappings made of var.nodes: gpu-NAME-0, gpu-NAME-1 ... of each worker */
};

struct tofu_options {
	enum tofu_form form;
	/* proxmox_virtual_environment_hardware_mapping_pci, as before version 0.100 of the
	 * provider; that name goes with its version 1.0. */
	bool old_names;
};

/* The code, in the arena. `ret_left_out` gets what there is and cannot be written so, and why. */
char *tofu_export(const struct facts *facts, const struct tofu_options *options,
		struct arena *arena, struct strings *ret_left_out);

/*
 * A worker of the output gpu_configuration_needed: which GPU of which node is to go to which VM.
 */
struct tofu_worker {
	const char *where; /* "gpu_configuration_needed.value[1]" */
	const char *hostname;
	const char *node;   /* of Proxmox VE; NULL: not told, so this one */
	const char *device; /* 01:00, 0000:01:00.0 */
};

/* What `tofu output -json`, or `tofu output -json gpu_configuration_needed`, printed: a list, a map
 * or one object; "-" is standard input. Of struct tofu_worker, in the arena. ERROR_PARSE names the
 * line, or the member and what is wrong with it. */
int tofu_read(const char *path, struct arena *arena, struct list *ret_workers, struct error *err);
/* Those of this node as assignments of the goal; `ret_elsewhere` says who is on which other.
 * ERROR_USAGE where a worker is no VM here, or none is of this node. */
int tofu_assign(const struct facts *facts, const struct list *workers, struct goal *goal,
		struct strings *ret_elsewhere, struct error *err);
/* Where the workers come from. */
struct tofu_source {
	const char *file; /* "-" is standard input; or NULL */
	const char *dir;  /* of a configuration: tofu, or else terraform, is asked there; or NULL */
};
static inline bool tofu_is_asked(const struct tofu_source *source)
{
	return source->file || source->dir;
}
/* Both; what is said of workers elsewhere is in the goal's arena. `root` is whose programs are run:
 * of another machine's tree this one's. ERROR_COMMAND with what the program said. */
int tofu_goal(const struct tofu_source *source, const struct root *root, const struct facts *facts,
		struct goal *goal, struct strings *ret_elsewhere, struct error *err);

#endif
