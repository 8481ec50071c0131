package tlp

import "testing"

func TestLevelsAreReadInAnyFormAndOrderedByHowFewMaySee(t *testing.T) {
	for i, l := range Levels {
		if l.Rank() != i || OfRank(i) != l {
			t.Errorf("%s has rank %d, rank %d is %s", l, l.Rank(), i, OfRank(i))
		}
		for _, s := range []string{string(l), l.String(), " " + l.String() + " "} {
			if got, err := Parse(s); err != nil || got != l {
				t.Errorf("%q is read as %q, %v", s, got, err)
			}
		}
	}
}

func TestWhatIsNoLevelIsRedOrRefused(t *testing.T) {
	if l, err := Parse("purple"); err == nil {
		t.Errorf("purple is %s", l)
	}
	if Level("purple").Rank() != Red.Rank() || OfRank(-1) != Red || OfRank(9) != Red {
		t.Error("what is no level is not the strictest")
	}
}
