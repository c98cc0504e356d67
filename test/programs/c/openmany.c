// Opens and reads its own file in 200 threads at once.
//
// build: dynamic static
// run: policy=compile parity=1 verdict=ok stdout="read 2000 times\n"
#include "victim.h"
#include <pthread.h>

static const char *self;
static int done;

static void *work(void *arg) {
	for (int i = 0; i < 10; i++) {
		char magic[4] = "";
		int fd = open(self, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			die("open");
		if (read(fd, magic, 4) == 4 && memcmp(magic, "\177ELF", 4) == 0)
			__sync_fetch_and_add(&done, 1);
		close(fd);
	}
	return NULL;
}

int main(int argc, char **argv) {
	pthread_t t[200];
	pthread_attr_t small;
	self = argv[0];
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 << 10);
	for (int i = 0; i < 200; i++)
		if (pthread_create(&t[i], &small, work, NULL))
			die("pthread_create");
	for (int i = 0; i < 200; i++)
		pthread_join(t[i], NULL);
	printf("read %d times\n", done);
	return 0;
}
