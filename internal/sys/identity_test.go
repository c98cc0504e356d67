package sys_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/belljar/belljar/internal/sys"
)

// The kernel tells of as many capabilities as it does in procfs.
func TestCapabilityNumbers(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		t.Fatal(err) // Linux 3.2
	}
	last, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if n := sys.CapabilityNumbers(); n != last+1 {
		t.Errorf("%d capabilities, but the last one is number %d", n, last)
	}
}
