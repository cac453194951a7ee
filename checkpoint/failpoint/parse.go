package failpoint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Action is what an armed place does.
type Action string

// The actions.
const (
	Kill  Action = "kill"
	Stop  Action = "stop"
	Error Action = "error"
)

// Point is one armed place.
type Point struct {
	Name   string
	Action Action
	Nth    int // fires at this hit, from 1
}

// String formats p as the environment variable wants it.
func (p Point) String() string { return fmt.Sprintf("%s=%s@%d", p.Name, p.Action, p.Nth) }

// Parse reads the value of the environment variable. Names must be among known.
func Parse(spec string, known []string) ([]Point, error) {
	var points []Point
	for field := range strings.SplitSeq(spec, ",") {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		p, err := parsePoint(field, known)
		if err != nil {
			return nil, err
		}
		points = append(points, p)
	}
	return points, nil
}

func parsePoint(field string, known []string) (Point, error) {
	name, rest, ok := strings.Cut(field, "=")
	if !ok {
		return Point{}, fmt.Errorf("failpoint %q: want NAME=ACTION or NAME=ACTION@N", field)
	}
	if !slices.Contains(known, name) {
		return Point{}, fmt.Errorf("failpoint %q: no place has this name", name)
	}
	action, nth, counted := strings.Cut(rest, "@")
	p := Point{Name: name, Action: Action(action), Nth: 1}
	if counted {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 {
			return Point{}, fmt.Errorf("failpoint %q: %q is no count from 1", name, nth)
		}
		p.Nth = n
	}
	switch p.Action {
	case Kill, Stop, Error:
		return p, nil
	}
	return Point{}, fmt.Errorf("failpoint %q: action %q is none of kill, stop, error", name, action)
}
