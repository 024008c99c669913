#include "trace/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

struct module {
	char *key; /* device, inode and path: a file that took another's place is another one */
	const char *path; /* in it */
	uint64_t number;
	bool opened, has_table;
	int fd;
	struct unwind_table table;
	UT_hash_handle hh;
};

struct modules {
	struct module *by_key;
	struct module **list;
	size_t count;
};

struct modules *modules_new(void)
{
	return calloc(1, sizeof(struct modules));
}

void modules_free(struct modules *modules)
{
	if (!modules)
		return;
	HASH_CLEAR(hh, modules->by_key);
	for (size_t i = 0; i < modules->count; i++) {
		if (modules->list[i]->fd >= 0)
			close(modules->list[i]->fd);
		unwind_table_clear(&modules->list[i]->table);
		free(modules->list[i]->key);
		free(modules->list[i]);
	}
	free(modules->list);
	free(modules);
}

const char *modules_path(const struct modules *modules, uint64_t module)
{
	return modules->list[module]->path;
}

int modules_fd(const struct modules *modules, uint64_t module)
{
	return modules->list[module]->fd;
}

const struct unwind_table *modules_unwind_table(struct modules *modules, uint64_t module)
{
	struct module *const known = modules->list[module];

	if (!known->has_table)
		unwind_table_read(&known->table, known->fd);
	known->has_table = true;
	return &known->table;
}

static struct module *add(struct modules *modules, const char *key, size_t path_at)
{
	struct module **const grown =
		reallocarray(modules->list, modules->count + 1, sizeof(*modules->list));
	struct module *const module = calloc(1, sizeof(*module));
	char *const copy = strdup(key);

	if (!grown || !module || !copy)
		abort();
	module->key = copy;
	module->path = copy + path_at;
	module->number = modules->count;
	module->fd = -1;
	modules->list = grown;
	grown[modules->count++] = module;
	HASH_ADD_KEYPTR(hh, modules->by_key, module->key, strlen(module->key), module);
	return module;
}

/* The number of what "DEVICE INODE PATH" says. */
static uint64_t number_of(struct modules *modules, const char *key, size_t path_at)
{
	struct module *module;

	HASH_FIND_STR(modules->by_key, key, module);
	return (module ? module : add(modules, key, path_at))->number;
}

/* "START-END PERMISSIONS OFFSET DEVICE INODE   PATH" (proc_pid_maps(5)). */
static bool parse_line(struct modules *modules, const char *line, struct mapping *mapping)
{
	char permissions[5], device[16], key[4096 + 64];
	uint64_t inode;
	int path = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %15s %" SCNu64 " %n",
		    &mapping->start, &mapping->end, permissions, &mapping->offset, device, &inode,
		    &path) < 6)
		return false;
	mapping->executable = permissions[2] == 'x';
	mapping->writable = permissions[1] == 'w';
	if (!mapping->executable && (mapping->writable || !inode))
		return false;
	const char *const name = line[path] ? line + path : "[anonymous]";
	const int path_at = snprintf(key, sizeof(key), "%s %" PRIu64 " ", device, inode);
	snprintf(key + path_at, sizeof(key) - (size_t)path_at, "%s", name);
	if (inode == 0)
		mapping->offset = 0;
	mapping->module = number_of(modules, key, (size_t)path_at);
	return true;
}

int mappings_read(struct modules *modules, pid_t tid, struct mappings *mappings)
{
	char path[64], *line = NULL;
	size_t room = 0, size = 0;

	*mappings = (struct mappings){0};
	snprintf(path, sizeof(path), "/proc/%d/maps", tid);
	FILE *const maps = fopen(path, "re");
	if (!maps)
		return -errno;
	while (getline(&line, &size, maps) > 0) {
		struct mapping mapping;
		line[strcspn(line, "\n")] = '\0';
		if (!parse_line(modules, line, &mapping))
			continue;
		if (mappings->count == room) {
			room = room ? 2 * room : 16;
			mappings->list =
				reallocarray(mappings->list, room, sizeof(*mappings->list));
			if (!mappings->list)
				abort();
		}
		mappings->list[mappings->count++] = mapping;
	}
	free(line);
	fclose(maps);
	return 0;
}

void mappings_clear(struct mappings *mappings)
{
	free(mappings->list);
	*mappings = (struct mappings){0};
}

static int compare(const void *key, const void *element)
{
	const uint64_t address = *(const uint64_t *)key;
	const struct mapping *const mapping = element;

	return address < mapping->start ? -1 : address >= mapping->end;
}

const struct mapping *mappings_find(const struct mappings *mappings, uint64_t address)
{
	if (!mappings->count)
		return NULL;
	return bsearch(&address, mappings->list, mappings->count, sizeof(*mappings->list), compare);
}

void modules_open(struct modules *modules, pid_t tid, const struct mapping *mapping)
{
	struct module *const module = modules->list[mapping->module];
	char path[4096 + 64];

	if (module->opened)
		return;
	module->opened = true;
	if (module->path[0] != '/')
		return;
	/* The very file, even where it was removed; but that takes CAP_CHECKPOINT_RESTORE. */
	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, tid, mapping->start,
		mapping->end);
	module->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (module->fd >= 0)
		return;
	/* The task may have another root folder. */
	snprintf(path, sizeof(path), "/proc/%d/root%s", tid, module->path);
	module->fd = open(path, O_RDONLY | O_CLOEXEC);
}
