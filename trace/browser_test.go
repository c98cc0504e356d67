package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// browser is a headless browser with one page, spoken to by the DevTools protocol
// through two pipes: messages of JSON that end in a zero byte.
type browser struct {
	t       testing.TB
	in      *os.File
	out     *bufio.Reader
	calls   int
	session string // of the page
}

func startBrowser(t testing.TB) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	dir := t.TempDir()
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+dir,
		"--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	cmd.WaitDelay = time.Second                    // children of the browser may hold its streams
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		b.call("Browser.close", nil, nil)
		_ = cmd.Wait() // however it ends
		in.Close()
		out.Close()
	})
	return b
}

// call sends a command and reads its result into result, if that is not nil.
func (b *browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.calls++
	message := map[string]any{"id": b.calls, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" && method != "Browser.close" {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		line, err := b.out.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &answer); err != nil {
			b.t.Fatal(err)
		}
		switch {
		case answer.ID != b.calls: // an event
			continue
		case answer.Error != nil:
			b.t.Fatalf("%s: %s", method, answer.Error.Message)
		case result != nil:
			if err := json.Unmarshal(answer.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
		return
	}
}

// open shows a file.
func (b *browser) open(file string) {
	b.t.Helper()
	var target struct{ TargetID, SessionID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &target)
	b.session = target.SessionID
	b.call("Emulation.setFocusEmulationEnabled", map[string]any{"enabled": true}, nil)
	b.call("Page.navigate", map[string]any{"url": "file://" + file}, nil)
	for !b.is(`document.readyState === "complete" && location.protocol === "file:"`) {
		time.Sleep(10 * time.Millisecond)
	}
}

// is evaluates a condition in the page.
func (b *browser) is(condition string) bool {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value any }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	b.call("Runtime.evaluate", map[string]any{"expression": condition, "returnByValue": true}, &answer)
	if e := answer.ExceptionDetails; e != nil {
		b.t.Fatalf("%s: %s", condition, e.Exception.Description)
	}
	return answer.Result.Value == true
}

// key strokes a key as a keyboard does. Text is what it types, code the number
// of a key that types nothing.
func (b *browser) key(name, text string, code int) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		params := map[string]any{"type": kind, "key": name, "windowsVirtualKeyCode": code}
		if kind == "keyDown" && text != "" {
			params["text"] = text
		}
		b.call("Input.dispatchKeyEvent", params, nil)
	}
}

// prelude names for the conditions below what the page's own script has not.
const prelude = `globalThis.box = document.getElementById("search");
  globalThis.rowsShown = () => [...document.querySelectorAll("#events tbody tr")].filter(r => !r.hidden).length;
  globalThis.total = rowsShown();
  total > 0`

// A browser without a network draws the page, filters it and obeys the keyboard.
func TestReportInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a page is the same whoever writes it; the tests as root look at it")
	}
	b := startBrowser(t)
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, hostileReport(t, 5_000), 0o644); err != nil {
		t.Fatal(err)
	}
	b.open(file)
	check := func(what, condition string) {
		t.Helper()
		if !b.is(condition) {
			t.Errorf("%s: not %s", what, condition)
		}
	}
	check("start", prelude)
	check("verdict", `document.getElementById("verdict").textContent === "violation"`)
	check("tree", `document.querySelectorAll("#tree li").length > 1`)
	check("timeline", `document.querySelectorAll("#timeline svg rect").length > 0`)
	check("what was refused", `document.querySelector("#context tbody tr:last-child").textContent.includes("/etc/shadow")`)
	check("nothing from elsewhere", `document.images.length === 0`)

	b.key("/", "/", 191)
	check("a slash goes to the search", `document.activeElement === box && box.value === ""`)
	for _, c := range "etc/shadow" {
		b.key(string(c), string(c), 0)
	}
	check("typed", `box.value === "etc/shadow"`)
	check("filtered", `rowsShown() > 0 && rowsShown() < total`)
	check("file found", `[...document.querySelectorAll("#filetree li")].some(l => !l.hidden && l.textContent.includes("shadow"))`)
	b.key("Escape", "", 27)
	check("cleared", `rowsShown() === total && box.value === "" && document.activeElement !== box`)

	// From one to the next, and what can be opened is opened by a key.
	b.is(`document.activeElement.blur(); globalThis.was = null; true`)
	opened := false
	for range 8 {
		b.key("Tab", "", 9)
		check("Tab goes on", `document.activeElement !== document.body && document.activeElement !== was`)
		b.is(`globalThis.was = document.activeElement; true`)
		if !opened && b.is(`was.tagName === "SUMMARY" && (globalThis.wasOpen = was.parentElement.open, true)`) {
			b.key("Enter", "\r", 13)
			check("Enter opens or closes", `was.parentElement.open !== wasOpen`)
			opened = true
		}
	}
	if !opened {
		t.Error("Tab reaches nothing that opens")
	}
}
