/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CLUSTER_TOFU_H
#define PVEGPU_CLUSTER_TOFU_H

#include "pvegpu/facts/facts.h"

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

#endif
