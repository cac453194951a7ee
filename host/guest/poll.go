package guest

import (
	"encoding/binary"
	"math"

	"github.com/tetratelabs/wazero/api"
)

// Layout of WASI's subscriptions and events.
const (
	subscriptionSize = 48
	subOffTag        = 8
	subOffID         = 16 // clock or file descriptor
	subOffTimeout    = 24
	subOffFlags      = 40
	subFlagAbsolute  = 1

	eventSize     = 32
	eventOffError = 8
	eventOffType  = 10
)

// wasiPoll sleeps without sleeping: it moves the guest's clock to the earliest time asked for.
// With a clock that stood still a guest would sleep for ever, and a real sleep would hold up the
// task.
func wasiPoll(in *Instance, mem api.Memory, stack []uint64) {
	n := uint32(stack[2])
	if n == 0 || n > subscriptionsMax {
		stack[0] = errnoInval
		return
	}
	list, ok := mem.Read(uint32(stack[0]), n*subscriptionSize)
	events, ok2 := mem.Read(uint32(stack[1]), n*eventSize)
	if !ok || !ok2 {
		stack[0] = errnoFault
		return
	}
	wait := uint64(math.MaxUint64)
	for sub := list; len(sub) > 0; sub = sub[subscriptionSize:] {
		due, _ := in.clock.due(sub)
		wait = min(wait, due)
	}
	fired := uint32(0)
	for sub := list; len(sub) > 0; sub = sub[subscriptionSize:] {
		due, code := in.clock.due(sub)
		if due > wait {
			continue
		}
		// The lists may overlap, so everything is read before anything is written.
		userdata, tag := binary.LittleEndian.Uint64(sub), sub[subOffTag]
		event := events[fired*eventSize:][:eventSize]
		clear(event)
		binary.LittleEndian.PutUint64(event, userdata)
		binary.LittleEndian.PutUint16(event[eventOffError:], code)
		event[eventOffType] = tag
		fired++
	}
	in.clock.advance(wait)
	stack[0] = errno(errnoSuccess, mem.WriteUint32Le(uint32(stack[3]), fired))
}

// due returns how far away the event of a subscription is, and its error number. Standard input
// is at its end and standard output always takes more; other files do not exist.
func (c *clock) due(sub []byte) (ns uint64, code uint16) {
	id := binary.LittleEndian.Uint32(sub[subOffID:])
	switch sub[subOffTag] {
	case eventClock:
		timeout := binary.LittleEndian.Uint64(sub[subOffTimeout:])
		now, ok := c.time(id)
		switch {
		case !ok:
			return 0, errnoInval
		case binary.LittleEndian.Uint16(sub[subOffFlags:])&subFlagAbsolute == 0:
			return timeout, errnoSuccess
		case timeout <= uint64(now):
			return 0, errnoSuccess
		}
		return timeout - uint64(now), errnoSuccess
	case eventRead:
		if id != fdStdin {
			return 0, errnoBadF
		}
		return 0, errnoSuccess
	case eventWrite:
		if id != fdStdout && id != fdStderr {
			return 0, errnoBadF
		}
		return 0, errnoSuccess
	}
	return 0, errnoInval
}
