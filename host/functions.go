package host

import (
	"context"

	"github.com/wasmflow/wasmflow/connectors"
)

func (p *plugins) Transform(context.Context, connectors.FunctionRef) (connectors.Transform, error) {
	panic("x")
}
func (p *plugins) Deserializer(context.Context, connectors.FunctionRef) (connectors.Deserializer, error) {
	panic("x")
}
func (p *plugins) Serializer(context.Context, connectors.FunctionRef) (connectors.Serializer, error) {
	panic("x")
}
func (p *plugins) Bucketer(context.Context, connectors.FunctionRef) (connectors.BucketAssigner, error) {
	panic("x")
}
