package trace

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// probe is a script that plays a reader: it looks at the tree and the timeline,
// types into the search box, and uses the keyboard. It leaves its findings in
// the document's title.
const probe = `<script>
addEventListener("load", () => {
  const out = [], say = (name, value) => out.push(name + "=" + value);
  say("verdict", document.getElementById("verdict").textContent);
  say("tree", document.querySelectorAll("#tree li").length > 1);
  say("lanes", document.querySelectorAll("#timeline svg rect").length > 0);
  say("context", document.querySelector("#context tbody tr:last-child").textContent.includes("/etc/shadow"));
  say("images", document.images.length);
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true}));
  const search = document.getElementById("search");
  say("focus", document.activeElement === search);
  const shown = () => [...document.querySelectorAll("#events tbody tr")].filter(r => !r.hidden).length;
  const before = shown();
  search.value = "etc/shadow";
  search.dispatchEvent(new Event("input"));
  say("filtered", shown() > 0 && shown() < before);
  say("file", [...document.querySelectorAll("#filetree li")].some(l => !l.hidden && l.textContent.includes("shadow")));
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}));
  say("cleared", shown() === before && document.activeElement !== search);
  say("tabs", [...document.querySelectorAll("a, input, summary, [tabindex]")].every(e => e.tabIndex >= 0));
  document.title = out.join(" ");
});
</script></body>`

// A browser without a network draws the page, filters it and obeys the keyboard.
func TestReportInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a page is the same whoever writes it; the tests as root look at it")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	dir := t.TempDir()
	// The page's own policy allows scripts that are in it.
	page := strings.Replace(string(hostileReport(t, 5_000)), "</body>", probe, 1)
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+dir,
		"--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000", "--dump-dom", "file://"+file)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.WaitDelay = time.Second // children of the browser may hold the pipe
	out, err := cmd.Output()
	if len(out) == 0 {
		t.Fatalf("no page: %v", err)
	}
	_, rest, _ := strings.Cut(string(out), "<title>")
	title, _, _ := strings.Cut(rest, "</title>")
	want := "verdict=violation tree=true lanes=true context=true images=0 focus=true filtered=true file=true cleared=true tabs=true"
	if title != want {
		t.Errorf("the page says\n%s\nnot\n%s", title, want)
	}
}
