/* Names of errnos and signals, times as text, and the nearest right word for a wrong one. */
#ifndef SOCKTEST_SWITCH_NAMES_H
#define SOCKTEST_SWITCH_NAMES_H

#include <stddef.h>
#include <stdint.h>

/*
 * "ECONNREFUSED" (glibc's strerrorname_np); "" for 0; a number in decimal, in buffer, for one
 * without a name.
 */
const char *errno_name(int error, char buffer[static 16]);

/* An errno by name or decimal number in 1..4095 (the kernel's MAX_ERRNO). Returns it, or -EINVAL.
 */
int errno_parse(const char *text);

/* Calls take for each name that errno_parse knows. */
void errno_each(void (*take)(void *context, const char *name, int error), void *context);

/* The name nearest to a misspelt one, NULL where none is near. */
const char *errno_nearest(const char *text);

/*
 * The word of words (count of them) with the smallest edit distance to text (in any case), NULL
 * where every one is further away than a third of its length and more than 2, or differs in every
 * letter.
 */
const char *nearest_word(const char *text, const char *const *words, size_t count);

/* Decimal digits and nothing else. Returns 0, -EINVAL or, above max, -ERANGE. */
int number_parse(const char *text, uint64_t max, uint64_t *number);

/* "500us", "20ms", "1.5s", "3ns", "2m"; a bare number is not a time. Returns 0, -EINVAL or -ERANGE.
 */
int duration_parse(const char *text, uint64_t *duration_ns);

/* 950ns, 1.5us, 20ms, 1.5s, 3m12s: at most three digits or two units. Returns buffer. */
const char *duration_text(uint64_t duration_ns, char buffer[static 24]);

#endif
