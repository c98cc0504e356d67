package follow_test

import (
	"context"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
)

// TestMain runs a program first: Belljar opens a few descriptors once and
// keeps them, which is no leak.
func TestMain(m *testing.M) {
	_, _ = belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{Unshare: belljar.Off})
	testkit.Main(m)
}
