package prebuilt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Folder is where modules and manifests lie, from the root of the repository.
const Folder = "guests/prebuilt"

// Kind says what a module is for.
type Kind string

// The kinds of modules.
const (
	KindConformance Kind = "conformance" // offers functions of the conformance kit
	KindExample     Kind = "example"     // an example plugin, as guests/examples/SPEC.md has it
	KindEngine      Kind = "engine"      // runs scripts that are added to it
)

// compressionZstd is the one way to compress a module: it is for those of many megabytes.
const compressionZstd = "zstd"

// Manifest is what NAME.json says of NAME.wasm. README.md explains the fields.
type Manifest struct {
	Name      string `json:"-"`
	Language  string `json:"language"`
	Kind      Kind   `json:"kind"`
	Toolchain string `json:"toolchain"`
	// Build is the command that makes the module, run in the root of the repository.
	Build string `json:"build"`
	// Sources are patterns of path.Match, from the root of the repository.
	Sources []string `json:"sources"`
	// Compression says how the module's file is compressed: not at all, or as ".zst" by zstd.
	Compression string `json:"compression,omitempty"`
	// NotOffered are the checks of the kit that a conformance module does not offer.
	NotOffered []string `json:"not_offered,omitempty"`

	SourceSHA256 string `json:"source_sha256"`
	WasmSHA256   string `json:"wasm_sha256"`
}

// Wasm is the path of the module, from the root of the repository.
func (m *Manifest) Wasm() string {
	if m.Compression == compressionZstd {
		return path.Join(Folder, m.Name+".wasm.zst")
	}
	return path.Join(Folder, m.Name+".wasm")
}

// File is the path of the manifest, from the root of the repository.
func (m *Manifest) File() string { return path.Join(Folder, m.Name+".json") }

// All reads the manifests of the repository at root, sorted by name.
func All(root fs.FS) ([]*Manifest, error) {
	files, err := fs.Glob(root, path.Join(Folder, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing manifests: %w", err)
	}
	var all []*Manifest
	for _, file := range files {
		m, err := Read(root, strings.TrimSuffix(path.Base(file), ".json"))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// Read reads the manifest of the module name.
func Read(root fs.FS, name string) (*Manifest, error) {
	m := &Manifest{Name: name}
	data, err := fs.ReadFile(root, m.File())
	if err != nil {
		return nil, fmt.Errorf("reading the manifest of %s: %w", name, err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("decoding %s: %w", m.File(), err)
	}
	if err := m.complete(); err != nil {
		return nil, fmt.Errorf("checking %s: %w", m.File(), err)
	}
	return m, nil
}

func (m *Manifest) complete() error {
	switch {
	case !slices.Contains([]Kind{KindConformance, KindExample, KindEngine}, m.Kind):
		return fmt.Errorf("kind %q: there are conformance, example and engine", m.Kind)
	case m.Language == "" || m.Toolchain == "" || m.Build == "" || len(m.Sources) == 0:
		return errors.New("language, toolchain, build and sources are required")
	case m.Compression != "" && m.Compression != compressionZstd:
		return fmt.Errorf("compression %q: there is %s", m.Compression, compressionZstd)
	case m.Kind != KindConformance && len(m.NotOffered) > 0:
		return errors.New("not_offered is for modules of the kit")
	}
	return nil
}

// Encode returns the manifest as it stands in its file.
func (m *Manifest) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("encoding the manifest of %s: %w", m.Name, err)
	}
	return b.Bytes(), nil
}

// SumWasm returns the hash of the module in the repository at root, as it is without compression.
func (m *Manifest) SumWasm(root fs.FS) (string, error) {
	data, err := fs.ReadFile(root, m.Wasm())
	if err != nil {
		return "", fmt.Errorf("reading the module: %w", err)
	}
	if m.Compression == compressionZstd {
		if data, err = decompressed(data); err != nil {
			return "", fmt.Errorf("reading %s: %w", m.Wasm(), err)
		}
	}
	return hexSum(data), nil
}

func decompressed(data []byte) (_ []byte, err error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll(data, nil)
}

// SumSources returns the hash of the sources: that of a list of a line for each file, sorted by
// path, with the file's hash, two spaces and the path. So it is that of what sha256sum prints.
func (m *Manifest) SumSources(root fs.FS) (string, error) {
	var files []string
	for _, pattern := range m.Sources {
		found, err := fs.Glob(root, pattern)
		if err != nil {
			return "", fmt.Errorf("listing %s: %w", pattern, err)
		}
		if len(found) == 0 {
			return "", fmt.Errorf("%s: no source is at %s", m.File(), pattern)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	var list bytes.Buffer
	for _, file := range slices.Compact(files) {
		data, err := fs.ReadFile(root, file)
		if err != nil {
			return "", fmt.Errorf("reading a source: %w", err)
		}
		fmt.Fprintf(&list, "%s  %s\n", hexSum(data), file)
	}
	return hexSum(list.Bytes()), nil
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
