package main

import (
	"errors"
	"fmt"
	"time"

	"fentrace/server/store"
)

type doctorCommand struct {
	JSON bool `name:"json" help:"Print the checks as JSON."`
	dataFlags
	libraryFlags
}

func (doctorCommand) Help() string {
	return `Looks at this program, its libraries and a data folder, and says what is wrong and what to do about it. It changes
nothing, and may run beside the server. With --server it looks at that server from here: whether it answers and is ready, who you
are to it, its version, and how far its clock is from this one. Exit code 1: something is wrong.

Examples:

    fentrace doctor
    fentrace doctor --data ~/fentrace-data --library lab.db --json`
}

// The results of a check.
const (
	wellOK     = "ok"
	wellAdvice = "advice" // it works, but could be better
	wellWrong  = "WRONG"
)

// healthFinding is the result of one check.
type healthFinding struct {
	Check  string `json:"check"`
	Result string `json:"result"`
	Text   string `json:"text"`
}

func ok(format string, args ...any) healthFinding {
	return healthFinding{Result: wellOK, Text: fmt.Sprintf(format, args...)}
}

func advice(format string, args ...any) healthFinding {
	return healthFinding{Result: wellAdvice, Text: fmt.Sprintf(format, args...)}
}

func wrong(format string, args ...any) healthFinding {
	return healthFinding{Result: wellWrong, Text: fmt.Sprintf(format, args...)}
}

func (c *doctorCommand) Run(env *environment) error {
	if env.remote != nil {
		given := c.set()
		given["data"], given["db"] = c.Data != "", c.DB != ""
		if err := ownOnly(given); err != nil {
			return err
		}
		return c.run(env, c.remoteChecks(env))
	}
	dir, err := c.folder()
	if err != nil {
		return err
	}
	if c.DB != "" {
		return usagef("--db: doctor looks at the database in a data folder only; ask PostgreSQL's own programs about another")
	}
	look, lookErr := store.LookAt(env.ctx, dir)
	return c.run(env, []healthCheck{
		{"program", checkProgram},
		{"libraries", func() healthFinding { return c.checkLibraries(env) }},
		{"learnt library", func() healthFinding { return checkLearned(env.ctx, dir) }},
		{"data folder", func() healthFinding { return checkFolder(dir) }},
		{"database", func() healthFinding { return checkDatabase(look, lookErr) }},
		{"encryption", func() healthFinding { return checkEncryption(look, c.keyFlags, dir) }},
		{"clock", func() healthFinding { return checkClock(look, time.Now()) }},
		{"queue", func() healthFinding { return checkQueue(look) }},
		{"archive", func() healthFinding { return checkArchive(dir) }},
		{"log", func() healthFinding { return checkLog(dir, look, time.Now()) }},
	})
}

// healthCheck is one thing to look at.
type healthCheck struct {
	name string
	do   func() healthFinding
}

func (c *doctorCommand) run(env *environment, checks []healthCheck) error {
	sheet, broken := env.newSheet(), false
	for _, check := range checks {
		f := check.do()
		f.Check = check.name
		broken = broken || f.Result == wellWrong
		if c.JSON {
			if err := printJSON(env.stdout, f, true); err != nil {
				return err
			}
			continue
		}
		sheet.line(fmt.Sprintf("%-7s %s", f.Result, f.Check))
		sheet.block("", f.Text)
	}
	if broken {
		return errors.Join(sheet.err, errIncomplete)
	}
	return sheet.err
}
