// Package chart draws bars as an SVG that reads well on light and dark pages.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"math"

	"github.com/belljar/belljar/bench/internal/measure"
)

// Kind is whose bar it is.
type Kind string

const (
	Own   Kind = "own"
	Peer  Kind = "peer"
	Floor Kind = "floor"
)

// Row is one bar, or a heading if it has no value.
type Row struct {
	Label string
	Kind  Kind
	Value measure.Spread
}

// Panel is bars on one scale, which begins at 1: they are ratios.
type Panel struct {
	Title string
	Rows  []Row
}

const (
	width      = 860
	left       = 250 // where bars begin
	right      = 760 // where the longest ends
	rowHeight  = 18
	barHeight  = 11
	headHeight = 46 // of a panel
)

const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .head { font-weight: 600 }
  .tick { fill: #656d76; font-size: 11px }
  .label { text-anchor: end }
  .grid { stroke: #d0d7de }
  .spread { stroke: #24292f }
  .own { fill: #0969da } .peer { fill: #a475f9 } .floor { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .tick { fill: #9198a1 } .grid { stroke: #3d444d } .spread { stroke: #e6edf3 }
    .own { fill: #4493f8 } .peer { fill: #ab7df8 } .floor { fill: #656c76 }
  }
`

// SVG draws panels, one below the other.
func SVG(about string, panels []Panel) []byte {
	var body bytes.Buffer
	y := legend(&body)
	for _, p := range panels {
		y = p.draw(&body, y)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n", width, y+10)
	fmt.Fprintf(&out, "<title>%s</title>\n<style>%s</style>\n", html.EscapeString(about), style)
	out.Write(body.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func legend(out *bytes.Buffer) (y int) {
	x := left
	for _, l := range []struct {
		kind Kind
		text string
	}{{Own, "Belljar"}, {Peer, "others"}, {Floor, "the least that the kernel asks"}} {
		fmt.Fprintf(out, `<rect class="%s" x="%d" y="10" width="11" height="11"/><text x="%d" y="20">%s</text>`+"\n", l.kind, x, x+16, l.text)
		x += 30 + 8*len(l.text)
	}
	return 30
}

// draw returns where the next panel begins.
func (p Panel) draw(out *bytes.Buffer, y int) int {
	s := scaleFor(p.Rows)
	bottom := y + headHeight + rowHeight*len(p.Rows)
	fmt.Fprintf(out, `<text class="title" x="10" y="%d">%s</text>`+"\n", y+22, html.EscapeString(p.Title))
	for _, t := range s.ticks() {
		fmt.Fprintf(out, `<line class="grid" x1="%.1f" x2="%[1]f" y1="%[2]d" y2="%[3]d"/>`, s.x(t), y+headHeight-4, bottom)
		fmt.Fprintf(out, `<text class="tick" text-anchor="middle" x="%.1f" y="%d">%gx</text>`+"\n", s.x(t), y+headHeight-8, t)
	}
	for i, r := range p.Rows {
		r.draw(out, s, y+headHeight+rowHeight*i)
	}
	return bottom + 10
}

func (r Row) draw(out *bytes.Buffer, s scale, y int) {
	middle := y + rowHeight/2
	if r.Value.N == 0 {
		fmt.Fprintf(out, `<text class="head" x="10" y="%d">%s</text>`+"\n", middle+4, html.EscapeString(r.Label))
		return
	}
	end := max(s.x(r.Value.Median), left+1)
	fmt.Fprintf(out, `<text class="label" x="%d" y="%d">%s</text>`, left-8, middle+4, html.EscapeString(r.Label))
	fmt.Fprintf(out, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`, r.Kind, left, middle-barHeight/2, end-left, barHeight)
	low, high := s.x(r.Value.Low), s.x(r.Value.High)
	fmt.Fprintf(out, `<line class="spread" x1="%.1f" x2="%.1f" y1="%d" y2="%[3]d"/>`, low, high, middle)
	fmt.Fprintf(out, `<text x="%.1f" y="%d">%s</text>`+"\n", max(end, high)+6, middle+4, measure.Short(r.Value.Median))
}

// scale maps ratios to places.
type scale struct {
	most float64
	log  bool
}

// manyfold is the ratio from which short bars could not be told apart on a
// linear scale.
const manyfold = 8

func scaleFor(rows []Row) scale {
	most := 1.0
	for _, r := range rows {
		most = max(most, r.Value.Median, r.Value.High)
	}
	if most > manyfold {
		return scale{most, true}
	}
	return scale{max(most, 1.1), false}
}

// x is where a ratio lies; what is less than 1 lies where bars begin.
func (s scale) x(v float64) float64 {
	part := (v - 1) / (s.most - 1)
	if s.log {
		part = math.Log(max(v, 1)) / math.Log(s.most)
	}
	return left + (right-left)*min(max(part, 0), 1)
}

func (s scale) ticks() []float64 {
	var ticks []float64
	if s.log {
		for t := 1.0; t <= s.most; t *= 10 {
			for _, m := range []float64{1, 3} {
				if t*m <= s.most {
					ticks = append(ticks, t*m)
				}
			}
		}
		return ticks
	}
	step := 1.0
	for _, s2 := range []float64{0.5, 0.2, 0.1, 0.05, 0.02} {
		if (s.most-1)/step < 3 {
			step = s2
		}
	}
	for i := 0; 1+float64(i)*step <= s.most; i++ {
		ticks = append(ticks, math.Round((1+float64(i)*step)*100)/100)
	}
	return ticks
}
