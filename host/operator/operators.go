package operator

import (
	"context"
	"fmt"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
)

// Transform is a guest's transform. Like all functions of this package it belongs to one task and
// owns one instance.
type Transform struct {
	*runner
	records records
}

// NewTransform opens a function of role transform. The error is a *guest.RefusedError if plugin,
// function or configuration are at fault.
func NewTransform(ctx context.Context, cfg Config) (*Transform, error) {
	r, err := newRunner(ctx, cfg, abi.RoleTransform)
	if err != nil {
		return nil, err
	}
	return &Transform{runner: r, records: newRecords(r.cfg.Step)}, nil
}

// Transform implements connectors.Transform. Keys, values and headers that the guest leaves as
// they are point at those of in; all other bytes are copies in out's arena.
func (t *Transform) Transform(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return t.records.run(ctx, t.runner, in, out, faults)
}

// Deserializer is a guest's deserializer.
type Deserializer struct {
	*runner
	records records
}

// NewDeserializer opens a function of role deserializer; see NewTransform.
func NewDeserializer(ctx context.Context, cfg Config) (*Deserializer, error) {
	r, err := newRunner(ctx, cfg, abi.RoleDeserializer)
	if err != nil {
		return nil, err
	}
	return &Deserializer{runner: r, records: newRecords(r.cfg.Step)}, nil
}

// Deserialize implements connectors.Deserializer; see Transform.Transform. Records of a split
// whose end the guest has declared are left out, in this batch and in all later ones.
func (d *Deserializer) Deserialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return d.records.run(ctx, d.runner, in, out, faults)
}

// Ended returns the splits whose end the guest declared in the last batch. It is valid until the
// next one.
func (d *Deserializer) Ended() []string { return d.records.justEnded }

// Serializer is a guest's serializer.
type Serializer struct {
	*runner
	records records
}

// NewSerializer opens a function of role serializer; see NewTransform.
func NewSerializer(ctx context.Context, cfg Config) (*Serializer, error) {
	r, err := newRunner(ctx, cfg, abi.RoleSerializer)
	if err != nil {
		return nil, err
	}
	return &Serializer{runner: r, records: newRecords(r.cfg.Step)}, nil
}

// Serialize implements connectors.Serializer; see Transform.Transform.
func (s *Serializer) Serialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return s.records.run(ctx, s.runner, in, out, faults)
}

// Partitioner is a guest's partitioner.
type Partitioner struct {
	*runner
	answers partitions
}

// NewPartitioner opens a function of role partitioner; see NewTransform.
func NewPartitioner(ctx context.Context, cfg Config) (*Partitioner, error) {
	r, err := newRunner(ctx, cfg, abi.RolePartitioner)
	if err != nil {
		return nil, err
	}
	return &Partitioner{runner: r}, nil
}

// Partition implements connectors.Partitioner. A partition at or above the number of partitions is
// a fault of its record; a guest may also leave the choice to the sink (NoPartition).
func (p *Partitioner) Partition(
	ctx context.Context, in *connectors.Batch, count int32, out []int32, faults *connectors.Faults,
) error {
	if len(out) != in.Len() || count <= 0 {
		return fmt.Errorf("partitioning %d records into %d places, %d partitions",
			in.Len(), len(out), count)
	}
	for i := range out {
		out[i] = connectors.NoPartition
	}
	p.answers.count, p.answers.out = count, out
	p.framer.partitions = uint32(count)
	err := p.run(ctx, in, &p.answers, faults)
	p.answers.out = nil
	return err
}

// BucketAssigner is a guest's bucketer.
type BucketAssigner struct {
	*runner
	answers buckets
}

// NewBucketAssigner opens a function of role bucketer; see NewTransform.
func NewBucketAssigner(ctx context.Context, cfg Config) (*BucketAssigner, error) {
	r, err := newRunner(ctx, cfg, abi.RoleBucketer)
	if err != nil {
		return nil, err
	}
	return &BucketAssigner{runner: r}, nil
}

// Assign implements connectors.BucketAssigner. Names are cut off at no length but refused above
// 1,024 bytes; whether they stay below a sink's root is for the sink to check.
func (b *BucketAssigner) Assign(
	ctx context.Context, in *connectors.Batch, out *connectors.Buckets, faults *connectors.Faults,
) error {
	b.answers.begin(out, in.Len())
	err := b.run(ctx, in, &b.answers, faults)
	b.answers.out = nil
	return err
}

var (
	_ connectors.Transform      = (*Transform)(nil)
	_ connectors.Deserializer   = (*Deserializer)(nil)
	_ connectors.SplitEnder     = (*Deserializer)(nil)
	_ connectors.Serializer     = (*Serializer)(nil)
	_ connectors.Partitioner    = (*Partitioner)(nil)
	_ connectors.BucketAssigner = (*BucketAssigner)(nil)
)
