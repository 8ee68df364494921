/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_HASH_H
#define PVEGPU_BASE_HASH_H

#include <stddef.h>

/* As lower-case hex with a NUL. */
enum { SHA256_HEX = 65, SHA1_HEX = 41 };

void hash_sha256(const char *bytes, size_t n, char ret_hex[SHA256_HEX]);

/* SHA-1 is what Proxmox VE uses as `digest` of a configuration file (PVE/QemuServer.pm,
 * parse_vm_config); it guards against a concurrent edit, not against an attacker. */
void hash_sha1(const char *bytes, size_t n, char ret_hex[SHA1_HEX]);

#endif
