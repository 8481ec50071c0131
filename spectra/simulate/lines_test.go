package simulate

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"fentrace/spectra"
)

const header = "name,class,cas,technique,wavenumber_cm1,relative_intensity\n"

func TestParseLinesGroupsRowsBySubstanceAndTechnique(t *testing.T) {
	got, err := ParseLines(strings.NewReader("# SIMULATED\n" + header +
		"A,opioid,50-00-0,raman,500,100\n# more\nB,,,raman,700.5,3\nA,opioid,50-00-0,ir,1700,40\nA,opioid,50-00-0,raman,600,0\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Substance{
		{"A", "opioid", "50-00-0", spectra.Raman, []Line{{500, 100, RamanWidthCM1}, {600, 0, RamanWidthCM1}}},
		{"B", "", "", spectra.Raman, []Line{{700.5, 3, RamanWidthCM1}}},
		{"A", "opioid", "50-00-0", spectra.IR, []Line{{1700, 40, IRWidthCM1}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestParseLinesSaysWhatIsWrongAndWhere(t *testing.T) {
	good := "A,opioid,,raman,500,100\n"
	for _, c := range []struct{ name, text, say string }{
		{"empty", "", "empty"},
		{"only a comment", "# hello\n", "empty"},
		{"no rows", header, "no rows"},
		{"other header", "name,cas\nA,b\n", "want \"name,class"},
		{"missing cell", header + good + "A,opioid,raman,500,100\n", "line 3"},
		{"no name", "# c\n" + header + ",opioid,,raman,500,100\n", "line 3: the name"},
		{"technique", header + good + "A,opioid,,uv,500,100\n", "line 3: technique \"uv\""},
		{"text as number", header + "A,opioid,,raman,fivehundred,100\n", "line 2: wavenumber_cm1 \"fivehundred\""},
		{"NaN", header + "A,opioid,,raman,NaN,100\n", "wavenumber_cm1"},
		{"zero", header + "A,opioid,,raman,0,100\n", "wavenumber_cm1"},
		{"infinite", header + "A,opioid,,raman,500,1e999\n", "relative_intensity"},
		{"negative", header + "A,opioid,,raman,500,-1\n", "relative_intensity"},
		{"two classes", header + good + "A,stimulant,,raman,600,1\n", "line 3: A has class"},
		{"quote left open", header + "\"A,opioid,,raman,500,100\n", "line 2"},
	} {
		_, err := ParseLines(strings.NewReader(c.text))
		if !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := ParseLines(strings.NewReader(header + strings.Repeat(good, MaxLines+1))); !errors.Is(err, ErrTable) {
		t.Errorf("too many lines: %v", err)
	}
}

// endless repeats one row for ever.
type endless struct{ row string }

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.row[i%len(e.row)]
	}
	return len(p), nil
}

func TestParseLinesStopsReadingAnEndlessTable(t *testing.T) {
	for _, row := range []string{"#", "\n", "a", "\"", ","} {
		if _, err := ParseLines(io.MultiReader(strings.NewReader(header), endless{row})); !errors.Is(err, ErrTable) {
			t.Errorf("endless %q: %v", row, err)
		}
	}
}

func FuzzParseLines(f *testing.F) {
	f.Add(header + "A,opioid,,raman,500,100\nA,opioid,,ir,1700,40\n")
	f.Add("# c\n" + header + "\"A, b\",,,raman,5e2,1\n")
	f.Add(header + "A,opioid,,raman,NaN,100\n")
	f.Fuzz(func(t *testing.T, text string) {
		substances, err := ParseLines(strings.NewReader(text))
		if err != nil {
			if !errors.Is(err, ErrTable) {
				t.Fatalf("unmarked error: %v", err)
			}
			return
		}
		for _, s := range substances {
			if s.Name == "" || len(s.Lines) == 0 {
				t.Fatalf("unusable substance: %+v", s)
			}
			out, err := Spectrum(s.Name, s.Lines, Handheld785(), Conditions{Counts: 1000})
			if err != nil {
				t.Fatal(err)
			}
			if err := out.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
