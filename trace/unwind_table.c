/*
 * The linker sorts the functions into .eh_frame_hdr (Linux Standard Base, "Exception Frames"), from
 * where the table is read. A static program may have none: gcc's start files then register
 * .eh_frame at run time. Of those the table is made here.
 */
#include "trace/unwind_table.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "trace/debug_frame.h"
#include "trace/elf_section.h"

static void abort_without(const void *memory)
{
	if (!memory)
		abort();
}

/* ---- rows ---- */

void unwind_rows_add(struct unwind_rows *rows, uint64_t function, uint64_t description)
{
	enum { FIRST_ROOM = 256 };

	/* Doubled whenever it is full. */
	if (!rows->count || (rows->count >= FIRST_ROOM && !(rows->count & (rows->count - 1)))) {
		const size_t room = rows->count ? 2 * rows->count : FIRST_ROOM;
		rows->list = reallocarray(rows->list, room, sizeof(*rows->list));
		abort_without(rows->list);
	}
	rows->list[rows->count++] = (struct unwind_row){
		.function = (int32_t)(function - rows->base),
		.description = (int32_t)description,
	};
}

static int compare(const void *a, const void *b)
{
	const struct unwind_row *const left = a, *const right = b;

	return (left->function > right->function) - (left->function < right->function);
}

void unwind_rows_sort(struct unwind_rows *rows)
{
	if (rows->count)
		qsort(rows->list, rows->count, sizeof(*rows->list), compare);
}

/* ---- .eh_frame_hdr ---- */

struct header {
	uint8_t version, frame_encoding, count_encoding, table_encoding;
	int32_t frame;
	uint32_t count;
};

static void read_sorted(struct unwind_rows *rows, Elf *elf, const GElf_Phdr *program_header)
{
	struct header header;
	Elf_Data *const data = elf_getdata_rawchunk(
		elf, (int64_t)program_header->p_offset, program_header->p_filesz, ELF_T_BYTE);

	if (!data || !data->d_buf || data->d_size < sizeof(header))
		return;
	memcpy(&header, data->d_buf, sizeof(header));
	/* What every linker writes. */
	if (header.version != 1 || header.frame_encoding != (DW_EH_PE_pcrel | DW_EH_PE_sdata4) ||
		header.count_encoding != DW_EH_PE_udata4 ||
		header.table_encoding != (DW_EH_PE_datarel | DW_EH_PE_sdata4) ||
		header.count > (data->d_size - sizeof(header)) / sizeof(*rows->list))
		return;
	rows->list = calloc(header.count + 1UL, sizeof(*rows->list));
	abort_without(rows->list);
	memcpy(rows->list, (const char *)data->d_buf + sizeof(header),
		header.count * sizeof(*rows->list));
	rows->count = header.count;
	rows->base = program_header->p_vaddr;
}

/* ---- .eh_frame ---- */

struct frames {
	Elf_Data *data;
	const unsigned char *ident;
	uint64_t address;
};

/* How a common entry has its functions' addresses written: the augmentation's letters in turn. */
static uint8_t encoding_of(const struct frames *frames, Dwarf_Off offset)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;

	if (dwarf_next_cfi(frames->ident, frames->data, true, offset, &next, &entry) ||
		entry.CIE_id != DW_CIE_ID_64 || !entry.cie.augmentation_data)
		return DW_EH_PE_absptr;
	const uint8_t *at = entry.cie.augmentation_data;
	for (const char *letter = entry.cie.augmentation; *letter; letter++) {
		if (*letter == 'R')
			return *at;
		if (*letter == 'L')
			at++;
		else if (*letter != 'z')
			break; /* a personality's address is of any length */
	}
	/* With one, "zPLR", which takes its encoding, address and another byte. */
	const size_t size = entry.cie.augmentation_data_size;
	return size && strchr(entry.cie.augmentation, 'R') ? entry.cie.augmentation_data[size - 1]
							   : DW_EH_PE_absptr;
}

static bool read_address(const struct frames *frames, uint8_t encoding, const uint8_t *at,
	const uint8_t *end, uint64_t *address)
{
	const bool is_short = (encoding & 0x07) == DW_EH_PE_udata4;
	int32_t narrow;

	if ((size_t)(end - at) < (is_short ? sizeof(narrow) : sizeof(*address)) ||
		encoding & DW_EH_PE_indirect)
		return false;
	memcpy(address, at, is_short ? sizeof(narrow) : sizeof(*address));
	if (is_short) {
		memcpy(&narrow, at, sizeof(narrow));
		*address = (uint64_t)(int64_t)narrow;
	}
	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		*address += frames->address + (uint64_t)(at - (const uint8_t *)frames->data->d_buf);
	return true;
}

static void sort_frames(struct unwind_rows *rows, const struct frames *frames)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;
	int status;

	rows->base = frames->address;
	for (Dwarf_Off offset = 0; offset < frames->data->d_size; offset = next) {
		uint64_t function;
		status = dwarf_next_cfi(frames->ident, frames->data, true, offset, &next, &entry);
		if (status > 0 || next <= offset || next == (Dwarf_Off)-1)
			break;
		if (status < 0 || entry.CIE_id == DW_CIE_ID_64)
			continue;
		if (read_address(frames, encoding_of(frames, entry.fde.CIE_pointer),
			    entry.fde.start, entry.fde.end, &function))
			unwind_rows_add(rows, function, offset);
	}
	unwind_rows_sort(rows);
}

static void read_unsorted(struct unwind_rows *rows, Elf *elf)
{
	GElf_Shdr header;
	Elf_Scn *const section = elf_section_find(elf, ".eh_frame", &header);
	const struct frames frames = {
		.data = section ? elf_rawdata(section, NULL) : NULL,
		.ident = (const unsigned char *)elf_getident(elf, NULL),
		.address = section ? header.sh_addr : 0,
	};

	if (frames.data && frames.data->d_buf)
		sort_frames(rows, &frames);
}

/* ---- the file ---- */

static void read_elf(struct unwind_table *table, Elf *elf)
{
	GElf_Ehdr file_header;
	size_t count = 0;

	if (!gelf_getehdr(elf, &file_header) || elf_getphdrnum(elf, &count))
		return;
	table->entry = file_header.e_entry;
	table->segments = calloc(count + 1, sizeof(*table->segments));
	abort_without(table->segments);
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;
		if (!gelf_getphdr(elf, (int)i, &header))
			continue;
		if (header.p_type == PT_GNU_EH_FRAME && !table->loaded.count)
			read_sorted(&table->loaded, elf, &header);
		if (header.p_type == PT_LOAD)
			table->segments[table->segments_count++] = (struct unwind_segment){
				header.p_offset, header.p_filesz, header.p_vaddr};
	}
	if (!table->loaded.count)
		read_unsorted(&table->loaded, elf);
	debug_frame_read(table, elf);
}

void unwind_table_read(struct unwind_table *table, int fd)
{
	*table = (struct unwind_table){0};
	elf_version(EV_CURRENT);
	Elf *const elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return;
	if (elf_kind(elf) == ELF_K_ELF)
		read_elf(table, elf);
	elf_end(elf);
}

void unwind_table_clear(struct unwind_table *table)
{
	free(table->loaded.list);
	free(table->debug.list);
	free(table->descriptions);
	free(table->segments);
	*table = (struct unwind_table){0};
}

bool unwind_table_address(const struct unwind_table *table, uint64_t offset, uint64_t *address)
{
	for (size_t i = 0; i < table->segments_count; i++) {
		const struct unwind_segment *const segment = &table->segments[i];
		if (offset < segment->offset || offset - segment->offset >= segment->size)
			continue;
		*address = offset - segment->offset + segment->address;
		return true;
	}
	return false;
}
