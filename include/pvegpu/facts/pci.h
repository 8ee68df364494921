/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_PCI_H
#define PVEGPU_FACTS_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/facts/known.h"
#include "pvegpu/formats/attribute_rule.h"
#include "pvegpu/formats/pci_address.h"

/* The PCI devices of a host: what each is, and what the host uses it for. */

/* What the host itself uses a device for: losing it harms the host. */
struct host_use {
	char *what;   /* "root filesystem (/dev/mapper/pve-root)", "uplink of vmbr0" */
	char *source; /* where that was read */
};

/* A type of vGPU that a GPU offers. */
struct vgpu_type {
	char *type;    /* nvidia-63: what mdev= names */
	char *name;    /* "GRID P40-2Q"; or NULL */
	int available; /* how many of it are free; -1: not told */
};

struct pci_device {
	struct pci_address address;
	char name[PCI_ADDRESS_TEXT]; /* 0000:01:00.0 */
	uint32_t class_code;         /* 24 bits: base class, sub-class, interface */
	uint16_t vendor, device;     /* 0xffff when the tree does not say */
	uint16_t subsystem_vendor, subsystem_device;
	bool subsystem_known;
	char *label;  /* from pci.ids, or "Device 1234"; never NULL */
	char *driver; /* NULL: none bound (or, where nothing is known of drivers, unknown) */
	/* Its driver holds it for a VM: vfio-pci, one with a `vfio_pci:` alias, or one that gives
	 * it a directory vfio-dev. */
	enum known on_vfio;
	struct strings takers; /* modules that would take it, of the kernels that may boot; of the
				  functions of cards only */
	int group;             /* IOMMU group, -1 none */
	enum known boot_vga;   /* display class only */
	/* SR-IOV, as the links physfn and virtfnN tell. */
	enum known virtual_function;
	char *physfn_name;         /* of a virtual function: 0000:00:02.0; or NULL */
	struct pci_device *physfn; /* the same, where that function is on record; or NULL */
	struct list virtfns;       /* of struct pci_device: the virtual functions it has now */
	struct list path; /* of struct pci_device: of a GPU and of audio, the bridges from the
			    root port down */
	/* GPUs only, from here to the blank line. */
	char *reset_method; /* "flr bus"; "" where the kernel knows none; NULL unknown */
	int sriov_total;    /* virtual functions it could have; 0 none; -1 not told */
	int sriov_active;   /* those it has now; 0 none; -1 not told */
	/* Of one that can have them: its driver's module was added to the kernel (DKMS), of the
	 * running one and of the one that boots next; no: it is the kernel's own. */
	enum known driver_added, driver_added_next;
	int vf_drivers;       /* host drivers take new virtual functions: 0 or 1; -1: not told */
	int d3cold;           /* its power may be cut while it is not used: 0 or 1; -1: not told */
	uint64_t largest_bar; /* bytes of its largest memory window; 0 unknown */
	uint64_t bar_start;   /* where that window is; 0 not placed */
	uint64_t resizable_bar; /* of the one that has more sizes, the largest of such; 0: none */
	int resizable_index;    /* the number of that window */
	uint32_t bar_sizes; /* that it can have (resourceN_resize): bit n for 2^n MiB; 0 only one */
	char *bar_holder;   /* who sits on a part of its memory: "BOOTFB", "efifb"; or NULL */
	enum known mdev;    /* it offers mediated devices (mdev_supported_types), or NVIDIA's
			       vGPUs as kernels from 6.8 on have them (a directory nvidia) */
	struct list vgpu_types; /* of struct vgpu_type: what it offers now */
	bool vgpu_alone;        /* one vGPU takes it whole, as NVIDIA's on kernels from 6.8 on */
	enum known rom;         /* it has an expansion ROM that the kernel can read */
	size_t vfct_size; /* bytes of its ROM in the ACPI table VFCT (AMD); 0: none is there */
	char *slot;       /* "slot PCIEX16_1, x16 of x16"; of one that has a twin; or NULL */
	char *local_cpus; /* of its NUMA node: "0-7"; or NULL */
	char *power;      /* "D0, active": power state and runtime status; or NULL */

	struct strings drm; /* its DRM nodes, card0 and renderD128; read where a container names one
			     */
	struct list uses;   /* of struct host_use */
};

/* What the attribute is now; -1: it has none, or that is not told. */
int device_attribute_now(const struct pci_device *device, enum device_attribute attribute);
/* What its largest memory window can have: "256 MiB to 32768 MiB"; NULL: one size only. */
char *device_window_sizes(const struct pci_device *device, struct arena *arena);

/* Class helpers (pci.ids, section C). */
bool pci_is_display(const struct pci_device *device); /* 0300, 0302, 0380 */
/* What computes or draws, and can be given away: display, and accelerators (1200). */
bool pci_is_gpu(const struct pci_device *device);
bool pci_has_screen(const struct pci_device *device); /* one could hang on it: 0300, 0380 */
/* It is bound to a driver that holds it for a VM, for sure. */
bool device_on_vfio(const struct pci_device *device);
bool pci_is_virtual(const struct pci_device *device); /* a virtual function, for sure */
/* The display chip of a board's management controller: the host's console may be on it, and no
 * guest has a use for it. */
bool pci_is_bmc(const struct pci_device *device);
/* NVIDIA's switch between the GPUs of an SXM board; of class 0680, but no bridge to anything. */
bool pci_is_nvswitch(const struct pci_device *device);
bool pci_is_bridge(const struct pci_device *device);  /* base class 06, NVSwitches apart */
bool pci_is_storage(const struct pci_device *device); /* base class 01 */
bool pci_is_network(const struct pci_device *device); /* base class 02 */
bool pci_is_audio(const struct pci_device *device);   /* base class 04 */
const char *pci_class_text(uint32_t class_code);      /* "VGA controller", "Audio device" … */

#endif
