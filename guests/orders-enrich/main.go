package main

import (
	"maps"
	"math"
	"slices"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/json"
)

// The codes of the failures of this plugin.
const (
	codeMember = iota + 1
	codeQuantity
	codeCountry
)

var (
	errMember   = wasmflow.Fail(codeMember, "order, country, item, quantity or cents is missing or of another type")
	errQuantity = wasmflow.Fail(codeQuantity, "the quantity or the price is out of range")
	errCountry  = wasmflow.Fail(codeCountry, "no region has the country")
)

// settings is the plugin's configuration.
type settings struct {
	Drop       []string            `json:"drop" doc:"states whose orders are dropped"`
	LargeCents int64               `json:"large_cents" doc:"orders from this total on are large"`
	Regions    map[string][]string `json:"regions" doc:"countries by region"`
}

func (s *settings) Validate() error {
	if s.LargeCents < 1 {
		return wasmflow.BadField("large_cents", "is below 1")
	}
	seen := map[string]bool{}
	for _, region := range slices.Sorted(maps.Keys(s.Regions)) {
		for _, country := range s.Regions[region] {
			if seen[country] {
				return wasmflow.BadField("regions."+region, "country "+country+" has a region already")
			}
			seen[country] = true
		}
	}
	return nil
}

func init() {
	s := &settings{
		Drop: []string{"cancelled"}, LargeCents: 10_000,
		Regions: map[string][]string{
			"EU": {"AT", "DE", "FR", "IT"}, "AM": {"BR", "CA", "US"}, "AP": {"JP", "KR"},
		},
	}
	f := &function{settings: s}
	wasmflow.Plugin("orders-enrich", "1.0.0")
	wasmflow.Config(s)
	wasmflow.OnOpen(f.open)
	wasmflow.Transform("enrich", f.transform,
		wasmflow.Doc("drops orders that do not count and adds total, region and size to the others"))
}

func main() {}

type function struct {
	settings *settings
	regions  map[string]string // by country
	parser   json.Parser
}

func (f *function) open() error {
	f.regions = map[string]string{}
	for region, countries := range f.settings.Regions {
		for _, country := range countries {
			f.regions[country] = region
		}
	}
	return nil
}

func (f *function) transform(_ *wasmflow.Context, r wasmflow.Record, out *wasmflow.Emitter) error {
	record, err := f.parser.Parse(r.Value())
	if err != nil {
		return err
	}
	state := record.Get("state").Bytes()
	if slices.ContainsFunc(f.settings.Drop, func(s string) bool { return s == string(state) }) {
		return nil
	}
	order, country, item := record.Get("order"), record.Get("country"), record.Get("item")
	quantity, isQuantity := record.Get("quantity").Int()
	cents, isPrice := record.Get("cents").Int()
	if !order.Exists() || country.Kind() != json.String || !item.Exists() || !isQuantity || !isPrice {
		return errMember
	}
	if quantity < 1 || cents < 0 || cents > math.MaxInt64/quantity {
		return errQuantity
	}
	region, ok := f.regions[string(country.Bytes())]
	if !ok {
		return errCountry
	}
	total := quantity * cents
	w := json.NewWriter(out.Buffer(2*len(r.Value()) + 128))
	w.BeginObject()
	w.Key("order")
	w.Raw(order.Raw())
	w.Key("country")
	w.Raw(country.Raw())
	w.Key("region")
	w.String(region)
	w.Key("item")
	w.Raw(item.Raw())
	w.Key("quantity")
	w.Int(quantity)
	w.Key("cents")
	w.Int(cents)
	w.Key("total_cents")
	w.Int(total)
	w.Key("large")
	w.Bool(total >= f.settings.LargeCents)
	w.EndObject()
	out.Value(w.Bytes())
	return nil
}
