/* What the fuzzers share: taking values out of arbitrary bytes, and stopping at what is wrong. */
#ifndef SOCKTEST_TESTS_FUZZ_H
#define SOCKTEST_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "switch/address.h"

/* What libFuzzer calls; 0: the input may join the corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition) ((condition) ? (void)0 : fuzz_die(__FILE__, __LINE__, #condition))

static inline _Noreturn void fuzz_die(const char *file, int line, const char *text)
{
	fprintf(stderr, "%s:%d: not true: %s\n", file, line, text);
	abort();
}

/* The input not taken yet; past its end there are zeros. */
struct input {
	const uint8_t *bytes;
	size_t left;
};

static inline void input_take(struct input *input, void *to, size_t length)
{
	const size_t have = length < input->left ? length : input->left;

	memset(to, 0, length);
	if (have > 0)
		memcpy(to, input->bytes, have);
	input->bytes += have;
	input->left -= have;
}

static inline uint8_t input_byte(struct input *input)
{
	uint8_t byte;

	input_take(input, &byte, sizeof(byte));
	return byte;
}

static inline int input_int(struct input *input)
{
	int number;

	input_take(input, &number, sizeof(number));
	return number;
}

static inline uint64_t input_u64(struct input *input)
{
	uint64_t number;

	input_take(input, &number, sizeof(number));
	return number;
}

/* Up to a NUL or the end; owned by the caller, of its exact size, so that no read past it hides. */
static inline char *input_text(struct input *input)
{
	const size_t length =
		input->left > 0 ? strnlen((const char *)input->bytes, input->left) : 0;
	char *text = malloc(length + 1);

	CHECK(text);
	input_take(input, text, length);
	text[length] = '\0';
	if (input->left > 0)
		input_byte(input);
	return text;
}

/* A length byte and the address; NULL for a length that is none. */
static inline struct address *input_address(struct input *input)
{
	unsigned char bytes[UINT8_MAX];
	const uint8_t length = input_byte(input);

	if (length > ADDRESS_BYTES_MAX)
		return NULL;
	input_take(input, bytes, length);
	return address_new(bytes, length);
}

/* Printable ASCII, and newlines only where they are allowed. */
static inline bool is_harmless(const char *text, size_t length, bool newlines)
{
	for (size_t i = 0; i < length; i++)
		if ((text[i] < ' ' || text[i] > '~') && !(newlines && text[i] == '\n'))
			return false;
	return true;
}

#endif
