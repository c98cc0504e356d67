package measure

import "slices"

// Spread is a median with the quarters of the samples below and above it.
type Spread struct {
	Median    float64
	Low, High float64 // a quarter of the samples is below Low, and one above High
	N         int
}

// SpreadOf returns the spread of samples in any order; none have the zero one.
func SpreadOf(samples []float64) Spread {
	if len(samples) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(samples))
	return Spread{Median: quantile(s, 0.5), Low: quantile(s, 0.25), High: quantile(s, 0.75), N: len(s)}
}

// quantile is between the two samples that are nearest to a part of all.
func quantile(sorted []float64, part float64) float64 {
	at := part * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
