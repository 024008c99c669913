#include "trace/elf_section.h"

#include <string.h>

Elf_Scn *elf_section_find(Elf *elf, const char *name, GElf_Shdr *header)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((section = elf_nextscn(elf, section)) != NULL) {
		const char *const found = gelf_getshdr(section, header)
						  ? elf_strptr(elf, names, header->sh_name)
						  : NULL;
		if (found && strcmp(found, name) == 0)
			return section;
	}
	return NULL;
}
