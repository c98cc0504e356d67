package belljar_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/policy"
)

func ExampleRun() {
	var out bytes.Buffer
	res, err := belljar.Run(context.Background(),
		belljar.Command{Args: []string{"/bin/cat"}, Stdin: strings.NewReader("in and out\n"), Stdout: &out},
		belljar.Options{Policy: policy.Interpreter(), Limits: belljar.Limits{CPU: time.Second, Memory: 256 << 20}})
	if err != nil {
		log.Fatal(err) // the caller's or the host's fault, never the program's
	}
	fmt.Print(res.Verdict, ": ", out.String())
	// Output: ok: in and out
}

// A limit ends the run; the verdict says so, and the limit's name says which.
func ExampleRun_limit() {
	res, err := belljar.Run(context.Background(),
		belljar.Command{Args: []string{"/bin/sleep", "60"}},
		belljar.Options{Policy: policy.Interpreter(), Limits: belljar.Limits{Wall: 100 * time.Millisecond}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Verdict, res.Limit)
	// Output: time-limit wall
}
