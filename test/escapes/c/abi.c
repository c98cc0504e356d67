// Makes calls in other ways than the filter expects: by another ABI, by numbers
// that mean nothing, with garbage where the kernel does not look, and with what
// matters in the half of an argument that a careless filter does not load.
//
// build: amd64
// run: policy=judge,observe args="int80 {secret}" verdict=violation
// run: policy=judge,observe args="x32 {secret}" verdict=violation
// run: policy=judge,observe args="x32-only" verdict=violation
// run: policy=judge,observe args="sysenter" verdict=violation|signaled
// run: policy=compile box=deny args="elf32" verdict=violation
// run: policy=observe box=deny args="elf32" verdict=violation
//
// Numbers that no table has: the program lives if the policy says so, and
// nothing breaks.
//
// run: policy=judge,compile args="unknown" verdict=ok stdout="unknown: all ENOSYS\n"
// run: policy=observe args="unknown" verdict=ok stdout="unknown: all ENOSYS\n"
//
// The kernel takes 32 bits of a number and of an int. AT_FDCWD is AT_FDCWD.
//
// run: in=supervised policy=judge args="number {secret}" verdict=violation syscall=openat path={secret}
// run: in=supervised policy=judge args="dirfd {secret}" verdict=violation syscall=openat path={secret}
// run: policy=judge args="honest /dev/null" verdict=ok stdout="honest: opened\n"
// run: policy=compile args="socket" verdict=ok contains="refused: EACCES"
// run: policy=judge args="socket" verdict=violation syscall=socket
// run: policy=judge args="exec {secret}" verdict=violation syscall=execve
#include "attack.h"
#include <elf.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static long x86(long nr, long a, long b, long c) {
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return r;
}

static long raw(long nr, long a, long b, long c) {
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "memory", "rcx", "r11");
	return r;
}

// int80 opens a file by i386's number 5, with the name where 32 bits reach.
static void int80(char **args) {
	char *low = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	strcpy(low, args[0]);
	if (x86(5, (long)low, O_RDONLY, 0) >= 0)
		escape("int80");
}

static void x32(char **args) {
	if (raw(0x40000000L | SYS_open, (long)args[0], O_RDONLY, 0) >= 0)
		escape("x32");
}

// x32only is a number that x32 has and amd64 does not: execve.
static void x32only(char **args) {
	if (raw(0x40000000L | 520, (long)"/bin/true", 0, 0) >= 0)
		escape("x32");
}

// sysenter is the third way into the kernel on i386. In 64-bit code it is an
// i386 call to some processors and an illegal instruction to others.
static void sysenter(char **args) {
	__asm__ volatile("mov %%rsp, %%rbp\n\tsysenter" : : "a"(20L) : "memory", "rcx", "rdx");
}

// elf32 executes a 32-bit program, made by hand: it exits with 42.
static void elf32(char **args) {
	static const unsigned char code[] = {0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80};
	struct {
		Elf32_Ehdr e;
		Elf32_Phdr p;
		unsigned char code[sizeof code];
	} f = {
		.e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_EXEC, .e_machine = EM_386,
			.e_version = EV_CURRENT, .e_entry = 0x10000 + sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr), .e_phoff = sizeof(Elf32_Ehdr),
			.e_ehsize = sizeof(Elf32_Ehdr), .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 1},
		.p = {.p_type = PT_LOAD, .p_vaddr = 0x10000, .p_paddr = 0x10000, .p_filesz = sizeof f, .p_memsz = sizeof f,
			.p_flags = PF_R | PF_X, .p_align = 4096},
	};
	memcpy(f.code, code, sizeof code);
	int fd = open("elf32", O_WRONLY | O_CREAT, 0700);
	if (fd < 0 || write(fd, &f, sizeof f) != sizeof f || close(fd) != 0)
		die("elf32");
	char *argv[] = {"./elf32", NULL};
	execv("./elf32", argv);
	die("execv");
}

static void unknown(char **args) {
	static const long numbers[] = {-1, 600, 999, 1023, 4000, 0x0fffffff, 0x3fffffff, 0x7fffffffffffffffL};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		long r = raw(numbers[i], 0, 0, 0);
		if (r != -ENOSYS) {
			printf("unknown: %#lx: %ld\n", numbers[i], r);
			return;
		}
	}
	puts("unknown: all ENOSYS");
}

static const long garbage = 0x5a5a5a5a00000000;

static void number(char **args) {
	if (raw(garbage | SYS_openat, AT_FDCWD, (long)args[0], O_RDONLY) >= 0)
		escape("number");
}

static void dirfd_(char **args) {
	if (raw(SYS_openat, garbage | (unsigned)AT_FDCWD, (long)args[0], garbage | O_RDONLY) >= 0)
		escape("dirfd");
}

static void honest(char **args) {
	long fd = raw(garbage | SYS_openat, garbage | (unsigned)AT_FDCWD, (long)args[0], garbage | O_RDWR);
	puts(fd >= 0 ? "honest: opened" : "honest: refused");
}

static void socket_(char **args) {
	long r = raw(SYS_socket, garbage | AF_INET, garbage | SOCK_STREAM, 0);
	errno = -r;
	report("socket", r < 0 ? -1 : r);
}

// exec has the launch's own shape: three pointers that the filter knows none of.
static void exec_(char **args) {
	char *argv[] = {args[0], NULL};
	report("execve", raw(SYS_execve, (long)args[0], (long)argv, 0) < 0 ? -1 : 0);
}

// careless is for a Go test: it runs outside of any sandbox and filters itself,
// with what filters forget or without.

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define HALF(arg, half) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[arg]) + 4 * (half))
#define UNLESS(k, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, skip)
#define RETURN(k) BPF_STMT(BPF_RET | BPF_K, k)

static void install(struct sock_filter *code, unsigned short n) {
	struct sock_fprog program = {n, code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
		die("seccomp");
}

// careless forgets that numbers mean other calls in other ABIs.
static void careless(char **args) {
	struct sock_filter code[] = {LOAD(arch), UNLESS(args[1] ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_I386, 1), RETURN(SECCOMP_RET_ALLOW),
		RETURN(SECCOMP_RET_KILL_PROCESS)};
	struct sock_filter forgetful[] = {LOAD(nr), UNLESS(SYS_open, 1), RETURN(SECCOMP_RET_KILL_PROCESS), UNLESS(SYS_openat, 1),
		RETURN(SECCOMP_RET_KILL_PROCESS), RETURN(SECCOMP_RET_ALLOW)};
	if (args[1])
		install(code, sizeof code / sizeof *code);
	else
		install(forgetful, sizeof forgetful / sizeof *forgetful);
	int80(args);
}

// whole forgets that the kernel takes half of an int's register: it compares
// both, and a domain with garbage above it is no domain that it knows.
static void whole(char **args) {
	struct sock_filter both[] = {LOAD(nr), UNLESS(SYS_socket, 5), HALF(0, 1), UNLESS(0, 3), HALF(0, 0), UNLESS(AF_INET, 1),
		RETURN(SECCOMP_RET_ERRNO | EACCES), RETURN(SECCOMP_RET_ALLOW)};
	struct sock_filter low[] = {LOAD(nr), UNLESS(SYS_socket, 3), HALF(0, 0), UNLESS(AF_INET, 1), RETURN(SECCOMP_RET_ERRNO | EACCES),
		RETURN(SECCOMP_RET_ALLOW)};
	if (args[0])
		install(low, sizeof low / sizeof *low);
	else
		install(both, sizeof both / sizeof *both);
	socket_(args);
}

static const struct attack all[] = {{"int80", int80}, {"x32", x32}, {"x32-only", x32only}, {"sysenter", sysenter}, {"elf32", elf32},
	{"unknown", unknown}, {"number", number}, {"dirfd", dirfd_}, {"honest", honest}, {"socket", socket_}, {"exec", exec_},
	{"careless", careless}, {"whole", whole}};

PLAY(all)
