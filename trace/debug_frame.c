/*
 * The linker of Go sorts nothing and loads nothing: its functions are described in .debug_frame
 * alone. libunwind reads descriptions from a task's memory as .eh_frame has them (Linux Standard
 * Base, "Exception Frames"), so they are written that way here: the instructions stay what they
 * are, addresses become relative to where they stand.
 */
#include "trace/debug_frame.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "trace/elf_section.h"

enum {
	ALIGNMENT = 8, /* libunwind reads whole words */
	PAGE = 4096,
	NAMED_MAX = 8,
};

/* Functions that need another description than their own. */
struct named {
	const char *name; /* or with a suffix: ".abi0", "_no_g" */
	uint64_t functions[NAMED_MAX];
	size_t count;
};

struct writer {
	struct unwind_table *table;
	size_t room;
	Elf_Data *data;
	const unsigned char *ident;
	Dwarf_Off common;         /* the entry that the last function shared */
	bool has_common;          /* it could be written */
	size_t common_at;         /* there */
	uint64_t return_register; /* of it */
	struct named switches, ends;
};

/* ---- bytes ---- */

static void put(struct writer *writer, const void *bytes, size_t count)
{
	struct unwind_table *const table = writer->table;

	if (writer->room - table->descriptions_bytes < count) {
		writer->room = 2 * (writer->room + count);
		table->descriptions = realloc(table->descriptions, writer->room);
		if (!table->descriptions)
			abort();
	}
	if (count)
		memcpy(table->descriptions + table->descriptions_bytes, bytes, count);
	table->descriptions_bytes += count;
}

static void put_byte(struct writer *writer, uint8_t byte)
{
	put(writer, &byte, 1);
}

static void put_4(struct writer *writer, uint32_t value)
{
	put(writer, &value, sizeof(value));
}

static void put_8(struct writer *writer, uint64_t value)
{
	put(writer, &value, sizeof(value));
}

static void put_signed(struct writer *writer, int64_t value)
{
	/* Ends where nothing but copies of the sign is left. */
	while (value < -64 || value > 63) {
		const int64_t low = value & 0x7f;

		put_byte(writer, (uint8_t)(0x80 | low));
		value = (value - low) / 0x80; /* divides evenly: a shift that keeps the sign */
	}
	put_byte(writer, (uint8_t)(value & 0x7f));
}

static void put_unsigned(struct writer *writer, uint64_t value)
{
	while (value > 0x7f) {
		put_byte(writer, (uint8_t)(0x80 | (value & 0x7f)));
		value >>= 7;
	}
	put_byte(writer, (uint8_t)value);
}

static size_t begin_entry(struct writer *writer)
{
	const size_t at = writer->table->descriptions_bytes;

	put_4(writer, 0);
	return at;
}

static void end_entry(struct writer *writer, size_t at)
{
	while (writer->table->descriptions_bytes % ALIGNMENT)
		put_byte(writer, DW_CFA_nop);
	const uint32_t length =
		(uint32_t)(writer->table->descriptions_bytes - at - sizeof(uint32_t));
	memcpy(writer->table->descriptions + at, &length, sizeof(length));
}

/* ---- entries ---- */

static bool put_common(struct writer *writer, Dwarf_Off offset)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;

	if (dwarf_next_cfi(writer->ident, writer->data, false, offset, &next, &entry) ||
		entry.CIE_id != DW_CIE_ID_64 || *entry.cie.augmentation)
		return false;
	const Dwarf_CIE *const cie = &entry.cie;
	writer->common_at = begin_entry(writer);
	put_4(writer, 0);
	put_byte(writer, 3); /* the version whose numbers are of any length */
	put(writer, "zR", sizeof("zR"));
	put_unsigned(writer, cie->code_alignment_factor);
	put_signed(writer, cie->data_alignment_factor);
	put_unsigned(writer, cie->return_address_register);
	put_unsigned(writer, 1);
	put_byte(writer, DW_EH_PE_pcrel | DW_EH_PE_sdata8);
	put(writer, cie->initial_instructions,
		(size_t)(cie->initial_instructions_end - cie->initial_instructions));
	end_entry(writer, writer->common_at);
	writer->return_register = cie->return_address_register;
	return true;
}

static bool is_named(const struct named *named, uint64_t function)
{
	for (size_t i = 0; i < named->count; i++) {
		if (named->functions[i] == function)
			return true;
	}
	return false;
}

/* libunwind ends a stack where the address to return to is undefined. */
static void put_end(struct writer *writer)
{
	put_byte(writer, DW_CFA_undefined);
	put_unsigned(writer, writer->return_register);
}

static void put_function(struct writer *writer, const Dwarf_FDE *fde)
{
	struct unwind_rows *const rows = &writer->table->debug;
	uint64_t function, length;

	if ((size_t)(fde->end - fde->start) < sizeof(function) + sizeof(length))
		return;
	memcpy(&function, fde->start, sizeof(function));
	memcpy(&length, fde->start + sizeof(function), sizeof(length));
	if (is_named(&writer->switches, function))
		return;
	if (fde->CIE_pointer != writer->common) {
		writer->common = fde->CIE_pointer;
		writer->has_common = put_common(writer, fde->CIE_pointer);
	}
	if (!writer->has_common)
		return;
	if (!rows->count)
		rows->base = function & ~(uint64_t)(PAGE - 1);
	const size_t at = begin_entry(writer);
	put_4(writer, (uint32_t)(writer->table->descriptions_bytes - writer->common_at));
	put_8(writer,
		function - (UNWIND_NOT_LOADED + rows->base + writer->table->descriptions_bytes));
	put_8(writer, length);
	put_unsigned(writer, 0);
	if (is_named(&writer->ends, function))
		put_end(writer);
	else
		put(writer, fde->start + sizeof(function) + sizeof(length),
			(size_t)(fde->end - fde->start) - sizeof(function) - sizeof(length));
	end_entry(writer, at);
	unwind_rows_add(rows, function, at);
}

static void put_functions(struct writer *writer)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;
	int status;

	for (Dwarf_Off offset = 0; offset < writer->data->d_size; offset = next) {
		status = dwarf_next_cfi(writer->ident, writer->data, false, offset, &next, &entry);
		if (status > 0 || next <= offset || next == (Dwarf_Off)-1)
			break;
		if (status == 0 && entry.CIE_id != DW_CIE_ID_64)
			put_function(writer, &entry.fde);
	}
	unwind_rows_sort(&writer->table->debug);
}

/* ---- the file ---- */

static void find_named(struct named *named, const char *name, uint64_t function)
{
	const size_t length = strlen(named->name);

	/* strchr finds the end, too. */
	if (named->count < NAMED_MAX && strncmp(name, named->name, length) == 0 &&
		strchr("._", name[length]))
		named->functions[named->count++] = function;
}

/* Go's descriptions are wrong in a few places (runtime/asm_*.s). */
static void find_all_named(struct writer *writer, Elf *elf)
{
	GElf_Shdr header;
	GElf_Sym symbol;
	Elf_Scn *const section = elf_section_find(elf, ".symtab", &header);
	Elf_Data *const data = section ? elf_getdata(section, NULL) : NULL;

	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		const char *const name = elf_strptr(elf, header.sh_link, symbol.st_name);
		if (!name)
			continue;
		find_named(&writer->switches, name, symbol.st_value);
		find_named(&writer->ends, name, symbol.st_value);
	}
}

/* Whichever way it is compressed: today's, or that of older linkers. */
static Elf_Data *uncompressed(Elf *elf)
{
	GElf_Shdr header;
	Elf_Scn *section = elf_section_find(elf, ".debug_frame", &header);

	if (section && header.sh_flags & SHF_COMPRESSED && elf_compress(section, 0, 0) < 0)
		return NULL;
	if (!section) {
		section = elf_section_find(elf, ".zdebug_frame", &header);
		if (!section || elf_compress_gnu(section, 0, 0) < 0)
			return NULL;
	}
	return elf_getdata(section, NULL);
}

void debug_frame_read(struct unwind_table *table, Elf *elf)
{
	struct writer writer = {
		.table = table,
		.data = uncompressed(elf),
		.ident = (const unsigned char *)elf_getident(elf, NULL),
		.common = (Dwarf_Off)-1,
		/* Calls C on another stack. The frame pointer is still that of the caller. */
		.switches.name = "runtime.asmcgocall",
		/* Where a goroutine begins nothing called, but words of older stacks are left. */
		.ends.name = "runtime.goexit",
	};

	if (!writer.data || !writer.data->d_buf || writer.ident[EI_CLASS] != ELFCLASS64)
		return;
	find_all_named(&writer, elf);
	put_functions(&writer);
}
