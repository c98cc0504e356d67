package container_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar/container"
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/unshare"
)

func TestMain(m *testing.M) {
	// A few descriptors are opened once and kept, which is no leak.
	if p := container.New(container.Options{Spec: spec()}); os.Geteuid() == 0 {
		if c, err := p.Get(nil); err == nil {
			p.Put(c)
		}
		p.Close()
	}
	testkit.Main(m)
}

// spec is what containers of the tests are: they are about the pool, so the
// root is the default one and there is no network namespace to wait for.
func spec() unshare.Spec {
	root := unshare.DefaultRoot()
	return unshare.Spec{Root: &root, HostNetwork: true, UID: testkit.Nobody, GID: testkit.Nobody}
}

// events keeps what a pool tells.
type events struct {
	mu  sync.Mutex
	all []container.Event
}

func (e *events) add(v container.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, v)
}

func (e *events) count(v container.Event) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, seen := range e.all {
		if seen == v {
			n++
		}
	}
	return n
}

// A container is made once, reused while it is given back, and ended when
// there are more than should wait.
func TestPool(t *testing.T) {
	testkit.Parked(t)
	var seen events
	p := container.New(container.Options{Spec: spec(), Idle: 1, Observe: seen.add})
	a, err := p.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Put(a)
	p.Put(b)
	again, err := p.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	if again != a {
		t.Error("the container that waited was not reused")
	}
	p.Discard(again)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	want := []container.Event{container.Made, container.Made, container.Parked, container.Ended, container.Reused, container.Refused}
	if !slices.Equal(seen.all, want) {
		t.Errorf("events %v, want %v", seen.all, want)
	}
	if _, err := p.Get(nil); !errors.Is(err, container.ErrClosed) {
		t.Errorf("error %v, want %v", err, container.ErrClosed)
	}
}

// A container whose init somebody has killed is not handed out again.
func TestDeadContainer(t *testing.T) {
	testkit.Parked(t)
	var seen events
	p := container.New(container.Options{Spec: spec(), Idle: 1, Observe: seen.add})
	defer p.Close()
	c, err := p.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Put(c)
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	for c.Alive() {
		time.Sleep(time.Millisecond)
	}
	other, err := p.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	if other == c {
		t.Error("a dead container was handed out")
	}
	p.Put(other)
	want := []container.Event{container.Made, container.Parked, container.Refused, container.Made, container.Parked}
	if !slices.Equal(seen.all, want) {
		t.Errorf("events %v, want %v", seen.all, want)
	}
}

func ExamplePool() {
	root := unshare.DefaultRoot()
	pool := container.New(container.Options{
		Spec: unshare.Spec{Root: &root, UID: 65534, GID: 65534},
		Idle: 4,
		Observe: func(e container.Event) {
			// Count what happens to containers.
		},
	})
	fmt.Println(pool.Close())
	// Output: <nil>
}

// Of several containers one that suits is handed out, and else the last one.
func TestSuits(t *testing.T) {
	testkit.Parked(t)
	testkit.Leaks(t)
	p := container.New(container.Options{Spec: spec(), Idle: 3})
	defer p.Close()
	var all []*unshare.Parked
	for range 3 {
		c, err := p.Get(nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for _, c := range all {
		p.Put(c)
	}
	for _, want := range []*unshare.Parked{all[0], all[2], nil} {
		got, err := p.Get(func(c *unshare.Parked) bool { return c == want })
		if err != nil {
			t.Fatal(err)
		}
		if want != nil && got != want || want == nil && got != all[2] {
			t.Errorf("another container than the one that suits: %p, want %p of %p", got, want, all)
		}
		p.Put(got)
	}
}

// A container in which somebody has killed what waits for the next program is
// ended, and nothing is left of it.
func TestDeadStandby(t *testing.T) {
	testkit.Parked(t)
	testkit.Leaks(t)
	var seen events
	life, err := launch.Self()
	if err != nil {
		t.Fatal(err)
	}
	p := container.New(container.Options{Spec: spec(), Idle: 1, Observe: seen.add, Begin: func(c *unshare.Parked) error {
		next, err := launch.NewStandby()
		if err != nil {
			return err
		}
		next.Arm([][]byte{allowAll})
		return c.Begin(next, func(enter []launch.Step) *launch.Process { return next.Stem(enter, "/", life, nil, nil, nil) })
	}})
	c, err := p.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Put(c)
	again, err := p.Get(nil) // it waits for what begins
	if err != nil {
		t.Fatal(err)
	}
	next := again.Standby()
	if again != c || next == nil {
		t.Fatal("the container did not come back with a launch begun")
	}
	if err := syscall.Kill(next.First().PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for next.Waits() {
		time.Sleep(time.Millisecond)
	}
	p.Put(again)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	want := []container.Event{container.Made, container.Parked, container.Reused, container.Refused}
	if !slices.Equal(seen.all, want) {
		t.Errorf("events %v, want %v", seen.all, want)
	}
}

// allowAll is a filter of one instruction, BPF_RET SECCOMP_RET_ALLOW.
var allowAll = []byte{0x06, 0, 0, 0, 0, 0, 0xff, 0x7f}

// A run that had to wait for what prepares the container is followed by others
// that find another one: there is one more than there are runs, if there is room.
func TestSpare(t *testing.T) {
	testkit.Parked(t)
	testkit.Leaks(t)
	for _, c := range []struct{ idle, made int }{{1, 1}, {4, 2}} {
		var seen events
		p := container.New(container.Options{Spec: spec(), Idle: c.idle, Observe: seen.add, Begin: func(*unshare.Parked) error { return nil }})
		for range 20 {
			box, err := p.Get(nil)
			if err != nil {
				t.Fatal(err)
			}
			p.Put(box) // what it begins goes on while the next one is asked for
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if n := seen.count(container.Made); n != c.made {
			t.Errorf("with room for %d, %d containers were made, want %d", c.idle, n, c.made)
		}
	}
}
