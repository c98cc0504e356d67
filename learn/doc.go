// Package learn turns what runs of a program have done into a policy that lets
// it do that and little more. The rules by which it generalises are few and
// stated: see tables.go.
package learn
