// Changes a file or directory that no policy allows to change. {secret} is a
// file that everybody may read, in a directory where everybody may write.
//
// run: in=supervised args="write {secret}" verdict=violation syscall=openat
// run: in=supervised args="truncate {secret}" verdict=violation syscall=truncate
// run: in=supervised args="unlink {secret}" verdict=violation
// run: in=supervised args="rename {secret}" verdict=violation
// run: in=supervised args="link {secret}" verdict=violation
// run: in=supervised args="mkdir {secret}" verdict=violation
// run: in=supervised args="chmod {secret}" verdict=violation
// run: in=supervised args="mknod {secret}" verdict=violation
// run: in=unshare args="write {secret}" policy=compile verdict=ok contains="refused"
// run: in=unshare args="unlink {secret}" policy=compile verdict=ok contains="refused"
// run: in=unshare args="write /usr/belljar-probe" policy=compile verdict=ok contains="refused"
// run: in=unshare args="write /belljar-probe" policy=compile verdict=ok contains="refused"
#include "victim.h"

int main(int argc, char **argv) {
	const char *how = argv[1];
	char *path = argv[2], beside[4200];
	snprintf(beside, sizeof beside, "%s.new", path);
	long r = -1;
	if (strcmp(how, "write") == 0)
		r = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	else if (strcmp(how, "truncate") == 0)
		r = truncate(path, 0);
	else if (strcmp(how, "unlink") == 0)
		r = unlink(path);
	else if (strcmp(how, "rename") == 0)
		r = rename(path, beside);
	else if (strcmp(how, "link") == 0)
		r = link(path, beside);
	else if (strcmp(how, "mkdir") == 0)
		r = mkdir(beside, 0700);
	else if (strcmp(how, "chmod") == 0)
		r = chmod(path, 0777);
	else if (strcmp(how, "mknod") == 0)
		r = mknod(beside, S_IFIFO | 0600, 0);
	else
		die("unknown");
	report(how, r);
}
