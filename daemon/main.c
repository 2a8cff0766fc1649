/* SPDX-License-Identifier: MIT */
/* xtcpd: a TCP/IP stack for programs that run with libxtcp.so preloaded. */
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/options.h"

int main(int argc, char **argv)
{
	static struct daemon d;

	switch (options_parse(argc, argv, &d.config)) {
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		return EXIT_FAILURE;
	case OPTIONS_RUN:
		break;
	}
	bool started = daemon_start(&d) == 0;
	if (started)
		daemon_run(&d);
	daemon_stop(&d);
	return started && !d.failed ? EXIT_SUCCESS : EXIT_FAILURE;
}
