/* SPDX-License-Identifier: MIT */
/* The notification protocol: see notify.h. One datagram to an AF_UNIX name, "@" for abstract. */
#include "daemon/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/log.h"

void notify_manager(const char *state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len = name ? strlen(name) : 0;

	if (len < 2 || len >= sizeof(sun.sun_path) || (name[0] != '/' && name[0] != '@'))
		return;
	memcpy(sun.sun_path, name, len);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool sent =
	    fd >= 0 && sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sun,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) >= 0;
	/* One that is gone is told nothing: it asked for the start alone. */
	if (!sent && errno != ENOENT && errno != ECONNREFUSED)
		log_warning("cannot notify %s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
}
