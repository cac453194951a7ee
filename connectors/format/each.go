package format

import (
	"errors"

	"github.com/wasmflow/wasmflow/connectors"
)

// Each is the body of a deserializer or serializer that makes one value of each. It calls f with
// the index and the value of every record of in and puts what f returns, which must stay valid as
// long as out is in use, in the value's place. A null stays null. A *Refusal is a fault of
// function; any other error ends the call.
func Each(in, out *connectors.Batch, faults *connectors.Faults, function string,
	f func(i int, value []byte) ([]byte, error),
) error {
	out.Splits = append(out.Splits, in.Splits...)
	out.Targets = append(out.Targets, in.Targets...)
	for i := range in.Records {
		value := in.Records[i].Value
		if value != nil {
			var err error
			if value, err = f(i, value); err != nil {
				if err := addFault(faults, i, function, err); err != nil {
					return err
				}
				continue
			}
		}
		r := out.Append()
		*r = in.Records[i]
		r.Value = value
	}
	return nil
}

func addFault(faults *connectors.Faults, i int, function string, err error) error {
	var refused *Refusal
	if !errors.As(err, &refused) {
		return err
	}
	faults.Add(connectors.Fault{Index: i, Function: function, Text: refused.Error()})
	return nil
}
