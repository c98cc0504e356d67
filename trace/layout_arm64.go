package trace

// Offsets into struct stat.
const (
	statMode = 16
	statRdev = 32
)

// epollEventSize is that of struct epoll_event.
const epollEventSize = 16

// Which arguments of clone are the TLS and the child's TID.
const (
	cloneTLS   = 3
	cloneChild = 4
)
