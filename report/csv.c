/*
 * The stats rows as RFC 4180 has it: a header line, lines end in CRLF. No field needs quotes: each
 * is a number or a name of letters, digits, '_' and '-'.
 */
#include <inttypes.h>

#include "report/format.h"
#include "report/text.h"

static void print_header(FILE *out)
{
	fputs("cookie,family,type,protocol", out);
	for (unsigned i = 0; i < COUNTER_MAX; i++)
		fprintf(out, ",%s", counter_name(i));
	for (unsigned i = 0; i < CALL_FILTERABLE; i++)
		fprintf(out, ",injected_%s", call_kind_name(i));
	fputs("\r\n", out);
}

static void print_stat(FILE *out, const struct sockstat *stat)
{
	char family[COOKIE_NAME_BYTES], type[COOKIE_NAME_BYTES], protocol[COOKIE_NAME_BYTES];

	fprintf(out, "0x%016" PRIx64 ",%s,%s,%s", stat->cookie,
		cookie_family_name(stat->cookie, family), cookie_type_name(stat->cookie, type),
		cookie_protocol_name(stat->cookie, protocol));
	for (unsigned i = 0; i < COUNTER_MAX; i++)
		fprintf(out, ",%" PRIu64, stat->count[i]);
	for (unsigned i = 0; i < CALL_FILTERABLE; i++)
		fprintf(out, ",%" PRIu64, stat->injected[i]);
	fputs("\r\n", out);
}

static int write_csv(const struct report *report, const struct report_style *style, FILE *stream)
{
	struct draft draft;
	int status = draft_open(&draft);

	(void)style;
	if (status < 0)
		return status;
	print_header(draft.stream);
	for (size_t i = 0; i < report->snapshot->stats_count; i++)
		print_stat(draft.stream, &report->snapshot->stats[i]);
	return draft_end(&draft, 0, stream);
}

const struct report_format report_format_csv = {
	.name = "csv",
	.help = "the counters, a line for each kind of socket (RFC 4180)",
	.warns = false,
	.write = write_csv,
};
