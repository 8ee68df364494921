/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/library.h"

#include <dlfcn.h>
#include <string.h>

/* A data pointer to a function pointer, which POSIX allows and ISO C does not write. */
bool library_find(void *library, const char *name, void *ret_function)
{
	void *symbol = dlsym(library, name);
	memcpy(ret_function, &symbol, sizeof symbol);
	return symbol != NULL;
}

static bool find_reading(void *library, struct archive_api *api)
{
	return library_find(library, "archive_filter_bytes", &api->filter_bytes) &&
	       library_find(library, "archive_filter_count", &api->filter_count) &&
	       library_find(library, "archive_read_data", &api->read_data) &&
	       library_find(library, "archive_read_data_block", &api->read_data_block) &&
	       library_find(library, "archive_read_free", &api->read_free) &&
	       library_find(library, "archive_read_new", &api->read_new) &&
	       library_find(library, "archive_read_next_header", &api->read_next_header) &&
	       library_find(library, "archive_read_open", &api->read_open) &&
	       library_find(library, "archive_read_open_fd", &api->read_open_fd) &&
	       library_find(library, "archive_read_open_filename", &api->read_open_filename) &&
	       library_find(library, "archive_read_support_filter_bzip2",
			       &api->read_support_filter_bzip2) &&
	       library_find(library, "archive_read_support_filter_gzip",
			       &api->read_support_filter_gzip) &&
	       library_find(library, "archive_read_support_filter_lz4",
			       &api->read_support_filter_lz4) &&
	       library_find(library, "archive_read_support_filter_lzma",
			       &api->read_support_filter_lzma) &&
	       library_find(library, "archive_read_support_filter_xz",
			       &api->read_support_filter_xz) &&
	       library_find(library, "archive_read_support_filter_zstd",
			       &api->read_support_filter_zstd) &&
	       library_find(library, "archive_read_support_format_cpio",
			       &api->read_support_format_cpio) &&
	       library_find(library, "archive_read_support_format_empty",
			       &api->read_support_format_empty) &&
	       library_find(library, "archive_read_support_format_raw",
			       &api->read_support_format_raw) &&
	       library_find(library, "archive_read_support_format_tar",
			       &api->read_support_format_tar);
}

static bool find_writing(void *library, struct archive_api *api)
{
	return library_find(library, "archive_error_string", &api->error_string) &&
	       library_find(library, "archive_set_error", &api->set_error) &&
	       library_find(library, "archive_write_add_filter_gzip",
			       &api->write_add_filter_gzip) &&
	       library_find(library, "archive_write_close", &api->write_close) &&
	       library_find(library, "archive_write_data", &api->write_data) &&
	       library_find(library, "archive_write_data_block", &api->write_data_block) &&
	       library_find(library, "archive_write_disk_new", &api->write_disk_new) &&
	       library_find(library, "archive_write_disk_set_options",
			       &api->write_disk_set_options) &&
	       library_find(library, "archive_write_finish_entry", &api->write_finish_entry) &&
	       library_find(library, "archive_write_free", &api->write_free) &&
	       library_find(library, "archive_write_header", &api->write_header) &&
	       library_find(library, "archive_write_new", &api->write_new) &&
	       library_find(library, "archive_write_open_fd", &api->write_open_fd) &&
	       library_find(library, "archive_write_set_format_pax_restricted",
			       &api->write_set_format_pax_restricted);
}

static bool find_entries(void *library, struct archive_api *api)
{
	return library_find(library, "archive_entry_filetype", &api->entry_filetype) &&
	       library_find(library, "archive_entry_free", &api->entry_free) &&
	       library_find(library, "archive_entry_hardlink", &api->entry_hardlink) &&
	       library_find(library, "archive_entry_new", &api->entry_new) &&
	       library_find(library, "archive_entry_pathname", &api->entry_pathname) &&
	       library_find(library, "archive_entry_perm", &api->entry_perm) &&
	       library_find(library, "archive_entry_set_filetype", &api->entry_set_filetype) &&
	       library_find(library, "archive_entry_set_pathname", &api->entry_set_pathname) &&
	       library_find(library, "archive_entry_set_perm", &api->entry_set_perm) &&
	       library_find(library, "archive_entry_set_size", &api->entry_set_size) &&
	       library_find(library, "archive_entry_set_symlink", &api->entry_set_symlink) &&
	       library_find(library, "archive_entry_size", &api->entry_size);
}

int archive_load(struct archive_api *ret_api, struct error *err)
{
	void *library = dlopen("libarchive.so.13", RTLD_NOW | RTLD_LOCAL);
	if (library && find_reading(library, ret_api) && find_writing(library, ret_api) &&
			find_entries(library, ret_api))
		return 0;
	(void)error_set(err, ERROR_IO, "the library libarchive.so.13 is not here");
	error_hint(err, "apt install libarchive13");
	return ERROR_IO;
}
