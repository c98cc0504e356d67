// Package testkit is what tests share: programs compiled once, honest reasons
// to skip, and checks that nothing is left behind.
package testkit
