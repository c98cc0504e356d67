package trace_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/trace"
)

// A recorder watches any run; where its events go is the sink's to say.
func ExampleRecorder() {
	kept := new(trace.Buffer)
	recorder := &trace.Recorder{Sink: kept, Only: []string{"write"}, Plain: true}
	_, err := belljar.Run(context.Background(), belljar.Command{Args: []string{"echo", "hello"}},
		belljar.Options{Policy: policy.Observe(), Supervisor: belljar.Ptrace, Watch: recorder})
	if err != nil {
		fmt.Println(err)
		return
	}
	for e := range kept.All() {
		if e.Kind == trace.Call {
			fmt.Printf("%s(%s) = %s\n", e.Syscall, strings.Join(e.Args, ", "), e.Result)
		}
	}
	// Output: write(1, "hello\n", 6) = 6
}
