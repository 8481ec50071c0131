package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// notLogged are the functions that write what says nothing of what somebody did to a record or an account, and why.
var notLogged = map[string]string{
	"SpendToken":      "that of a log-in by a provider opens once; the log-in itself is in the log",
	"AddCheckpoint":   "it is about the log itself",
	"NotSent":         "nothing left, and it is tried again and again",
	"NotDelivered":    "each attempt is in the log before it is made",
	"TouchSession":    "it is used all the time",
	"UseFactor":       "the log-in is in the log",
	"BeginComparison": "how far a comparison is; the change of the library and its end are in the log",
	"AddTruthAnswer":  "the same",
	"openQueue":       "it makes the tables of the job queue",
	"InsertLookBack":  "the beginning of the look-back is in the log",
	"Single":          "it shares out files of a batch that are in the log",
	"MoveJobs":        "what a job does is in the log",
	"Beat":            "it says all the time that a program lives",
	"RemoveWorker":    "it forgets a program that has ended",
	"MendJobTimes":    "it puts the times right that a clock which has jumped has noted",
}

// Whatever writes to the database, by itself or by what it calls, notes in the log what was done.
func TestEveryFunctionThatWritesNotesItInTheLog(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	calls, writes := map[string]map[string]bool{}, map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			called := map[string]bool{}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				switch f := call.Fun.(type) {
				case *ast.Ident:
					called[f.Name] = true
				case *ast.SelectorExpr:
					called[f.Sel.Name] = true
				}
				return true
			})
			if calls[fn.Name.Name] == nil {
				calls[fn.Name.Name] = map[string]bool{}
			}
			for c := range called {
				calls[fn.Name.Name][c] = true
			}
			writes[fn.Name.Name] = writes[fn.Name.Name] || called["write"]
		}
	}
	logs := map[string]bool{"log": true}
	for grew := true; grew; {
		grew = false
		for name, called := range calls {
			for c := range called {
				if logs[c] && !logs[name] && name != "write" {
					logs[name], grew = true, true
				}
			}
		}
	}
	found := 0
	for name, does := range writes {
		if !does {
			continue
		}
		found++
		if _, excused := notLogged[name]; logs[name] == excused {
			t.Errorf("%s: logs %t, excused %t", name, logs[name], excused)
		}
	}
	if found < 25 {
		t.Errorf("only %d functions write: the test looks in the wrong place", found)
	}
}
