// Command open compares what an open and close of an allowed file costs under
// Belljar with what the kernel makes anybody pay who stops the same calls, in
// one run. It prints medians of several rounds, in nanoseconds, and ratios.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/policy"
)

// way is one way to run the loop.
type way struct {
	name  string
	floor string // the way that it is compared with
	run   func(b *bench) (string, error)
}

type bench struct {
	dir   string // of the compiled programs
	calls string // opens in a round
}

// The rewritten open is that of a file in a directory which the program could
// change, the cheap one that of a file which only root could.
var ways = []way{
	{name: "native", run: func(b *bench) (string, error) { return b.command(b.program("loop"), "/etc/passwd", b.calls) }},
	{name: "floor: ptrace, call continued", run: floor("trace")},
	{name: "Belljar: ptrace, call continued", floor: "floor: ptrace, call continued", run: belljarWay(belljar.Ptrace, "/etc/passwd")},
	{name: "floor: ptrace, call rewritten", run: floor("rewrite")},
	{name: "Belljar: ptrace, call rewritten", floor: "floor: ptrace, call rewritten", run: belljarWay(belljar.Ptrace, "")},
	{name: "floor: notify", run: floor("notify")},
	{name: "Belljar: notify", floor: "floor: notify", run: belljarWay(belljar.Notify, "/etc/passwd")},
}

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 7, "how often each way is run")
	calls := flag.Int("calls", 20000, "opens in a round")
	flag.Parse()
	dir, err := os.MkdirTemp("", "belljar-bench-")
	if err != nil {
		log.Fatal(err)
	}
	err = run(&bench{dir, strconv.Itoa(*calls)}, *rounds)
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

func run(b *bench, rounds int) error {
	if err := b.compile(); err != nil {
		return err
	}
	times := make(map[string][]float64)
	for range rounds {
		for _, w := range ways {
			out, err := w.run(b)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			ns, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			times[w.name] = append(times[w.name], ns)
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "open+close\tmedian ns\tleast\tmost\tof its floor\t")
	for _, w := range ways {
		t := times[w.name]
		slices.Sort(t)
		ratio := ""
		if w.floor != "" {
			ratio = fmt.Sprintf("%.2f", median(t)/median(times[w.floor]))
		}
		fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.0f\t%s\t\n", w.name, median(t), t[0], t[len(t)-1], ratio)
	}
	return table.Flush()
}

func median(sorted []float64) float64 { return sorted[len(sorted)/2] }

func (b *bench) program(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) compile() error {
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"loop", "floor"} {
		if _, err := b.command("gcc", "-O2", "-static", "-o", b.program(name), filepath.Join("open", name+".c")); err != nil {
			return err
		}
	}
	// A directory that whom the program runs as could change.
	own := b.program("own")
	if err := os.Mkdir(own, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(own, 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(own, "file"), []byte("text"), 0o644)
}

func (b *bench) command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	return string(out), err
}

func floor(how string) func(b *bench) (string, error) {
	return func(b *bench) (string, error) {
		return b.command(b.program("floor"), how, b.program("loop"), "/etc/passwd", b.calls)
	}
}

// belljarWay runs the loop under a supervisor and file rules; "" is the file in
// the directory that the program could change.
func belljarWay(s belljar.Supervisor, file string) func(b *bench) (string, error) {
	return func(b *bench) (string, error) {
		if file == "" {
			file = filepath.Join(b.dir, "own", "file")
		}
		p := policy.Judge()
		p.Files.Rules = append(p.Files.Rules, policy.FileRule{Pattern: file, Grant: policy.Read})
		var out bytes.Buffer
		cmd := belljar.Command{Args: []string{b.program("loop"), file, b.calls}, Stdout: &out}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		res, err := belljar.Run(ctx, cmd, belljar.Options{Policy: p, Supervisor: s, Unshare: belljar.Off})
		if err == nil && res.Verdict != belljar.OK {
			err = fmt.Errorf("verdict %s, violation %+v", res.Verdict, res.Violation)
		}
		return out.String(), err
	}
}
