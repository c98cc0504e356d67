/* Makes a filter of rules with libseccomp, with its binary tree on, and writes
   it to standard output. Standard input has a line for the default answer,
   then one for each rule: answer, number, and for each comparison argument,
   operator, value, second value. All are numbers. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(const char *what, int rc) {
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-rc));
		exit(1);
	}
}

int main(void) {
	static char line[4096];
	if (!fgets(line, sizeof line, stdin)) return 2;
	scmp_filter_ctx ctx = seccomp_init(strtoul(line, 0, 0));
	if (!ctx) return 3;
	check("optimize", seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	check("bad arch", seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
	while (fgets(line, sizeof line, stdin)) {
		struct scmp_arg_cmp args[6];
		unsigned n = 0;
		char *at = line;
		unsigned long answer = strtoul(at, &at, 0);
		int nr = strtol(at, &at, 0);
		while (strspn(at, " \n") < strlen(at) && n < 6) {
			args[n].arg = strtoul(at, &at, 0);
			args[n].op = strtoul(at, &at, 0);
			args[n].datum_a = strtoull(at, &at, 0);
			args[n++].datum_b = strtoull(at, &at, 0);
		}
		check(line, seccomp_rule_add_array(ctx, answer, nr, n, args));
	}
	check("export", seccomp_export_bpf(ctx, STDOUT_FILENO));
	return 0;
}
