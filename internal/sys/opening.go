package sys

import (
	"sync"
	"time"
)

// opening is held by whoever opens a file for writing, hands it to somebody else
// and closes it. A process that starts meanwhile would have a copy of the
// descriptor until it closes it, and nobody could execute the file (ETXTBSY).
var opening sync.RWMutex

// HoldStarts keeps processes from starting, for a short time, until LetStart.
func HoldStarts() { opening.RLock() }

// LetStart ends what HoldStarts has begun.
func LetStart() { opening.RUnlock() }

// waitForOpening waits for those who hold starts, and holds them until end is
// called. It does not wait for long: a disk or another program can make an
// opening take as long as they like, and must not keep everybody else's runs.
func waitForOpening() (end func()) {
	const tries, pause = 1000, 100 * time.Microsecond // who holds starts may itself wait for a CPU
	for range tries {
		if opening.TryLock() {
			return opening.Unlock
		}
		time.Sleep(pause)
	}
	return func() {}
}
