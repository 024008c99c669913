/* The strings of Go's net/internal/socktest: Stat.String() and Status.String(), byte for byte. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "report/format.h"
#include "report/text.h"
#include "switch/libc.h"

/* Longest: "seqpacket|0xffffff00". */
enum { GO_TEXT_BYTES = 32 };

static const char *go_family(int family, char buffer[static GO_TEXT_BYTES])
{
	switch (family) {
	case AF_INET:
		return "inet4";
	case AF_INET6:
		return "inet6";
	case AF_UNIX:
		return "local";
	default:
		snprintf(buffer, GO_TEXT_BYTES, "%d", family);
		return buffer;
	}
}

/* Go takes the low 8 bits for the type, where the kernel takes 4. */
static const char *go_type(int type, char buffer[static GO_TEXT_BYTES])
{
	static const char *const names[] = {
		[SOCK_STREAM] = "stream",
		[SOCK_DGRAM] = "datagram",
		[SOCK_RAW] = "raw",
		[SOCK_SEQPACKET] = "seqpacket",
	};
	unsigned base = (unsigned)type & 0xff;
	unsigned flags = (unsigned)type & ~0xffU;
	char number[GO_TEXT_BYTES];
	const char *name = number;

	snprintf(number, sizeof(number), "%u", base);
	if (base < sizeof(names) / sizeof(names[0]) && names[base])
		name = names[base];
	if (flags)
		snprintf(buffer, GO_TEXT_BYTES, "%.12s|0x%x", name, flags);
	else
		snprintf(buffer, GO_TEXT_BYTES, "%.12s", name);
	return buffer;
}

static const char *go_protocol(int protocol, char buffer[static GO_TEXT_BYTES])
{
	switch (protocol) {
	case 0:
		return "default";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		snprintf(buffer, GO_TEXT_BYTES, "%d", protocol);
		return buffer;
	}
}

static void print_cookie(FILE *out, socket_cookie cookie)
{
	char family[GO_TEXT_BYTES], type[GO_TEXT_BYTES], protocol[GO_TEXT_BYTES];

	fprintf(out, "(%s, %s, %s)", go_family(cookie_family(cookie), family),
		go_type(cookie_type(cookie), type), go_protocol(cookie_protocol(cookie), protocol));
}

/*
 * As a syscall.Errno prints: Go's tables were generated from strerror(3), with the first letter in
 * lower case if the second one is (src/syscall/mkerrors.sh): "connection refused", but "RFS
 * specific error".
 */
static void print_error(FILE *out, int error)
{
	const char *text = error ? strerrordesc_np(error) : "<nil>";

	if (!text)
		fprintf(out, "errno %d", error);
	else if (isupper((unsigned char)text[0]) && islower((unsigned char)text[1]))
		fprintf(out, "%c%s", tolower((unsigned char)text[0]), text + 1);
	else
		fputs(text, out);
}

static void print_stat(FILE *out, const struct sockstat *stat)
{
	static const struct {
		const char *name;
		enum counter counter;
	} columns[] = {
		{"opened", COUNTER_OPENED},
		{"connected", COUNTER_CONNECTED},
		{"listened", COUNTER_LISTENED},
		{"accepted", COUNTER_ACCEPTED},
		{"closed", COUNTER_CLOSED},
		{"openfailed", COUNTER_OPEN_FAILED},
		{"connectfailed", COUNTER_CONNECT_FAILED},
		{"listenfailed", COUNTER_LISTEN_FAILED},
		{"acceptfailed", COUNTER_ACCEPT_FAILED},
		{"closefailed", COUNTER_CLOSE_FAILED},
	};

	print_cookie(out, stat->cookie);
	fputc(':', out);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		fprintf(out, " %s=%" PRIu64, columns[i].name, stat->count[columns[i].counter]);
	fputc('\n', out);
}

static void print_socket(FILE *out, const struct socket_row *row)
{
	fprintf(out, "%d: ", row->fd);
	print_cookie(out, row->cookie);
	fputs(": syscallerr=", out);
	print_error(out, row->err);
	fputs(" socketerr=", out);
	print_error(out, row->socket_err);
	fputc('\n', out);
}

static int write_go(const struct report *report, const struct report_style *style, FILE *stream)
{
	const struct snapshot *snapshot = report->snapshot;
	struct draft draft;
	int status = draft_open(&draft);

	(void)style;
	if (status < 0)
		return status;
	fputs("Socket statistical information:\n", draft.stream);
	for (size_t i = 0; i < snapshot->stats_count; i++)
		print_stat(draft.stream, &snapshot->stats[i]);
	fputs("Inflight sockets:\n", draft.stream);
	for (size_t i = 0; i < snapshot->sockets_count; i++)
		print_socket(draft.stream, &snapshot->sockets[i]);
	report_print_warnings(report, draft.stream);
	return draft_end(&draft, 0, stream);
}

const struct report_format report_format_go = {
	.name = "go",
	.help = "the strings of Go's package socktest",
	.warns = true,
	.write = write_go,
};
