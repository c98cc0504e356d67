// Counts the descriptors that it has inherited: three and no more.
//
// run: verdict=ok stdout="3\n"
#include "victim.h"

int main(void) {
	int n = 0;
	for (int fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	printf("%d\n", n);
	return 0;
}
