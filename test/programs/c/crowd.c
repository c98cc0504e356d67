// Starts processes that all open and close a file, at once: so many of them, each so often.
//
// build: static
// run: policy=compile args="3 100 /etc/ld.so.cache" verdict=ok stdout="3 processes\n"
#include "victim.h"

#include <sys/wait.h>

int main(int argc, char **argv) {
	int processes = atoi(argv[1]), times = atoi(argv[2]), gate[2];
	char none;
	if (pipe(gate) != 0)
		die("pipe");
	for (int i = 0; i < processes; i++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (pid > 0)
			continue;
		close(gate[1]);
		if (read(gate[0], &none, 1) != 0) // ends when the gate opens for all
			_exit(1);
		for (int j = 0; j < times; j++) {
			int fd = open(argv[3], O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				die("open");
			close(fd);
		}
		_exit(0);
	}
	close(gate[1]);
	for (int i = 0, status; i < processes; i++)
		if (wait(&status) < 0 || status != 0)
			die("wait");
	printf("%d processes\n", processes);
	return 0;
}
