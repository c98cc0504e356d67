// The main program ends; its child keeps standard output open and writes on.
// The run ends with the main program.
//
// run: policy=compile verdict=ok contains="main\n"
#include "victim.h"

int main(void) {
	if (fork() == 0)
		for (;;) {
			if (write(1, "child\n", 6) < 0)
				_exit(1);
			usleep(10000);
		}
	usleep(30000);
	return write(1, "main\n", 5) != 5;
}
