package trace

import (
	"iter"
	"slices"
)

// Buffer is a sink that keeps events in memory, up to a bound. What comes when
// it is full is counted and not kept.
type Buffer struct {
	// Max bounds the memory that events take, in bytes; 0 is 128 MiB.
	Max int64

	events  []*Event
	size    int64
	dropped int64
}

const defaultBuffer = 128 << 20

// Write keeps an event.
func (b *Buffer) Write(e *Event) error {
	limit := b.Max
	if limit == 0 {
		limit = defaultBuffer
	}
	n := footprint(e)
	if b.dropped > 0 || b.size+n > limit {
		b.dropped++ // what is kept has no holes
		return nil
	}
	b.size += n
	own := *e
	own.Args, own.Raw, own.Uses = slices.Clone(e.Args), slices.Clone(e.Raw), slices.Clone(e.Uses)
	b.events = append(b.events, &own)
	return nil
}

// Dropped is how many events were not kept.
func (b *Buffer) Dropped() int64 { return b.dropped }

// All yields the events that were kept.
func (b *Buffer) All() iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		for _, e := range b.events {
			if !yield(e) {
				return
			}
		}
	}
}

// footprint is about how much memory an event takes, with the slice that holds
// it and what the allocator rounds up.
func footprint(e *Event) int64 {
	n := 480 + len(e.Syscall) + len(e.Errno) + len(e.Result) + len(e.Rule) + len(e.Signal) + len(e.Program) + len(e.Text) + 8*len(e.Raw)
	for _, a := range e.Args {
		n += 32 + len(a)
	}
	for _, u := range e.Uses {
		n += 48 + len(u.Path) + len(u.Access)
	}
	return int64(n)
}

// Tee is a sink that gives events to several.
type Tee []Sink

// Write gives an event to each sink, as far as the first error.
func (t Tee) Write(e *Event) error {
	for _, s := range t {
		if err := s.Write(e); err != nil {
			return err
		}
	}
	return nil
}
