// Package container keeps sandboxes parked: namespaces that are made before a
// program needs them, and reused run after run. A run enters them with calls of
// its own, so there is no process inside to talk to.
package container
