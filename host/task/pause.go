package task

import "time"

// Pause is the time in which a task neither reads nor processes records because an epoch ends: it
// makes its output durable, notes its positions, and takes up another version of a plugin.
type Pause struct {
	Clock time.Duration
	// Queued is the part of it in which the task's thread was ready and waited for a processor: what
	// a busy machine adds. It is 0 where the system does not tell, or the task changed threads.
	Queued time.Duration
}

// runQueue is how long a thread has waited for a processor since it began; thread is 0 where the
// system does not tell.
type runQueue struct {
	thread int
	waited time.Duration
}

// since returns what the thread has waited from before to q, or 0 if that was another one.
func (q runQueue) since(before runQueue) time.Duration {
	if q.thread == 0 || q.thread != before.thread {
		return 0
	}
	return q.waited - before.waited
}
