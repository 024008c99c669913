/* An error is made where its context is known and passed up; only cmd/ prints it. */
#ifndef SOCKTEST_SWITCH_ERROR_H
#define SOCKTEST_SWITCH_ERROR_H

struct error {
	char text[1024]; /* one line, no newline at its end */
};

/*
 * Formats the message, cut to fit. Returns -code, so that a caller can write
 * "return error_set(error, EINVAL, ...)". code is a positive errno; error may be NULL.
 */
int error_set(struct error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
