package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/host/config"
)

// fileReport is what files prints.
type fileReport struct {
	Job     string         `json:"job"`
	Folders []folderReport `json:"folders"`
}

// folderReport counts what a reader sees in one folder of a sink.
type folderReport struct {
	Sink     string `json:"sink"`
	Folder   string `json:"folder"` // below the path of the sink; "." is that itself
	Files    int64  `json:"files"`
	Bytes    int64  `json:"bytes"`
	Smallest int64  `json:"smallest_bytes"`
	Largest  int64  `json:"largest_bytes"`
}

func filesCommand() command {
	return command{
		name: "files", usage: "job.toml",
		summary: "count the files that the sinks of a job have published",
		help: `
Every folder below the path of a sink that writes folders is listed with its
files and bytes, as a reader sees them: what is not published yet, and names
that begin with a dot or an underscore, are left out. Nothing is changed:

  wasmflow files job.toml
  wasmflow files --json job.toml | jq '.folders[] | select(.files > 100)'

Many small files in a folder ask for compact in its sink, or for a longer
checkpoint interval. Exit code 0 is a report, 2 a refused job file, 3 a path
that cannot be listed.
`,
		setup: func(flags *flag.FlagSet) action {
			asJSON := flags.Bool("json", false, "print JSON")
			return func(ctx context.Context, p *process, args []string) error {
				file, err := one("files", "a job file", args)
				if err != nil {
					return err
				}
				job, err := loadJob(p, file, false)
				if err != nil {
					return err
				}
				return listFiles(ctx, p, job, *asJSON)
			}
		},
	}
}

func listFiles(ctx context.Context, p *process, job *config.Job, asJSON bool) error {
	out := fileReport{Job: job.Name, Folders: []folderReport{}}
	resolve := fileSystems(p, false)
	for _, s := range job.Sinks {
		w, ok := s.Config.(connectors.FileWriter)
		if !ok || !w.FileTarget().Folder {
			continue
		}
		folders, err := foldersOf(ctx, resolve, w.FileTarget().Path)
		if err != nil {
			return &startError{fmt.Errorf("listing the files of sink %s: %w", s.Name, err)}
		}
		for i := range folders {
			folders[i].Sink = s.Name
		}
		out.Folders = append(out.Folders, folders...)
	}
	if asJSON {
		return printJSON(p.stdout, out)
	}
	return out.print(p)
}

// foldersOf counts the visible files below a path, by folder. A path that is not there has none.
func foldersOf(ctx context.Context, resolve filesystem.Resolver, location string,
) ([]folderReport, error) {
	fs, root, err := resolve(ctx, location)
	if err != nil {
		return nil, err
	}
	byFolder := map[string]*folderReport{}
	for info, err := range fs.List(ctx, root, true) {
		if errors.Is(err, filesystem.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(strings.TrimPrefix(info.Path, root), "/")
		if info.Dir || isHidden(name) {
			continue
		}
		folder := path.Dir(name)
		f := byFolder[folder]
		if f == nil {
			f = &folderReport{Folder: folder, Smallest: info.Size}
			byFolder[folder] = f
		}
		f.Files, f.Bytes = f.Files+1, f.Bytes+info.Size
		f.Smallest, f.Largest = min(f.Smallest, info.Size), max(f.Largest, info.Size)
	}
	var folders []folderReport
	for _, folder := range slices.Sorted(maps.Keys(byFolder)) {
		folders = append(folders, *byFolder[folder])
	}
	return folders, nil
}

// isHidden tells that readers skip a file: an element of its path begins with a dot or an
// underscore.
func isHidden(name string) bool {
	for element := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(element, ".") || strings.HasPrefix(element, "_") {
			return true
		}
	}
	return false
}

func (r fileReport) print(p *process) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SINK\tFOLDER\tFILES\tBYTES\tSMALLEST\tLARGEST")
	var files, bytes int64
	for _, f := range r.Folders {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\n", f.Sink, f.Folder, f.Files, f.Bytes, f.Smallest,
			f.Largest)
		files, bytes = files+f.Files, bytes+f.Bytes
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("formatting the report: %w", err)
	}
	fmt.Fprintf(&b, "%s: %s, %s, %s\n", r.Job, several(len(r.Folders), "folder"),
		several(int(files), "file"), several(int(bytes), "byte"))
	_, err := fmt.Fprint(p.stdout, b.String())
	return err
}
