package measure

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Band is what a bar read when it was last accepted, and how much more of it is
// noise: 0.2 is a fifth more.
type Band struct {
	ID        string
	Reference float64
	Noise     float64
}

// Exceeded says whether a reading is worse than noise explains.
func (b Band) Exceeded(median float64) bool { return median > b.Reference*(1+b.Noise) }

// ParseBands reads lines of an ID, a reference and a noise; # starts a comment.
func ParseBands(from io.Reader) (map[string]Band, error) {
	bands := map[string]Band{}
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(text) == "" {
			continue
		}
		var b Band
		if _, err := fmt.Sscanf(text, "%s %g %g", &b.ID, &b.Reference, &b.Noise); err != nil {
			return nil, fmt.Errorf("line %d: %q is no ID, reference and noise", n, lines.Text())
		}
		if _, twice := bands[b.ID]; twice || b.Reference <= 0 || b.Noise <= 0 {
			return nil, fmt.Errorf("line %d: %s twice, or a number that is not above 0", n, b.ID)
		}
		bands[b.ID] = b
	}
	return bands, lines.Err()
}

// Two runs of the same code differ by leastNoise on a machine that has something
// else to do now and then; a band of more than mostNoise would guard nothing.
const leastNoise, mostNoise = 0.10, 0.50

// NewBand is the band for a reading: three times its spread, within reason.
func NewBand(r Reading) Band {
	noise := 3 * (r.High - r.Low) / r.Median
	return Band{r.ID, r.Median, min(max(noise, leastNoise), mostNoise)}
}

// FormatBands writes what ParseBands reads.
func FormatBands(comment string, bands []Band) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(comment) {
		out.WriteString("# " + line)
	}
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, b := range bands {
		fmt.Fprintf(table, "%s\t%.4g\t%.2f\n", b.ID, b.Reference, b.Noise)
	}
	table.Flush() // to a buffer, which has no errors
	return out.Bytes()
}
