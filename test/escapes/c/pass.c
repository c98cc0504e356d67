// Puts a sixth argument into a call that has five. The filter of a sandbox that
// was parked lets some calls of its launch pass by 64 random bits in that
// register. The program tries numbers that it may have guessed, what it finds in
// its own memory and in procfs, and many others: no call does what it does not do
// without. A Go test runs it in parked sandboxes, and with a pass that is known.
//
// run: policy=observe args="0 1 ffffffffffffffff" verdict=ok contains="got 0\n"
// run: policy=compile,interpreter args="0 1 ffffffffffffffff" verdict=ok contains="got 0\n"
#include "attack.h"
#include <link.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

static int got;

// guess asks to be hidden from the supervisor, which no policy allows.
static void guess(uint64_t pass) {
	if (syscall(SYS_prctl, (long)PR_SET_DUMPABLE, 0L, 0L, 0L, 0L, pass) == 0) {
		got++;
		printf("the pass is %#lx\n", pass);
	}
}

// guessAll tries each word of some memory.
static void guessAll(const void *p, size_t size) {
	for (size_t i = 0; i + sizeof(uint64_t) <= size; i++) {
		uint64_t word;
		memcpy(&word, (const char *)p + i, sizeof word);
		guess(word);
	}
}

// guessFile tries each number of a file, by whatever base.
static void guessFile(const char *name) {
	static char text[65536];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	text[n < 0 ? 0 : n] = 0;
	close(fd);
	for (char *word = strtok(text, " \t\n:-"); word; word = strtok(NULL, " \t\n:-")) {
		guess(strtoull(word, NULL, 0));
		guess(strtoull(word, NULL, 16));
	}
}

int main(int argc, char **argv, char **envp) {
	char *end = (char *)argv;
	for (int i = 1; i < argc; i++)
		guess(strtoull(argv[i], NULL, 16));
	while (*envp)
		envp++;
	for (ElfW(auxv_t) *a = (void *)(envp + 1); a->a_type != AT_NULL; a++)
		end = (char *)(a + 2);
	guessAll(argv, end - (char *)argv);
	guessAll((void *)getauxval(AT_RANDOM), 16);
	guessFile("/proc/self/stat");
	guessFile("/proc/self/syscall");
	guessFile("/proc/self/maps");
	uint64_t x = now(CLOCK_REALTIME) * 1e6;
	for (int i = 0; i < 20000; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		guess(x);
	}
	printf("got %d\n", got);
	return got ? ESCAPED : 0;
}
