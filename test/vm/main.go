// Command vm boots a Debian kernel in QEMU and runs Belljar's tests there: as
// root and as an ordinary user, with a pure cgroup v2 hierarchy, on amd64 or on
// arm64. The same program, compiled for the guest, is the guest's init.
//
//	go run ./test/vm -kernel 5.10 -arch amd64
//	go run ./test/vm -all
//
// It exits with 0 if every test that could run there passed, 1 if one did not
// or the guest did not come to its end, and 2 if the machine could not be made.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	kernel, arch, accel  string
	packages, run, users string
	short, all, refresh  bool
	verbose, steady      bool
	table                string
	timeout              time.Duration
	memory, processors   int
}

func main() {
	if os.Getpid() == 1 {
		guest()
	}
	if len(os.Args) == 2 && os.Args[1] == runnerArg {
		runner()
	}
	var o options
	flag.StringVar(&o.kernel, "kernel", "6.1", "the kernel: "+strings.Join(kernelNames(), ", "))
	flag.StringVar(&o.arch, "arch", "amd64", "the guest's architecture: amd64, arm64")
	flag.StringVar(&o.accel, "accel", "tcg", "how QEMU runs the guest: tcg (emulation), kvm")
	flag.StringVar(&o.packages, "packages", "", "run the tests of these packages only: directories, with commas between")
	flag.StringVar(&o.run, "run", "", "run tests whose names match this expression only")
	flag.StringVar(&o.users, "users", "root,nobody", "run the tests as these users")
	flag.BoolVar(&o.short, "short", true, "pass -test.short: fewer repetitions")
	flag.BoolVar(&o.steady, "steady", false, "let time in the guest pass with its instructions, for a busy machine; slower")
	flag.BoolVar(&o.verbose, "v", false, "print what the guest prints")
	flag.BoolVar(&o.all, "all", false, "run every kernel, and write the table")
	flag.BoolVar(&o.refresh, "refresh", false, "ask Debian for newer packages than those in the cache")
	flag.StringVar(&o.table, "table", "", "write the table of the last runs to this file, running nothing")
	flag.DurationVar(&o.timeout, "timeout", time.Hour, "end a guest that is not done by then")
	flag.IntVar(&o.memory, "memory", 3072, "the guest's memory, in MiB")
	flag.IntVar(&o.processors, "processors", 2, "the guest's processors")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := o.perform(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		code = 2
	}
	os.Exit(code)
}

func (o *options) perform(ctx context.Context) (code int, err error) {
	cache, err := cacheDir()
	if err != nil {
		return 2, err
	}
	if o.table != "" {
		return 0, writeTable(cache, o.table)
	}
	if !o.all {
		return o.one(ctx, cache, o.kernel, o.arch)
	}
	for _, m := range matrix {
		c, err := o.one(ctx, cache, m.kernel, m.arch)
		if err != nil {
			return 2, fmt.Errorf("kernel %s, %s: %w", m.kernel, m.arch, err)
		}
		code = max(code, c)
	}
	return code, writeTable(cache, tableFile)
}

// one makes one machine, runs the tests in it and reports them.
func (o *options) one(ctx context.Context, cache, kernelName, archName string) (code int, err error) {
	release, err := findKernel(kernelName)
	if err != nil {
		return 2, err
	}
	a, ok := archs[archName]
	if !ok {
		return 2, fmt.Errorf("no architecture %q: amd64 or arm64", archName)
	}
	if err := a.checkTools(); err != nil {
		return 2, err
	}
	begin := time.Now()
	unlock, err := lockCache(cache)
	if err != nil {
		return 2, err
	}
	defer unlock()
	k, err := fetchKernel(ctx, cache, release.suite, a, o.refresh)
	if err != nil {
		return 2, fmt.Errorf("the kernel of Debian %s: %w", release.suite, err)
	}
	base, err := fetchUserland(ctx, cache, a, o.refresh)
	if err != nil {
		return 2, fmt.Errorf("the guest's programs: %w", err)
	}
	dir, err := os.MkdirTemp("", "belljar-vm-")
	if err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, image, err := makeImage(ctx, o, a, cache, base, dir)
	if err != nil {
		return 2, err
	}
	unlock()
	fmt.Printf("Linux %s (Debian %s) on %s by %s: %d packages' tests; made ready in %.0f s\n",
		k.version, release.suite, a.name, o.accel, len(p.Jobs), time.Since(begin).Seconds())

	m := machine{arch: a, kernel: k.file, image: image, accel: o.accel, memory: o.memory, processors: o.processors, steady: o.steady,
		console: filepath.Join(dir, "console"), timeout: o.timeout}
	r := newReport(kernelName, release.suite, k.version, a.name, p)
	log, err := newLog(filepath.Join(cache, "output-"+kernelName+"-"+a.name+".log"))
	if err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	r.log = log
	if o.verbose {
		r.log = io.MultiWriter(log, os.Stdout)
	}
	fmt.Printf("the whole output: %s\n", log.Name())
	r.stopped = errors.Join(m.run(ctx, r), r.stopped)
	r.finish(m.console)
	r.print(os.Stdout)
	if o.run == "" { // all tests of a package belong in the table
		if err := r.save(cache); err != nil {
			return 2, err
		}
	}
	if !r.good() {
		return 1, nil
	}
	return 0, nil
}

// cacheDir is where packages and results are kept from run to run.
func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no directory for downloads: %w; set XDG_CACHE_HOME", err)
	}
	dir := filepath.Join(base, "belljar-vm")
	return dir, os.MkdirAll(dir, 0o755)
}

// lockCache waits until no other process fills the cache. What it returns may
// be called twice.
func lockCache(cache string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("flock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

// newLog makes a new file in the place of one that another run may write.
func newLog(name string) (*os.File, error) {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return os.Create(name)
}
