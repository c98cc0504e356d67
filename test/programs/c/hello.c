// Prints a line. Needs no flags.
//
// build: dynamic static
// run: verdict=ok stdout="hello, world\n" peak_processes=1
// run: policy=compile verdict=ok stdout="hello, world\n"
// run: policy=interpreter verdict=ok stdout="hello, world\n"
// run: policy=observe verdict=ok stdout="hello, world\n"
#include <stdio.h>

int main(void) {
	puts("hello, world");
	return 0;
}
