/* The list of formats. */
#include "report/format.h"

#include <string.h>

const struct report_format *const report_formats[] = {
	&report_format_table,
	&report_format_json,
	&report_format_csv,
	&report_format_go,
	&report_format_tap,
	&report_format_junit,
	NULL,
};

const struct report_format *report_format_find(const char *name)
{
	for (size_t i = 0; report_formats[i]; i++) {
		if (strcmp(report_formats[i]->name, name) == 0)
			return report_formats[i];
	}
	return NULL;
}
