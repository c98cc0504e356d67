// Opens and closes a file as often as its second argument says.
//
// build: dynamic static
// run: policy=judge args="/etc/ld.so.cache 1000" verdict=ok stdout="opened 1000 times\n"
// run: policy=observe args="/etc/ld.so.cache 1000" verdict=ok stdout="opened 1000 times\n"
#include "victim.h"

int main(int argc, char **argv) {
	int n = atoi(argv[2]);
	for (int i = 0; i < n; i++) {
		int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			die("open");
		close(fd);
	}
	printf("opened %d times\n", n);
	return 0;
}
