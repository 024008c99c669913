/*
 * Where in the program a call was made. Each distinct stack is kept once and then known by its
 * number: 100,000 sockets from 10 places keep 10 stacks.
 */
#ifndef SOCKTEST_SWITCH_STACK_H
#define SOCKTEST_SWITCH_STACK_H

#include <stddef.h>
#include <stdint.h>

/* Why a stack has no more frames than it has. */
enum stack_end {
	STACK_WHOLE,   /* the outermost function was reached */
	STACK_DEEP,    /* it has more than STACK_FRAMES_MAX */
	STACK_BROKEN,  /* the next frame cannot be found */
	STACK_GUESSED, /* found by frame pointers in part */
	STACK_FOREIGN  /* of an ABI whose stacks are not read */
};

enum { STACK_FRAMES_MAX = 128 };

/* "", or what a report says below the frames. */
const char *stack_end_text(enum stack_end end);

struct stack_frame {
	uint64_t module; /* its number, which the tracer gives */
	uint64_t offset; /* in the module's file, within the instruction that made the call */
};

/* The frames are the table's, the innermost first. */
struct stack {
	const struct stack_frame *frames;
	size_t count;
	enum stack_end end;
};

struct stack_table;

/* NULL: no memory. */
struct stack_table *stack_table_new(void);
void stack_table_free(struct stack_table *table);

/* The number of a stack, from 1; 0: no memory. */
uint32_t stack_table_intern(struct stack_table *table, const struct stack *stack);

/* Any number that stack_table_intern gave. */
struct stack stack_table_get(const struct stack_table *table, uint32_t id);

/* How many there are: the greatest number. */
uint32_t stack_table_count(const struct stack_table *table);

/* A frame as people read it. Strings are lent and never NULL. */
struct stack_line {
	const char *function; /* demangled; "": it has no name */
	const char *module;   /* path; "[vdso]" and the like for what is no file */
	uint64_t offset;      /* in the module, as addr2line(1) takes it */
	const char *file;     /* of the source; "": not known */
	int line;             /* 0: not known */
};

struct stack_text {
	const struct stack_line *lines;
	size_t count;
	enum stack_end end;
};

#endif
