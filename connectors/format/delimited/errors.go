package delimited

import "errors"

// ErrTooLong is returned for a record longer than Options.RecordBytesMax. The stream cannot be
// read on, since nobody knows where the record ends.
var ErrTooLong = errors.New("record is longer than record_bytes_max")
