/* SPDX-License-Identifier: MIT */
/* parity: lists the stories; parity NAME: tells one. Every story has 20 seconds. */
#include "tests/parity/parity.h"

static const struct story *const books[] = {
    bind_stories,	   connect_stories, accept_stories,  data_stories,     poll_stories,
    option_stories,	   name_stories,    process_stories, state_in_stories, state_out_stories,
    state_control_stories, signal_stories,  fcntl_stories,   flag_stories,     vector_stories,
    time_stories,	   thread_stories,  fd_stories,	     fastopen_stories, epoll_stories,
    sweep_stories,	   stdio_stories,
};

int story_port = 5000;

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strncmp(argv[1], "--", 2) == 0)
		return story_helper(argv[1]);
	for (size_t b = 0; b < sizeof(books) / sizeof(books[0]); b++) {
		for (const struct story *s = books[b]; s->name; s++, story_port += 10) {
			if (argc < 2) {
				printf("%s\n", s->name);
			} else if (strcmp(argv[1], s->name) == 0) {
				alarm(20);
				peer_start();
				s->tell();
				return 0;
			}
		}
	}
	if (argc < 2)
		return 0;
	fprintf(stderr, "parity: no story named %s\n", argv[1]);
	return 2;
}
