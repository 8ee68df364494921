/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_DEVICES_H
#define PVESIM_DEVICES_H

#include "tests/pvesim/sim.h"

/* mapping/pci.cfg (pcicfg.c), as PVE/SectionConfig.pm and PVE/Mapping/PCI.pm read and write it:
 * {"digest":…, "ids":{name:{…}|null}, "order":{name:n}, "errors":[…]}. */
json_t *mapping_parse(struct call *call, const char *text);
char *mapping_print(struct call *call, const json_t *cfg); /* NULL: the call has failed */
json_t *mapping_load(struct call *call);
/* check_config(): what is kept of the settings; a new reference, or the call fails. */
json_t *mapping_check(struct call *call, const json_t *settings);
/* The entries of a mapping for a node, parsed; a new list, or NULL if there is no such mapping. */
json_t *mapping_entries(struct call *call, const json_t *cfg, const char *id, const char *node);

/* Devices of the call's node, from nodes/NODE/pci.json; a new list sorted by address. */
json_t *devices_load(struct call *call);
/* Why an entry of a mapping does not fit the node, or NULL. */
char *mapping_why_invalid(struct call *call, const json_t *devices, const char *name,
		const json_t *entry, const json_t *mapping);

/*
 * A hostpci value as a start reads it: {…, "ids":[[address…]…]}: alternatives, each a list of
 * functions. NULL: nothing is set (the call has not failed), or the call fails.
 */
json_t *hostpci_expand(struct call *call, const json_t *devices, const char *value);
/* All of a configuration, checked together and one alternative chosen for each: a new hash
 * {hostpciN: {…, "ids": [address…]}}. `used` is {address: vmid} of other running VMs. */
json_t *hostpci_choose(struct call *call, const char *vmid, const json_t *conf,
		const json_t *devices, const json_t *used);
bool machine_is_q35(struct call *call, const json_t *conf);
json_t *device_find(const json_t *devices, const char *address);

#endif
