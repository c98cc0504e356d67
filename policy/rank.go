package policy

import "sync"

// ranks remembers which patterns are narrower than which. To compare all with
// all would take too long where there are many rules, and few of them ever match
// the same path.
type ranks struct {
	mu       sync.RWMutex
	narrower map[rank]bool
}

// rank is the question whether one pattern is strictly narrower than another.
type rank struct{ pattern, other int32 }

// maxRanks bounds the memory, which is emptied when it is full.
const maxRanks = 1 << 16

// narrower reports whether pattern p is strictly narrower than pattern q.
func (s *FileSet) narrower(p, q int32) bool {
	if p == q || s.patterns[q].exact {
		return false // nothing is narrower than one path
	}
	ask := rank{p, q}
	s.ranks.mu.RLock()
	is, ok := s.ranks.narrower[ask]
	s.ranks.mu.RUnlock()
	if ok {
		return is
	}
	is = narrower(s.patterns[p].components, s.patterns[q].components)
	s.ranks.mu.Lock()
	defer s.ranks.mu.Unlock()
	if s.ranks.narrower == nil || len(s.ranks.narrower) >= maxRanks {
		s.ranks.narrower = make(map[rank]bool)
	}
	s.ranks.narrower[ask] = is
	return is
}
