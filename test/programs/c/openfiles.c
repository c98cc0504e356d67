// Opens descriptors until the kernel refuses, and tells how many it could have.
//
// run: files=32 verdict=ok stdout="EMFILE after 29\n"
#include "victim.h"

int main(void) {
	int n = 0;
	while (dup(0) >= 0)
		n++;
	printf("%s after %d\n", strerrorname_np(errno), n);
	return 0;
}
