// Package runs tests Belljar as its users see it: real programs in every
// sandbox, through the root package's API only.
package runs
