package capture

import "errors"

var (
	// ErrFormat says that a file is no captured batch, or is not whole.
	ErrFormat = errors.New("not a whole captured batch")
	// ErrVersion says that a captured batch has a format of a later wasmflow.
	ErrVersion = errors.New("the captured batch has a format that this wasmflow does not know")
	// ErrOpenFolder says that the folder was there before and that others can enter it.
	ErrOpenFolder = errors.New("others than its owner can enter it")
	// ErrTooLarge says that a batch is larger than a plugin's captures may be together.
	ErrTooLarge = errors.New("the batch is larger than capture.bytes_max")
)
