package trace

// Offsets into struct stat.
const (
	statMode = 24
	statRdev = 40
)

// epollEventSize is that of struct epoll_event, which is packed here.
const epollEventSize = 12

// Which arguments of clone are the TLS and the child's TID.
const (
	cloneTLS   = 4
	cloneChild = 3
)
