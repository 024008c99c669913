#include "trace/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "trace/memory.h"

struct module {
	char *key; /* device, inode and path: a file that took another's place is another one */
	const char *path; /* in it */
	uint64_t number;
	bool opened;
	int fd;                     /* -1: none, or closed again */
	struct stat file;           /* that was opened */
	struct module *prev, *next; /* of those that may be closed again */
	struct unwind_table table;
	UT_hash_handle hh;
};

struct modules {
	struct module *by_key;
	struct module **list;
	size_t count;
	struct module *files; /* that are open, the one that was used last first */
	size_t files_count, files_max;
};

size_t modules_files_max(void)
{
	enum { FEWEST = 8, MOST = 128, SHARE = 4 };
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / SHARE > MOST)
		return MOST;
	return limit.rlim_cur / SHARE < FEWEST ? FEWEST : limit.rlim_cur / SHARE;
}

struct modules *modules_new(void)
{
	struct modules *const modules = calloc(1, sizeof(*modules));

	if (modules)
		modules->files_max = modules_files_max();
	return modules;
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

static void use_file(struct modules *modules, struct module *module)
{
	DL_PREPEND(modules->files, module);
	modules->files_count++;
}

static void leave_file(struct modules *modules, struct module *module)
{
	DL_DELETE(modules->files, module);
	modules->files_count--;
}

/* Keeps an open file, in place of the one that was not used for longest. */
static void keep_file(struct modules *modules, struct module *module)
{
	while (modules->files_count >= modules->files_max) {
		/* There is one, as they are counted. */
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		struct module *const oldest = modules->files->prev;
		leave_file(modules, oldest);
		close(oldest->fd);
		oldest->fd = -1;
	}
	use_file(modules, module);
}

static bool is_same_file(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
	       one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

/* Its process may be gone: by our own root folder. */
static void open_again(struct modules *modules, struct module *module)
{
	const int fd = open(module->path, O_RDONLY | O_CLOEXEC);
	struct stat file;

	if (fd < 0)
		return;
	if (fstat(fd, &file) || !is_same_file(&file, &module->file)) {
		close(fd);
		return;
	}
	module->fd = fd;
	keep_file(modules, module);
}

int modules_fd(struct modules *modules, uint64_t module)
{
	struct module *const known = modules->list[module];

	if (known->path[0] != '/')
		return known->fd;
	if (known->fd >= 0) {
		leave_file(modules, known);
		use_file(modules, known);
	} else if (known->file.st_ino) {
		open_again(modules, known);
	}
	return known->fd;
}

const struct unwind_table *modules_unwind_table(struct modules *modules, uint64_t module)
{
	return &modules->list[module]->table;
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

static int open_file(const struct module *module, pid_t tid, const struct mapping *mapping)
{
	char path[4096 + 64];

	/* The very file, even where it was removed; but that takes CAP_CHECKPOINT_RESTORE. */
	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, tid, mapping->start,
		mapping->end);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	/* The task may have another root folder. */
	snprintf(path, sizeof(path), "/proc/%d/root%s", tid, module->path);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* The vDSO, an ELF file that is nowhere but in memory (vdso(7)). */
static int copy_image(pid_t tid, const struct mapping *mapping)
{
	enum { MOST = 1 << 20 };
	const size_t size = (size_t)(mapping->end - mapping->start);
	char *const image = size <= MOST ? malloc(size) : NULL;
	int fd = image ? memfd_create("socktest vdso", MFD_CLOEXEC) : -1;

	if (fd >= 0 && (memory_read(tid, mapping->start, image, size) ||
			       write(fd, image, size) != (ssize_t)size)) {
		close(fd);
		fd = -1;
	}
	free(image);
	return fd;
}

void modules_open(struct modules *modules, pid_t tid, const struct mapping *mapping)
{
	struct module *const module = modules->list[mapping->module];
	const bool is_file = module->path[0] == '/';

	if (module->opened)
		return;
	module->opened = true;
	if (is_file)
		module->fd = open_file(module, tid, mapping);
	else if (strcmp(module->path, "[vdso]") == 0)
		module->fd = copy_image(tid, mapping);
	if (module->fd < 0)
		return;
	unwind_table_read(&module->table, module->fd);
	if (fstat(module->fd, &module->file))
		module->file.st_ino = 0;
	if (is_file)
		keep_file(modules, module);
}
