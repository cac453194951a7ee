package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Direction is a way through a Proxy.
type Direction string

// The two ways.
const (
	ToServer Direction = "upstream"
	ToClient Direction = "downstream"
)

// Proxy is a TCP proxy that misbehaves when told to. A fault holds for the connections there are
// and for new ones, until Heal.
type Proxy struct{ proxy *toxiproxy.Proxy }

// NewProxy listens on one address and passes everything on to another. It ends with Close.
func NewProxy(listen, server string) (*Proxy, error) {
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{toxiproxy.NewProxy(api, listen, listen, server)}
	if err := p.proxy.Start(); err != nil {
		return nil, fmt.Errorf("starting a proxy at %s: %w", listen, err)
	}
	return p, nil
}

// Delay makes every piece of data late.
func (p *Proxy) Delay(d Direction, by, jitter time.Duration) error {
	return p.add("latency", d, map[string]int64{
		"latency": by.Milliseconds(), "jitter": jitter.Milliseconds(),
	})
}

// Reset answers the next data of a connection with a reset.
func (p *Proxy) Reset(d Direction) error {
	return p.add("reset_peer", d, map[string]int64{"timeout": 0})
}

// Stall leaves connections open and passes nothing on: they look alive to both ends. What was sent
// meanwhile is lost with the connection, which Heal ends.
func (p *Proxy) Stall(d Direction) error {
	return p.add("timeout", d, map[string]int64{"timeout": 0})
}

// CutAfter closes a connection when n bytes have passed.
func (p *Proxy) CutAfter(d Direction, n int64) error {
	return p.add("limit_data", d, map[string]int64{"bytes": n})
}

// Drop closes all connections, and refuses new ones until Restore.
func (p *Proxy) Drop() { p.proxy.Stop() }

// Restore ends Drop.
func (p *Proxy) Restore() error {
	if err := p.proxy.Start(); err != nil {
		return fmt.Errorf("starting the proxy at %s again: %w", p.proxy.Listen, err)
	}
	return nil
}

// Heal ends all faults but Drop.
func (p *Proxy) Heal(ctx context.Context) { p.proxy.Toxics.ResetToxics(ctx) }

// Close ends the proxy and its connections.
func (p *Proxy) Close() error {
	p.proxy.Stop()
	return nil
}

func (p *Proxy) add(kind string, d Direction, attributes map[string]int64) error {
	fault, err := json.Marshal(map[string]any{
		"name": kind + "-" + string(d), "type": kind, "stream": d, "toxicity": 1,
		"attributes": attributes,
	})
	if err != nil {
		return fmt.Errorf("encoding a fault: %w", err)
	}
	if _, err := p.proxy.Toxics.AddToxicJson(bytes.NewReader(fault)); err != nil {
		return fmt.Errorf("adding the fault %s: %w", kind, err)
	}
	return nil
}
