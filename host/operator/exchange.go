package operator

import (
	"context"
	"fmt"

	"github.com/wasmflow/wasmflow/abi"
)

// Spare is an open function of a plugin that waits to take the place of another.
type Spare struct{ core }

// NewSpare opens a function as a New... of its role would. It may be called from any goroutine:
// everything slow about an exchange happens here.
func NewSpare(ctx context.Context, cfg Config, role abi.Role) (*Spare, error) {
	c, err := newCore(ctx, cfg, role)
	if err != nil {
		return nil, err
	}
	return &Spare{c}, nil
}

// Exchanger is the ability of every function of this package to be replaced between two batches.
type Exchanger interface {
	// Exchange puts s in the place of the function, and the function into s. It belongs to the
	// goroutine of the function, and does nothing but swap two structs. Which splits a
	// deserializer has ended stays known: that is the job's, not the guest's.
	Exchange(s *Spare)
}

// Exchange implements Exchanger.
func (r *runner) Exchange(s *Spare) {
	if r.spec.Role != s.spec.Role {
		panic(fmt.Sprintf("operator: a %s in place of a %s", s.spec.Role, r.spec.Role))
	}
	r.core, s.core = s.core, r.core
}

var (
	_ Exchanger = (*Transform)(nil)
	_ Exchanger = (*Deserializer)(nil)
	_ Exchanger = (*Serializer)(nil)
	_ Exchanger = (*Partitioner)(nil)
	_ Exchanger = (*BucketAssigner)(nil)
)
