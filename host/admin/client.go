package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	answerBytesMax = 16 << 20 // a status with thousands of stages stays far below
	callTimeout    = 30 * time.Second
)

// Client calls the admin server of a job.
type Client struct {
	base  string
	token connectors.Secret
	http  *http.Client
}

// NewClient returns a client for the server at host:port. token may be zero; config nil is plain
// HTTP.
func NewClient(address string, token connectors.Secret, config *tls.Config) *Client {
	scheme := "http://"
	if config != nil {
		scheme = "https://"
	}
	return &Client{
		base: scheme + address, token: token,
		http: &http.Client{
			// No proxy: the server is on this machine or next to it, and the token is its own.
			Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config},
			Timeout:   callTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // the token goes nowhere else
			},
		},
	}
}

// Status returns the state of the job.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.Call(ctx, http.MethodGet, "/status", nil, &s)
	return s, err
}

// Stop asks the job to end: after a last epoch or, with now, without one. It does not wait for
// the end.
func (c *Client) Stop(ctx context.Context, now bool) error {
	return c.Call(ctx, http.MethodPost, "/stop", StopRequest{now}, nil)
}

// Pause asks the job to hold its sources and returns the state that it is in by now.
func (c *Client) Pause(ctx context.Context) (State, error) { return c.state(ctx, "/pause") }

// Resume asks the job to go on and returns the state that it is in by now.
func (c *Client) Resume(ctx context.Context) (State, error) { return c.state(ctx, "/resume") }

func (c *Client) state(ctx context.Context, path string) (State, error) {
	var s StateAnswer
	err := c.Call(ctx, http.MethodPost, path, nil, &s)
	return s.State, err
}

// Call sends in as JSON, unless it is nil, and decodes the answer into out, unless that is nil.
// ErrUnreachable says that nobody listens, ErrDenied that the token is missing or wrong; any other
// refusal is a *Problem with the server's words.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("calling %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("calling %s %s: %w", method, path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", contentTypeJSON)
	}
	if !c.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("calling %s: %w", c.base+path, ctx.Err())
		}
		return fmt.Errorf("calling %s: %w: %w", c.base+path, ErrUnreachable, err)
	}
	defer resp.Body.Close()
	if err := decodeAnswer(resp, out); err != nil {
		return fmt.Errorf("calling %s: %w", c.base+path, err)
	}
	return nil
}

func decodeAnswer(resp *http.Response, out any) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax+1))
	switch {
	case err != nil:
		return err
	case len(data) > answerBytesMax:
		return fmt.Errorf("the answer is longer than %d bytes", answerBytesMax)
	case resp.StatusCode == http.StatusUnauthorized:
		return ErrDenied
	case resp.StatusCode >= http.StatusMultipleChoices:
		refusal := &Problem{}
		if json.Unmarshal(data, refusal) != nil || refusal.Detail == "" {
			return errors.New(resp.Status)
		}
		return refusal
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("decoding the answer: %w", err)
	}
	return nil
}
