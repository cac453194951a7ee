package conformance

// Language says how the kit's guest is built in one language. The table is data for tests, build
// scripts and the documentation; a language is added by a row and a folder.
type Language struct {
	Name string
	// Dir is the folder of the guest, from the root of the repository.
	Dir string
	// Needs are the programs on the path without which the guest cannot be built.
	Needs []string
	// Env and Build are the environment and the command, run in Dir; {out} is the file to write.
	Env   []string
	Build []string
}

// Languages lists the languages whose SDK passes the kit.
func Languages() []Language {
	return []Language{
		{
			Name:  "Go",
			Dir:   "guests/conformance-go",
			Needs: []string{"go"},
			Env:   []string{"GOOS=wasip1", "GOARCH=wasm"},
			Build: []string{"go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", "{out}", "."},
		},
	}
}
