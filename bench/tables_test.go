package main

import (
	"testing"
	"time"
)

// TestTables finds mistakes in the tables: bars that speak of nothing, cells
// with the same name, words that nobody makes.
func TestTables(t *testing.T) {
	all := groups()
	var budget time.Duration
	ids := map[string]bool{}
	for _, g := range all {
		if err := g.Check(); err != nil {
			t.Error(err)
		}
		if ids[g.ID] {
			t.Errorf("two groups %q", g.ID)
		}
		ids[g.ID] = true
		budget += g.Budget
	}
	for _, bar := range bars {
		if err := bar.Check(all); err != nil {
			t.Error(err)
		}
	}
	// What is left of a quarter of an hour is for the preparations.
	if budget > 12*time.Minute {
		t.Errorf("all groups together may take %v", budget)
	}
}

// TestBandsAreOfBars reads the bands that the repository keeps.
func TestBandsAreOfBars(t *testing.T) {
	bands, err := readBands()
	if err != nil {
		t.Fatal(err)
	}
	for _, bar := range bars {
		delete(bands, bar.ID)
	}
	if len(bands) > 0 {
		t.Errorf("bands of no bar: %v", bands)
	}
}
