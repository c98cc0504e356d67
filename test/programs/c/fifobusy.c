// Opens its own file while one thread waits for the other end of a FIFO and others open the
// file that is its argument, without end.
//
// build: static
// run: policy=observe args="/etc/passwd" parity=1 verdict=ok stdout="opened\n"
#include "victim.h"
#include <pthread.h>
#include <sys/stat.h>

static char name[64];
static int waiting, tried;

static void *waiter(void *arg) {
	__atomic_store_n(&waiting, 1, __ATOMIC_SEQ_CST);
	if (open(name, O_RDONLY) < 0)
		die("open");
	return NULL;
}

static void *busy(void *arg) {
	for (;;) {
		close(open(arg, O_RDONLY)); // or that fails, and the other, too
		__atomic_fetch_add(&tried, 1, __ATOMIC_SEQ_CST);
	}
}

int main(int argc, char **argv) {
	pthread_t id;
	snprintf(name, sizeof name, "/tmp/belljar-fifobusy-%d", getpid());
	if (mkfifo(name, 0600) != 0)
		die("mkfifo");
	if (pthread_create(&id, NULL, waiter, NULL) != 0)
		die("pthread_create");
	for (int i = 0; i < 6; i++)
		if (pthread_create(&id, NULL, busy, argv[1]) != 0)
			die("pthread_create");
	while (!__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) || __atomic_load_n(&tried, __ATOMIC_SEQ_CST) < 1000)
		usleep(1000); // by then it has its slot
	if (open(argv[0], O_RDONLY) < 0)
		die(argv[0]);
	unlink(name);
	puts("opened");
	return 0;
}
