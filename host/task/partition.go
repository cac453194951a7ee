package task

import (
	"context"
	"fmt"

	"github.com/wasmflow/wasmflow/connectors"
)

// placement has a function choose the partition of every record before the writer sees it.
type placement struct {
	partitioner connectors.Partitioner
	counter     connectors.PartitionCounter
	placed      connectors.Batch // copies of the records: the batch itself is not changed (C3)
	part        connectors.Batch // the records of one target
	index       []int            // of part's records in the batch
	out         []int32
	refused     []bool
	faults      connectors.Faults
}

// SetPartitioner has p choose the partitions. It comes after SetWriter; the stage owns p.
func (s *SinkStage) SetPartitioner(p connectors.Partitioner) error {
	counter, ok := s.writer.(connectors.PartitionCounter)
	if !ok {
		return fmt.Errorf("%s cannot tell how many partitions it writes to", s.name)
	}
	s.placement = &placement{partitioner: p, counter: counter}
	s.Own(p)
	return nil
}

// place returns the records of b with their partitions. A record that the function refuses is left
// out and goes to refuse.
func (p *placement) place(ctx context.Context, b *connectors.Batch,
	refuse func(*connectors.Record, connectors.Fault) error,
) (*connectors.Batch, error) {
	p.placed.Records = append(p.placed.Records[:0], b.Records...)
	p.placed.Splits, p.placed.Targets = b.Splits, b.Targets
	p.placed.Carriers = append(p.placed.Carriers[:0], b.Carriers...)
	p.refused = append(p.refused[:0], make([]bool, b.Len())...)
	for target := range len(b.Targets) + 1 { // 0 is none
		if err := p.placeTarget(ctx, b, uint32(target)); err != nil {
			return nil, err
		}
		for _, f := range p.faults.List {
			f.Index = p.index[f.Index]
			p.refused[f.Index] = true
			if err := refuse(&b.Records[f.Index], f); err != nil {
				return nil, err
			}
		}
	}
	p.dropRefused()
	return &p.placed, nil
}

// placeTarget places the records of one target, which all have the same number of partitions.
func (p *placement) placeTarget(ctx context.Context, b *connectors.Batch, target uint32) error {
	p.faults.Reset()
	p.part.Records, p.index = p.part.Records[:0], p.index[:0]
	p.part.Splits, p.part.Targets = b.Splits, b.Targets
	for i := range b.Records {
		if b.Records[i].Target == target {
			p.part.Records = append(p.part.Records, b.Records[i])
			p.index = append(p.index, i)
		}
	}
	if len(p.index) == 0 {
		return nil
	}
	partitions, err := p.counter.Partitions(ctx, b.TargetOf(&p.part.Records[0]))
	if err != nil {
		return err
	}
	p.out = append(p.out[:0], make([]int32, len(p.index))...)
	if err := p.partitioner.Partition(ctx, &p.part, partitions, p.out, &p.faults); err != nil {
		return err
	}
	for i, at := range p.index {
		p.placed.Records[at].Partition = p.out[i]
	}
	return nil
}

func (p *placement) dropRefused() {
	carried := len(p.placed.Carriers) == len(p.placed.Records)
	n := 0
	for i, refused := range p.refused {
		if refused {
			continue
		}
		p.placed.Records[n] = p.placed.Records[i]
		if carried {
			p.placed.Carriers[n] = p.placed.Carriers[i]
		}
		n++
	}
	p.placed.Records = p.placed.Records[:n]
	if carried {
		p.placed.Carriers = p.placed.Carriers[:n]
	}
}
