/* Finding a section of an object file by its name. */
#ifndef SOCKTEST_TRACE_ELF_SECTION_H
#define SOCKTEST_TRACE_ELF_SECTION_H

#include <gelf.h>

/* The section, and its header in *header; or NULL. */
Elf_Scn *elf_section_find(Elf *elf, const char *name, GElf_Shdr *header);

#endif
