// Package cases runs the programs of test/programs and test/escapes in every
// sandbox, through the root package's API only, and compares what becomes of
// them with what their headers state.
package cases
