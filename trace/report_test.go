package trace

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// hostileReport is a report of many events, some with hostile text.
func hostileReport(t testing.TB, events int) []byte {
	r := new(Report)
	write := func(e *Event) {
		e.PID, e.TID = max(e.PID, 1), max(e.TID, 1)
		if err := r.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	write(&Event{Kind: Exec, Program: "/bin/sh", Args: []string{`"sh"`}})
	long := strings.Repeat(`</script><img src=x onerror=alert(1)>`, 110)
	quoted := make([]string, len(hostile))
	for i, h := range hostile {
		quoted[i] = Quote(h + long)
	}
	for i := range events {
		h := quoted[i%len(quoted)]
		e := &Event{Kind: Call, Time: time.Duration(i) * time.Microsecond, Duration: 1000, Syscall: "openat",
			Args: []string{"AT_FDCWD", h, "O_RDONLY"}, Result: "3"}
		e.Uses = []Use{{Path: fmt.Sprintf("/data/%d/%s", i%5000, h), Access: "read"}}
		if i%1000 == 500 {
			write(&Event{Kind: Fork, Child: 2 + i})
			e.PID, e.TID = 2+i, 2+i
		}
		write(e)
	}
	write(&Event{Kind: Call, Syscall: "openat", Args: []string{`"/etc/shadow"`}, Result: "? (killed)", Decision: "kill", Rule: "judge.yaml:7",
		Uses: []Use{{Path: "/etc/shadow", Access: "read"}}})
	write(&Event{Kind: Exit, Signal: "SIGKILL"})
	var page bytes.Buffer
	if err := r.HTML(&page, Summary{Command: "sh </script>", Verdict: "violation", Why: "openat /etc/shadow by judge.yaml:7"}); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

// A page of 100,000 events with hostile text is below 2 MB, plain ASCII, and
// what the program chose cannot end the element that it is in.
func TestReportIsBoundedAndHarmless(t *testing.T) {
	page := hostileReport(t, 100_000)
	if len(page) > 2_000_000 {
		t.Errorf("%d bytes", len(page))
	}
	for i, c := range page {
		if c >= 0x7f || c < ' ' && c != '\n' {
			t.Fatalf("byte %#x at %d: %q", c, i, page[max(0, i-40):i+40])
		}
	}
	if n := bytes.Count(page, []byte("<script")); n != 2 {
		t.Errorf("%d script elements", n)
	}
	if n := bytes.Count(page, []byte("</script")); n != 2 {
		t.Errorf("%d ends of script elements", n)
	}
	if bytes.Contains(page, []byte("<img")) {
		t.Error("an element of the program's choosing")
	}
	t.Logf("%d bytes", len(page))
}
