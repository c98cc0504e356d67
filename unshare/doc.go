// Package unshare puts a program into namespaces of its own and a private root:
// it describes both as data and turns them into the steps of a launch.
package unshare
