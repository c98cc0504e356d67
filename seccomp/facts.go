package seccomp

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/belljar/belljar/seccomp/bpf"
)

const all32 = ^uint32(0)

// fact is what earlier tests on the way to a node have shown about one word.
type fact struct {
	word     uint32 // offset
	known    uint32 // bits whose value is known
	value    uint32 // of the known bits
	min, max uint32
	not      []uint32 // values that it does not have, sorted
}

// maxNot bounds the values that a fact excludes one by one.
const maxNot = 16

// facts are one fact for each word that was tested, sorted by word. They are
// never changed, only replaced.
type facts []fact

func (f facts) about(word uint32) fact {
	for _, one := range f {
		if one.word == word {
			return one
		}
	}
	return fact{word: word, max: all32}
}

// outcome is what is known of a test before it is made.
type outcome uint8

const (
	open outcome = iota
	holds
	fails
)

func decided(yes bool) outcome {
	if yes {
		return holds
	}
	return fails
}

// outcome says whether the facts decide a test.
func (f facts) outcome(t bpf.Test) outcome {
	one := f.about(t.Offset)
	if known := one.known & t.Mask; known == t.Mask {
		return decided(t.Holds(one.value))
	}
	switch {
	case t.Op == bpf.JSET && one.value&t.Mask&t.K != 0:
		return holds
	case t.Op == bpf.JSET && one.known&t.Mask&t.K == t.Mask&t.K:
		return fails
	case t.Op == bpf.JEQ && (one.value^t.K)&one.known&t.Mask != 0:
		return fails
	case t.Mask != all32:
		return open
	case t.Op == bpf.JEQ && (t.K < one.min || t.K > one.max || slices.Contains(one.not, t.K)):
		return fails
	case t.Op == bpf.JGE && (one.min >= t.K || one.max < t.K), t.Op == bpf.JGT && (one.min > t.K || one.max <= t.K):
		return decided(t.Holds(one.min))
	}
	return open
}

// with adds a test's outcome.
func (f facts) with(t bpf.Test, held bool) facts {
	one := f.about(t.Offset)
	whole := t.Mask == all32
	switch {
	case t.Op == bpf.JEQ && held:
		one.known, one.value = one.known|t.Mask, one.value&^t.Mask|t.K
		if whole {
			one.min, one.max, one.not = t.K, t.K, nil
		}
	case t.Op == bpf.JEQ && whole && len(one.not) < maxNot:
		at, _ := slices.BinarySearch(one.not, t.K)
		one.not = slices.Insert(slices.Clone(one.not), at, t.K)
	case t.Op == bpf.JSET && !held:
		one.known, one.value = one.known|t.Mask&t.K, one.value&^(t.Mask&t.K)
	case t.Op == bpf.JSET && bits.OnesCount32(t.Mask&t.K) == 1:
		one.known, one.value = one.known|t.Mask&t.K, one.value|t.Mask&t.K
	case t.Op == bpf.JGE && whole && held:
		one.min = max(one.min, t.K)
	case t.Op == bpf.JGE && whole:
		one.max = min(one.max, t.K-1) // K is above 0, or the test would hold
	case t.Op == bpf.JGT && whole && held:
		one.min = max(one.min, t.K+1) // and below the largest word
	case t.Op == bpf.JGT && whole:
		one.max = min(one.max, t.K)
	default:
		return f
	}
	if one.min == one.max {
		one.known, one.value, one.not = all32, one.min, nil
	}
	at, found := slices.BinarySearchFunc(f, t.Offset, func(a fact, word uint32) int { return int(a.word) - int(word) })
	out := slices.Clone(f)
	if found {
		out[at] = one
		return out
	}
	return slices.Insert(out, at, one)
}

// key spells the facts about some words, as a set of their offsets divided by 4.
func (f facts) key(words uint16) string {
	b := make([]byte, 0, 32)
	for _, one := range f {
		if words&(1<<(one.word/4)) == 0 {
			continue
		}
		for _, v := range []uint32{one.word, one.known, one.value, one.min, one.max, uint32(len(one.not))} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		for _, v := range one.not {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	return string(b)
}
