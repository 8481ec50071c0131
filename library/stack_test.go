package library

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/spectra"

	"github.com/google/go-cmp/cmp"
)

func TestLaterLayersLieOverEarlierOnes(t *testing.T) {
	f := newFile(t)
	upper := Substance{Name: "Fentanyl", CAS: "437-38-7", Class: "opioid", Synonyms: []string{"china white"}}
	if err := f.PutSubstance(t.Context(), upper, Substance{Name: "new thing"}); err != nil {
		t.Fatal(err)
	}
	if err := f.SetTitle(t.Context(), "agency"); err != nil {
		t.Fatal(err)
	}
	core := bytesOf(t)
	st, err := OpenStack(t.Context(), core, f.Path())
	if err != nil {
		t.Fatal(err)
	}
	got, ok := st.Substance("fentanyl")
	want := twoSubstances()[0]
	want.Class, want.Synonyms = "opioid", []string{"china white", "phentanyl"}
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Error(diff) // what the upper layer leaves out comes from below, and it stays controlled
	}
	if len(st.Substances()) != 3 || len(st.References()) != 3 {
		t.Errorf("%d substances, %d references", len(st.Substances()), len(st.References()))
	}
	layers := st.Layers()
	if len(layers) != 2 || layers[0].Name != "core" || layers[0].References != 3 || layers[1].Name != "agency" || layers[1].Substances != 2 {
		t.Errorf("%+v", layers)
	}
	version, err := f.Version(t.Context())
	if err != nil || layers[1].Version != version {
		t.Errorf("layer version %s, file version %s, %v", layers[1].Version, version, err)
	}
	if alone, _ := OpenStack(t.Context(), core); alone.Version() == st.Version() {
		t.Error("a layer more and the same version")
	}
}

func TestWithLeavesTheStackAsItWas(t *testing.T) {
	st := NewStack(twoSubstances(), threeReferences())
	version := st.Version()
	more := st.With([]Substance{{Name: "lactose"}}, []Reference{{SubstanceID: "lactose", Tier: Published, Technique: spectra.Raman, Peaks: []Peak{{850, 100}}}})
	if st.Version() != version || len(st.Substances()) != 2 || len(st.Layers()) != 1 {
		t.Error("the stack changed")
	}
	if len(more.Substances()) != 3 || len(more.References()) != 4 || len(more.Layers()) != 2 || more.Version() == version {
		t.Errorf("%d, %d, %+v", len(more.Substances()), len(more.References()), more.Layers())
	}
	if s, ok := more.Lookup("", "", "Lactose monohydrate"); !ok || s.ID != "lactose" {
		t.Errorf("%v, %v", s, ok)
	}
}

func TestLookup(t *testing.T) {
	st := NewStack(append(twoSubstances(),
		Substance{Name: "twin a", CAS: "78995-14-9"}, Substance{Name: "twin b", CAS: "78995-14-9"},
		Substance{Name: "x", Synonyms: []string{"shared"}}, Substance{Name: "y", Synonyms: []string{"Shared"}},
		Substance{Name: "cellulose"}), nil)
	for _, test := range []struct{ cas, inchikey, name, want string }{
		{"437-38-7", "", "", "fentanyl"},
		{"437-38-7", "", "caffeine", "fentanyl"}, // CAS before name
		{"", "PJMPHNIQZUBGLI-UHFFFAOYSA-N", "caffeine", "fentanyl"},
		{"000-00-0", "", "Caffeine", "caffeine"},
		{"", "", "PHENTANYL", "fentanyl"},
		{"", "", "Fentanyl HCl", "fentanyl"},
		{"", "", "fentanyl citrate", "fentanyl"},
		{"", "", "cellulose acetate", ""}, // an ester, not a salt
		{"", "", "cellulose hydrate", "cellulose"},
		{"78995-14-9", "", "", ""},
		{"78995-14-9", "", "twin b", "twin-b"}, // the name decides between twins
		{"", "", "shared", ""},
		{"", "", "", ""},
		{"", "", "sugar", ""},
	} {
		s, ok := st.Lookup(test.cas, test.inchikey, test.name)
		if s.ID != test.want || ok != (test.want != "") {
			t.Errorf("%+v: got %q, %v", test, s.ID, ok)
		}
	}
}

func TestOpenStackNamesTheFileAtFault(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.db")
	if _, err := OpenStack(t.Context(), bytesOf(t), absent); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), absent) {
		t.Errorf("got %v", err)
	}
	if _, err := OpenStack(t.Context(), []byte("rubbish")); !errors.Is(err, ErrNotLibrary) {
		t.Errorf("got %v", err)
	}
	empty, err := OpenStack(t.Context(), nil)
	if err != nil || len(empty.Substances()) != 0 || len(empty.Version()) != 64 {
		t.Errorf("%v", err)
	}
}
