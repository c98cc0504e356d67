package supervise

import (
	"strings"
	"sync"
)

// interruptible are the calls that may wait, and that a signal may therefore end
// with EINTR (signal(7)). All others return what they return whatever signals
// arrive.
var interruptible = sync.OnceValue(func() map[string]bool {
	set := make(map[string]bool)
	for _, name := range strings.Fields(`
		read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 fcntl flock
		openat2 accept accept4 connect send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg poll ppoll select pselect6 _newselect
		epoll_wait epoll_pwait epoll_pwait2 futex futex_wait futex_waitv futex_requeue nanosleep clock_nanosleep wait4 waitid waitpid
		pause sigsuspend rt_sigsuspend rt_sigtimedwait msgrcv msgsnd semop semtimedop mq_timedreceive mq_timedsend io_getevents io_pgetevents
		io_uring_enter splice tee vmsplice sendfile copy_file_range getrandom restart_syscall exit exit_group
		rt_sigreturn execve execveat keyctl request_key userfaultfd`) {
		set[name] = true
	}
	return set
})

// Uninterruptible returns those of the calls that no signal ends: where one that
// waits for its decision was interrupted, it is to be made anew.
func Uninterruptible(calls map[string]bool) map[string]bool {
	set, signals := make(map[string]bool, len(calls)), interruptible()
	for name := range calls {
		if !signals[name] {
			set[name] = true
		}
	}
	return set
}
