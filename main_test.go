package belljar_test

import (
	"context"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
)

func TestMain(m *testing.M) {
	// Belljar opens a few descriptors once and keeps them, which is no leak.
	_, _ = belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{})
	testkit.Main(m)
}
