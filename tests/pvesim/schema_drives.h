/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Part of schema_config.c: the property strings of drives (PVE/QemuServer/Drive.pm). */
#define RATE(kind_)                                                                                \
	{kind_, 'i'}, {kind_ "_rd", 'i'}, {kind_ "_wr", 'i'},                                      \
			{kind_ "_max_length", 'i', .min = "1"},                                    \
			{kind_ "_rd_max_length", 'i', .min = "1"},                                 \
			{kind_ "_wr_max_length", 'i', .min = "1"},                                 \
			{kind_ "_rd_length", .alias = kind_ "_rd_max_length"},                     \
	{                                                                                          \
		kind_ "_wr_length", .alias = kind_ "_wr_max_length"                                \
	}
#define FORMATS "raw|qcow|qed|qcow2|vmdk|cloop"
#define DRIVE_FILE                                                                                 \
	{"file", 's', .default_key = true, .needed = true, .format = "pve-volume-id-or-qm-path"},  \
			{"volume", .alias = "file"},                                               \
			{"import-from", 's', .alloc = true,                                        \
					.format = "pve-volume-id-or-absolute-path"},               \
	{                                                                                          \
		"size", 's', .format = "disk-size"                                                 \
	}
#define DRIVE                                                                                      \
	DRIVE_FILE, {"format", 's', .words = FORMATS}, RATE("bps"), RATE("iops"),                  \
			{"iops_max", 'i'}, {"iops_rd_max", 'i'}, {"iops_wr_max", 'i'},             \
			{"mbps", 'n'}, {"mbps_max", 'n'}, {"mbps_rd", 'n'}, {"mbps_rd_max", 'n'},  \
			{"mbps_wr", 'n'}, {"mbps_wr_max", 'n'},                                    \
			{"aio", 's', .words = "native|threads|io_uring"}, {"backup", 'b'},         \
			{"cache", 's', .words = "none|writethrough|writeback|unsafe|directsync"},  \
			{"detect_zeroes", 'b'}, {"discard", 's', .words = "ignore|on"},            \
			{"media", 's', .words = "cdrom|disk"}, {"replicate", 'b'},                 \
			{"rerror", 's', .words = "ignore|report|stop"},                            \
			{"werror", 's', .words = "enospc|ignore|report|stop"},                     \
			{"serial", 's', .format = "urlencoded", .max_length = 60},                 \
			{"shared", 'b'},                                                           \
	{                                                                                          \
		"snapshot", 'b'                                                                    \
	}
#define WWN                                                                                        \
	{                                                                                          \
		"wwn", 's', .pattern = "(?:^(0x)[0-9a-fA-F]{16})"                                  \
	}

const struct schema drive_schema[] = {DRIVE,
		{"model", 's', .format = "urlencoded", .max_length = 120}, {"ssd", 'b'}, WWN,
		{"iothread", 'b'}, {"queues", 'i', .min = "2"}, {"ro", 'b'}, {"scsiblock", 'b'},
		{"product", 's', .pattern = "[A-Za-z0-9\\-_\\s]{0,16}"},
		{"vendor", 's', .pattern = "[A-Za-z0-9\\-_\\s]{0,8}"},
		{"efitype", 's', .words = "2m|4m"}, {"pre-enrolled-keys", 'b'},
		{"ms-cert", 's', .words = "2011|2023|2023w|2023k"},
		{"version", 's', .words = "v1.2|v2.0"}, {0}};

static const struct schema ide_schema[] = {DRIVE,
		{"model", 's', .format = "urlencoded", .max_length = 120}, {"ssd", 'b'}, WWN, {0}};

static const struct schema scsi_schema[] = {DRIVE, {"ssd", 'b'}, WWN, {"iothread", 'b'},
		{"queues", 'i', .min = "2"}, {"ro", 'b'}, {"scsiblock", 'b'},
		{"product", 's', .pattern = "[A-Za-z0-9\\-_\\s]{0,16}", .since = "8.1"},
		{"vendor", 's', .pattern = "[A-Za-z0-9\\-_\\s]{0,8}", .since = "8.1"}, {0}};

static const struct schema virtio_schema[] = {DRIVE, {"iothread", 'b'}, {"ro", 'b'}, {0}};

static const struct schema efidisk_schema[] = {DRIVE_FILE, {"format", 's', .words = FORMATS},
		{"efitype", 's', .words = "2m|4m"}, {"pre-enrolled-keys", 'b'},
		{"ms-cert", 's', .words = "2011|2023|2023w|2023k", .since = "9.1"}, {0}};

static const struct schema tpm_schema[] = {DRIVE_FILE,
		{"format", 's', .words = "raw|qcow2|vmdk", .since = "9.0"},
		{"version", 's', .words = "v1.2|v2.0"}, {0}};
