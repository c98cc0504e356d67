// Has more threads wait for the other end of a FIFO than a supervisor has room
// for what it has decided, opens other files meanwhile, and lets all go.
//
// run: policy=observe parity=1 verdict=ok stdout="300 waited, opened 300\n"
#include "victim.h"
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

enum { threads = 300 };

static char name[64];
static int opened, waiting;

static void *waiter(void *arg) {
	__atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
	int fd = open(name, O_RDONLY);
	if (fd < 0)
		die("open");
	__atomic_fetch_add(&opened, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

int main(void) {
	static pthread_t id[threads];
	pthread_attr_t small;
	snprintf(name, sizeof name, "/tmp/belljar-fifos-%d", getpid());
	if (mkfifo(name, 0600) != 0)
		die("mkfifo");
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&id[i], &small, waiter, NULL) != 0)
			die("pthread_create");
	for (int i = 0; i < 20 || __atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < threads; i++) {
		int fd = open("/proc/self/maps", O_RDONLY);
		if (fd < 0)
			die("open");
		close(fd);
	}
	int waited = __atomic_load_n(&opened, __ATOMIC_SEQ_CST) ? 0 : threads;
	int end = open(name, O_RDWR); // waits for nobody
	if (end < 0)
		die("open");
	for (int i = 0; i < threads; i++)
		pthread_join(id[i], NULL);
	unlink(name);
	printf("%d waited, opened %d\n", waited, opened);
	return 0;
}
