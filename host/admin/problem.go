package admin

import (
	"cmp"
	"net/http"
)

const contentTypeProblem = "application/problem+json"

// Problem is the answer to a request that is refused, in the form of RFC 9457.
type Problem struct {
	Type   string `json:"type" doc:"Always about:blank: status says what kind of problem it is."`
	Title  string `json:"title" doc:"The status in words."`
	Status int    `json:"status" doc:"The HTTP status."`
	Detail string `json:"detail" doc:"What is the matter."`
	Remedy string `json:"remedy,omitempty" doc:"What to do about it."`
}

// Error makes a Problem an error of the client.
func (p *Problem) Error() string {
	text := cmp.Or(p.Detail, p.Title)
	if p.Remedy != "" {
		text += "; " + p.Remedy
	}
	return text
}

// WriteProblem refuses a request. p has a status, a detail and, if there is one, a remedy.
func WriteProblem(w http.ResponseWriter, p Problem) {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	writeAs(w, contentTypeProblem, p.Status, p)
}
