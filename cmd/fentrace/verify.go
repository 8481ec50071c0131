package main

type verifyCommand struct {
	Pack string `arg:"" placeholder:"PACK.zip" help:"Evidence pack to check."`
	packFlags
}

func (verifyCommand) Help() string { return verifyPackHelp }

func (c *verifyCommand) Run(env *environment) error { return c.verifyPack(env, c.Pack) }
