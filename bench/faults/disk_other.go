//go:build !linux

package main

import (
	"context"
	"errors"
)

var errNoDisk = errors.New("a small disk of its own is made on Linux only")

type disk struct{}

func newDisk(context.Context, string, int64) (*disk, error) { return nil, errNoDisk }
func (*disk) mount(context.Context) error                   { return errNoDisk }
func (*disk) unmount() error                                { return errNoDisk }
func (*disk) end() error                                    { return errNoDisk }
func (*disk) fill() error                                   { return errNoDisk }
func (*disk) empty() error                                  { return errNoDisk }
func (*disk) breakDown(context.Context) error               { return errNoDisk }
func sealed(string, bool) error                             { return errNoDisk }
