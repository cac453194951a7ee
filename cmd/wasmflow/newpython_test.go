//go:build !race

// The race detector has a load of the engine for Python take ten seconds.

package main

import "testing"

func TestNewPythonBuildsAndRuns(t *testing.T) { newScriptRuns(t, "python", "plugin.py") }
