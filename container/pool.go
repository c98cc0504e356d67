package container

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/belljar/belljar/unshare"
)

// Options says what the containers of a pool are like.
type Options struct {
	Spec unshare.Spec // of every container
	Idle int          // how many wait for their next run; more are ended
	// Begin, if not nil, prepares a container for its next run. It is called on
	// the thread that is the containers' parent, while nobody waits for it. A
	// container of which it fails is ended.
	Begin func(*unshare.Parked) error
	// Again, if not nil, does the same on any thread where that is less work, and
	// reports whether it could.
	Again func(*unshare.Parked) bool
	// Observe, if not nil, is told what becomes of containers. It must be
	// quick, and may be called from several goroutines at once.
	Observe func(Event)
}

// Event is something that happened to a container.
type Event uint8

const (
	Made    Event = iota // there was none, so one was made
	Reused               // one was there
	Parked               // a run is over, and the container waits for another
	Ended                // it waits no longer: there are enough, or the pool is closed
	Refused              // it could not be reused: something was left in it, or it is out of date
)

// Pool hands out containers, each to one run at a time. Its methods may be
// called from several goroutines at once.
type Pool struct {
	options Options
	work    chan func() // for the keeper
	gone    chan struct{}

	out sync.WaitGroup // containers in use

	mu      sync.Mutex
	idle    []*unshare.Parked
	closed  bool
	all     int       // containers that there are, or will be soon
	using   int       // of these, by runs
	coming  int       // of these, that will be idle soon
	waiting int       // runs, for one of those
	came    sync.Cond // one of them is, or will not be
}

// ErrClosed is what a closed pool answers.
var ErrClosed = errors.New("container pool: closed")

// New returns a pool without containers; the first run makes the first. A
// keeper, one thread of this process, is the parent of all of them: they die
// with it, and so with this process. Close must be called.
func New(o Options) *Pool {
	p := &Pool{options: o, work: make(chan func()), gone: make(chan struct{})}
	p.came.L = &p.mu
	go p.keep()
	return p
}

func (p *Pool) keep() {
	defer close(p.gone)
	runtime.LockOSThread() // never unlocked: the thread ends with its children
	for f := range p.work {
		f()
	}
}

// keeper runs f on the thread that is the containers' parent.
func (p *Pool) keeper(f func()) {
	done := make(chan struct{})
	p.work <- func() { defer close(done); f() }
	<-done
}

// Spec is what the pool's containers are.
func (p *Pool) Spec() unshare.Spec { return p.options.Spec }

// Get returns a container that nobody else has, parked before or made now; of
// several one that suits, if suits is not nil and there is one. The caller gives it
// back with Put, or with Discard.
func (p *Pool) Get(suits func(*unshare.Parked) bool) (c *unshare.Parked, err error) {
	for {
		if c, err = p.take(suits); err != nil {
			return nil, err
		}
		if c == nil {
			return p.make()
		}
		if c.Fresh() && c.Empty() {
			p.tell(Reused)
			return c, nil
		}
		p.Discard(c)
	}
}

// take returns an idle container, of those that suit the one that was used last, or
// nil. It waits for one that is being prepared, which comes sooner than a new one
// would.
func (p *Pool) take(suits func(*unshare.Parked) bool) (*unshare.Parked, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && len(p.idle) == 0 && p.coming > p.waiting {
		p.spare()
		p.waiting++
		p.came.Wait()
		p.waiting--
	}
	if p.closed {
		return nil, ErrClosed
	}
	p.out.Add(1)
	p.using++
	n := len(p.idle)
	if n == 0 {
		p.all++
		return nil, nil
	}
	i := n - 1
	for suits != nil && i >= 0 && !suits(p.idle[i]) {
		i--
	}
	if i < 0 {
		i = n - 1
	}
	c := p.idle[i]
	p.idle = slices.Delete(p.idle, i, i+1)
	return c, nil
}

// spare makes one container more than runs want at this moment. Then a run need
// not wait for what prepares the container of the one before it: that goes on
// beside the run, on another CPU. The caller holds the lock.
func (p *Pool) spare() {
	if p.all > p.using+p.waiting+1 || p.all >= p.options.Idle {
		return
	}
	p.all++
	p.coming++
	p.out.Add(1)
	go func() {
		if c, err := p.park(); err == nil {
			p.restore(c)
			return
		}
		defer p.out.Done()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.coming--
		p.all--
		p.came.Broadcast()
	}()
}

// make makes the container of a run.
func (p *Pool) make() (*unshare.Parked, error) {
	c, err := p.park()
	if err != nil {
		p.unused()
		p.lost()
		p.out.Done()
	}
	return c, err
}

func (p *Pool) park() (c *unshare.Parked, err error) {
	p.keeper(func() { c, err = p.options.Spec.Park() })
	if err != nil {
		return nil, fmt.Errorf("container pool: %w", err)
	}
	p.tell(Made)
	return c, nil
}

// unused counts a run that has its container no longer.
func (p *Pool) unused() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.using--
}

// lost counts a container that is no more.
func (p *Pool) lost() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
}

// Put gives a container back after a run whose processes have all ended. One
// that is not empty is not used again. With Options.Begin it does not wait for
// what it does; Close does.
func (p *Pool) Put(c *unshare.Parked) {
	if p.options.Begin == nil {
		p.unused()
		p.restore(c)
		return
	}
	p.mu.Lock()
	p.using--
	p.coming++
	p.mu.Unlock()
	go p.restore(c)
}

// restore parks a container again, if there is room and nothing is left in it.
func (p *Pool) restore(c *unshare.Parked) {
	defer p.out.Done()
	why := Parked
	if !c.Empty() {
		why = Refused
	} else if p.options.Begin != nil && c.Standby() == nil && (p.options.Again == nil || !p.options.Again(c)) {
		p.keeper(func() {
			if p.options.Begin(c) != nil {
				why = Refused
			}
		})
	}
	if p.wait(c, why == Parked) {
		p.tell(Parked)
		return
	}
	if why == Parked {
		why = Ended
	}
	p.end(c, why)
}

// wait makes a container idle, if it is fit and there is room.
func (p *Pool) wait(c *unshare.Parked, fit bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.options.Begin != nil {
		p.coming--
		defer p.came.Broadcast()
	}
	fit = fit && !p.closed && len(p.idle) < p.options.Idle
	if fit {
		p.idle = append(p.idle, c)
	}
	return fit
}

// Discard ends a container of which it is not certain that nothing was left in
// it.
func (p *Pool) Discard(c *unshare.Parked) {
	p.unused()
	p.end(c, Refused)
	p.out.Done()
}

func (p *Pool) end(c *unshare.Parked, why Event) {
	// An error means that it is gone already, which is as good.
	p.keeper(func() { _ = c.End() })
	p.lost()
	p.tell(why)
}

func (p *Pool) tell(e Event) {
	if p.options.Observe != nil {
		p.options.Observe(e)
	}
}

// Close waits until all containers are given back, and ends them.
func (p *Pool) Close() error {
	p.mu.Lock()
	idle, closed := p.idle, p.closed
	p.idle, p.closed = nil, true
	p.came.Broadcast()
	p.mu.Unlock()
	if closed {
		return ErrClosed
	}
	for _, c := range idle {
		p.end(c, Ended)
	}
	p.out.Wait()
	close(p.work)
	<-p.gone
	return nil
}
