package sequencefile

import (
	"errors"
	"fmt"
	"io"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// damaged says what is wrong with the bytes. An error of reading them stays what it is.
func damaged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early", format.ErrDamaged)
	}
	return err
}
