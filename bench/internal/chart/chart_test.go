package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/belljar/belljar/bench/internal/measure"
)

func spread(median float64) measure.Spread {
	return measure.Spread{Median: median, Low: median * 0.9, High: median * 1.1, N: 5}
}

// TestSVG reads a drawing as a browser would: it must be well-formed, with all
// texts, and no bar may leave it.
func TestSVG(t *testing.T) {
	svg := SVG("ratios", []Panel{
		{"linear <&>", []Row{{Label: "one", Kind: Own, Value: spread(1.5)}, {Label: "less than one", Kind: Floor, Value: spread(0.5)}}},
		{"manyfold", []Row{{Label: "a heading"}, {Label: "much", Kind: Peer, Value: spread(2000)}, {Label: "little", Kind: Own, Value: spread(1.01)}}},
	})
	var texts strings.Builder
	bars := 0
	in := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
		switch e := token.(type) {
		case xml.CharData:
			texts.Write(e)
		case xml.StartElement:
			if e.Name.Local == "rect" {
				bars++
				inside(t, e)
			}
		}
	}
	if bars != 3+4 {
		t.Errorf("%d bars and marks of the legend", bars)
	}
	for _, text := range []string{"linear <&>", "one", "less than one", "a heading", "much", "2000", "1.50", "prefers-color-scheme: dark"} {
		if !strings.Contains(texts.String(), text) {
			t.Errorf("no text %q", text)
		}
	}
}

func inside(t *testing.T, e xml.StartElement) {
	t.Helper()
	at := map[string]float64{}
	for _, a := range e.Attr {
		at[a.Name.Local], _ = strconv.ParseFloat(a.Value, 64)
	}
	if at["width"] < 1 || at["x"] < 0 || at["x"]+at["width"] > right {
		t.Errorf("a bar from %v with width %v", at["x"], at["width"])
	}
}

func TestScale(t *testing.T) {
	for _, most := range []float64{1, 1.05, 1.5, 3, 7, 20, 5000} {
		s := scaleFor([]Row{{Value: spread(most)}})
		if s.log != (most > manyfold) {
			t.Errorf("%v: log %v", most, s.log)
		}
		ticks := s.ticks()
		if len(ticks) < 2 || len(ticks) > 12 || ticks[0] != 1 {
			t.Errorf("%v: ticks %v", most, ticks)
		}
		if s.x(1) != left || math.Abs(s.x(s.most)-right) > 0.01 || s.x(0.5) != left {
			t.Errorf("%v: from %v to %v", most, s.x(1), s.x(s.most))
		}
		for i := range ticks[1:] {
			if s.x(ticks[i+1]) <= s.x(ticks[i]) {
				t.Errorf("%v: ticks %v out of order", most, ticks)
			}
		}
	}
}
