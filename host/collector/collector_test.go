package collector

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentFor(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 1600, 1 << 20: 1600, 4 << 20: 1600, 5 << 20: 1150, 8 << 20: 700, 16 << 20: 300,
		21 << 20: 200, 64 << 20: 200, 1 << 40: 200,
	} {
		require.Equal(t, want, percentFor(live), "%d bytes live", live)
	}
}

// TestTune: what the collector goes by follows what lives, and ends with the tuner.
func TestTune(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	unset := func(string) (string, bool) { return "", false }
	stop := Tune(unset)
	tunedTo := func(percent func(uint64) bool) func() bool {
		return func() bool {
			runtime.GC()
			return percent(current())
		}
	}
	alive := make([]byte, 2*floorBytes)
	require.Eventually(t, tunedTo(func(percent uint64) bool { return percent == usualPercent }),
		time.Minute, time.Millisecond)
	runtime.KeepAlive(alive)
	alive = nil
	require.Eventually(t, tunedTo(func(percent uint64) bool { return percent > usualPercent }),
		time.Minute, time.Millisecond)
	stop()
	require.True(t, tunedTo(func(percent uint64) bool { return percent == 100 })())
}

// TestNothingIsTunedAfterTheEnd: a collection may end at the same moment.
func TestNothingIsTunedAfterTheEnd(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for range 1000 {
		tuner := &tuner{percent: -1} // what is due is another one
		var adjusting sync.WaitGroup
		begun := make(chan struct{})
		adjusting.Go(func() { // ends by itself
			close(begun)
			tuner.adjust()
		})
		<-begun
		tuner.stop(100)
		adjusting.Wait()
		require.EqualValues(t, 100, current())
	}
}

// current is the percentage that the collector goes by.
func current() uint64 {
	percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(percent)
	return percent[0].Value.Uint64()
}

func TestTuneLeavesWhatIsChosen(t *testing.T) {
	t.Setenv("GOGC", "123")
	before := debug.SetGCPercent(123)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	Tune(os.LookupEnv)()
	require.EqualValues(t, 123, current())
}
