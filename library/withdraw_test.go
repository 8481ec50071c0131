package library

import (
	"testing"
)

func TestAReferenceTakenOutIsGoneAndTheVersionIsAsBeforeIt(t *testing.T) {
	f := filled(t)
	before, err := f.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	scan := standardScans(1, 700, 900)[0]
	more := Reference{SubstanceID: twoSubstances()[0].ID, Tier: Measured, Technique: scan.Technique, Spectrum: &scan}
	if added, err := f.PutReference(t.Context(), more); err != nil || added != 1 {
		t.Fatal(added, err)
	}
	if with, err := f.Version(t.Context()); err != nil || with == before {
		t.Fatalf("a further reference leaves the version as it was (%v)", err)
	}
	for range 2 { // the second time there is nothing to take out
		if err := f.RemoveReference(t.Context(), more.ContentID()); err != nil {
			t.Fatal(err)
		}
	}
	if after, err := f.Version(t.Context()); err != nil || after != before {
		t.Errorf("version %s, want %s (%v)", after, before, err)
	}
}

func TestAFileLaidOverAStackSpeaksForItsSubstances(t *testing.T) {
	st, f := coreStack(t), filled(t)
	if err := f.SetTitle(t.Context(), "learnt"); err != nil {
		t.Fatal(err)
	}
	over, err := st.WithFile(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	layers := over.Layers()
	if top := layers[len(layers)-1]; len(layers) != len(st.Layers())+1 || top.Name != "learnt" || top.References != len(threeReferences()) {
		t.Errorf("layers %+v", layers)
	}
	if over.Version() == st.Version() || len(over.References()) != len(st.References())+len(threeReferences()) {
		t.Errorf("%d references, version %s", len(over.References()), over.Version())
	}
}

func TestLookupFormKeepsTheSaltThatTheNameAdds(t *testing.T) {
	sub, form, ok := coreStack(t).LookupForm("", "", "Fentanyl HCl")
	if !ok || sub.ID != "fentanyl" || form != "hydrochloride" {
		t.Errorf("%s, %q, %t", sub.ID, form, ok)
	}
}
