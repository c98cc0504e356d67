package trace_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/trace"
)

// A program that floods calls with long hostile paths leaves nothing in the
// log, the lines of JSON or the page but printable ASCII.
func TestFlood(t *testing.T) {
	const script = `f=$(printf '/\033]0;title\007\033[31m<script>\342\200\256\377%04000d' 0 | tr 0 '\033')
i=0; while [ $i -lt 3000 ]; do [ -e "$f" ]; i=$((i+1)); done; exit 7`
	var log, lines, page bytes.Buffer
	report := new(trace.Report)
	r := &trace.Recorder{Sink: trace.Tee{&trace.Text{W: &log, Decisions: true}, trace.NewJSONL(&lines), report}, Only: []string{"@file-stat", "execve"}}
	res, err := belljar.PtraceRunner(belljar.Options{Policy: policy.Observe(), Watch: r}).Run(context.Background(),
		belljar.Command{Args: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}})
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	if res.ExitCode != 7 {
		t.Fatalf("%s, status %d", res.Verdict, res.ExitCode)
	}
	if err := report.HTML(&page, trace.Summary{Command: "flood"}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "(File name too long)") + strings.Count(log.String(), "ENOENT"); n < 3000 {
		t.Errorf("%d calls with the hostile path", n)
	}
	for name, out := range map[string][]byte{"log": log.Bytes(), "JSON": lines.Bytes(), "page": page.Bytes()} {
		for i, c := range out {
			if c >= 0x7f || c < ' ' && c != '\n' {
				t.Fatalf("%s: byte %#x in %q", name, c, out[max(0, i-30):i+30])
			}
		}
	}
	if bytes.Contains(page.Bytes(), []byte("31m<script")) {
		t.Error("an element of the program's choosing is in the page")
	}
	if page.Len() > 2_000_000 {
		t.Errorf("the page has %d bytes", page.Len())
	}
}

// A socket is shown with the address that it is connected to.
func TestSocketsHaveAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			c.Close()
		}
	}()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	var log bytes.Buffer
	r := &trace.Recorder{Sink: &trace.Text{W: &log}, Only: []string{"@network", "close", "write", "read"}}
	_, err = belljar.PtraceRunner(belljar.Options{Policy: &policy.Policy{Default: policy.Action{Kind: policy.Allow}}, Watch: r}).Run(context.Background(),
		belljar.Command{Args: []string{"/bin/bash", "-c", "exec 3<>/dev/tcp/" + host + "/" + port + "; echo hello >&3"}, Env: []string{"PATH=/usr/bin:/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "] ->" + l.Addr().String() + ">, \"hello\\n\""; !strings.Contains(log.String(), want) {
		t.Errorf("no %q in\n%s", want, log.String())
	}
}

// What a run uses is recorded while it runs, also when it makes no calls.
func TestUsageOverTime(t *testing.T) {
	var kept trace.Buffer
	r := &trace.Recorder{Sink: &kept, Only: []string{"write"}}
	_, err := belljar.PtraceRunner(belljar.Options{Policy: policy.Observe(), Watch: r}).Run(context.Background(),
		belljar.Command{Args: []string{"/bin/sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo"}, Env: []string{"PATH=/usr/bin:/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	var last *trace.Event
	var memory int64
	for e := range kept.All() {
		if e.Kind != trace.Usage {
			continue
		}
		if last != nil && (e.Time < last.Time || e.Used.CPU < last.Used.CPU) {
			t.Errorf("after %+v comes %+v", *last.Used, *e.Used)
		}
		last, memory = e, max(memory, e.Used.Memory)
	}
	if last == nil || last.Used.CPU == 0 || memory == 0 {
		t.Fatalf("last usage %+v, memory %d", last, memory)
	}
}
