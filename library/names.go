package library

import (
	"regexp"
	"strings"
	"unicode"

	"fentrace/spectra"

	"golang.org/x/text/unicode/norm"
)

// SubstanceID makes the stable key of a substance from its name: lower case, Greek letters spelt out, a prime as
// the word, runs of anything else folded to one hyphen. Names in other scripts, which would fold to nothing, get
// eight digits of their hash instead, so that two different names never share a key by accident.
func SubstanceID(name string) string {
	var b strings.Builder
	hyphen, lost := false, false
	for _, r := range strings.ReplaceAll(plain(name), "'", "-prime-") {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			if hyphen && b.Len() > 0 {
				b.WriteByte('-')
			}
			hyphen = false
			b.WriteRune(r)
			continue
		}
		hyphen = true
		lost = lost || unicode.IsLetter(r)
	}
	if !lost && b.Len() > 0 {
		return b.String()
	}
	if b.Len() > 0 {
		b.WriteByte('-')
	}
	return b.String() + spectra.HashBytes([]byte(name))[:8]
}

// NormaliseName folds the ways one chemical name is written into one key: case, spaces, hyphens, Greek letters,
// leading (+), (-) and (RS), "p-" for "para-". Primes and commas between numbers stay, because they tell
// positional isomers apart: 2'-fluorofentanyl is not 2-fluorofentanyl. Salts are not folded; see splitForm.
func NormaliseName(name string) string {
	s := leadingStereo.ReplaceAllString(strings.TrimSpace(plain(name)), "")
	s = positionPrefix.ReplaceAllStringFunc(s, func(m string) string {
		i := len(m) - len("p-")
		return m[:i] + positions[m[i]] + "-"
	})
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '\'':
			b.WriteRune(r)
		case r == ',' && i > 0 && i+1 < len(runes) && locant(runes[i-1]) && locant(runes[i+1]):
			b.WriteRune(r)
		}
	}
	return b.String()
}

var (
	leadingStereo  = regexp.MustCompile(`^(\((\+/-|\+-|±|\+|-|r,s|rs|r|s)\)[- ]*)+`)
	positionPrefix = regexp.MustCompile(`(^|[^a-z0-9'])[omp]-`)
	positions      = map[byte]string{'o': "ortho", 'm': "meta", 'p': "para"}
	camel          = regexp.MustCompile(`(\p{Ll})(\p{Lu})`)
	notWord        = regexp.MustCompile(`[^\p{L}\p{N}']+`)
)

func locant(r rune) bool { return unicode.IsDigit(r) || r == '\'' }

// plain lower-cases name and replaces typographic variants by one plain character each.
func plain(name string) string {
	return plainRunes.Replace(strings.ToLower(norm.NFKC.String(name)))
}

var plainRunes = strings.NewReplacer(
	"α", "alpha", "β", "beta", "γ", "gamma", "δ", "delta", "ε", "epsilon", "ω", "omega",
	"′", "'", "ʹ", "'", "’", "'", "‘", "'", "ʼ", "'", "`", "'", "´", "'",
	"‐", "-", "‑", "-", "–", "-", "—", "-", "−", "-",
)

// form is a salt, base or hydrate word at the end of a name.
type form struct {
	words []string
	form  string
	// ester is true when the word also names covalent esters ("cellulose acetate" is not a salt of cellulose):
	// it is read as a salt only of controlled substances, whose libraries mean the salt.
	ester bool
}

// forms follow the import practice for the SWGDRUG library: hydrochlorides are written three ways and a trailing
// "base" says nothing about the compound. Longer spellings stand before their own endings.
var forms = []form{
	{[]string{"hydrogen", "chloride"}, "hydrochloride", false},
	{[]string{"hydrochloride"}, "hydrochloride", false},
	{[]string{"hcl"}, "hydrochloride", false},
	{[]string{"hydrobromide"}, "hydrobromide", false},
	{[]string{"hbr"}, "hydrobromide", false},
	{[]string{"free", "base"}, "base", false},
	{[]string{"freebase"}, "base", false},
	{[]string{"base"}, "base", false},
	{[]string{"anhydrous"}, "anhydrous", false},
	{[]string{"anhydrate"}, "anhydrous", false},
	{[]string{"hemihydrate"}, "hemihydrate", false},
	{[]string{"monohydrate"}, "monohydrate", false},
	{[]string{"dihydrate"}, "dihydrate", false},
	{[]string{"trihydrate"}, "trihydrate", false},
	{[]string{"hydrate"}, "hydrate", false},
	{[]string{"sulfate"}, "sulfate", true},
	{[]string{"sulphate"}, "sulfate", true},
	{[]string{"citrate"}, "citrate", true},
	{[]string{"phosphate"}, "phosphate", true},
	{[]string{"tartrate"}, "tartrate", true},
	{[]string{"maleate"}, "maleate", true},
	{[]string{"fumarate"}, "fumarate", true},
	{[]string{"oxalate"}, "oxalate", true},
	{[]string{"acetate"}, "acetate", true},
	{[]string{"mesylate"}, "mesylate", true},
}

// splitForm takes the salt, base and hydrate words off the end of name: "Fentanyl HCl" gives "fentanyl",
// "hydrochloride", false. A name without such words comes back with an empty form.
func splitForm(name string) (parent, formText string, ester bool) {
	words := strings.Fields(notWord.ReplaceAllString(plain(camel.ReplaceAllString(name, "$1 $2")), " "))
	whole := len(words)
	var found []string
strip:
	for len(words) > 1 {
		for _, f := range forms {
			n := len(words) - len(f.words)
			if n > 0 && strings.Join(words[n:], " ") == strings.Join(f.words, " ") {
				words, found, ester = words[:n], append([]string{f.form}, found...), ester || f.ester
				continue strip
			}
		}
		break
	}
	if len(words) == whole {
		return name, "", false
	}
	return parentName(name, whole-len(words)), strings.Join(found, " "), ester
}

// parentName cuts the last n words off name as it was written, so that locants such as "2,2'" survive.
func parentName(name string, n int) string {
	s := plain(camel.ReplaceAllString(name, "$1 $2"))
	for range n {
		s = strings.TrimRightFunc(s, notInWord)
		s = strings.TrimRightFunc(s, func(r rune) bool { return !notInWord(r) })
	}
	return strings.TrimRightFunc(s, notInWord)
}

func notInWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' }

// ValidCAS reports whether s is a CAS registry number whose check digit agrees: the sum of its digits, each
// multiplied by its place from the right, modulo 10.
func ValidCAS(s string) bool {
	if !casShape.MatchString(s) {
		return false
	}
	digits := strings.ReplaceAll(s, "-", "")
	sum := 0
	for i := range len(digits) - 1 {
		sum += int(digits[i]-'0') * (len(digits) - 1 - i)
	}
	return sum%10 == int(digits[len(digits)-1]-'0')
}

var casShape = regexp.MustCompile(`^[1-9][0-9]{1,6}-[0-9]{2}-[0-9]$`)
