// Writes a script, closes it and executes it, a hundred times. Nobody else has it
// open for writing then, so that each time it can be executed.
//
// run: policy=observe parity=1 verdict=ok stdout="100 of 100 executed\n"
#include "victim.h"
#include <spawn.h>

static const char text[] = "#!/bin/true\n";

int main(void) {
	char dir[] = "/tmp/rewrite-XXXXXX";
	if (!mkdtemp(dir) || chdir(dir))
		die("mkdtemp");
	int n = 0;
	for (int i = 0; i < 100; i++) {
		int fd = open("script", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
		if (fd < 0 || write(fd, text, sizeof text - 1) != sizeof text - 1)
			die("script");
		close(fd);
		pid_t pid;
		int status, err = posix_spawn(&pid, "script", NULL, NULL, (char *[]){"script", NULL}, NULL);
		if (err)
			printf("%s\n", strerror(err));
		else if (waitpid(pid, &status, 0) == pid && status == 0)
			n++;
	}
	unlink("script");
	rmdir(dir);
	printf("%d of 100 executed\n", n);
	return 0;
}
