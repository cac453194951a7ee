package txlog_test

const (
	testRoot    = "/store"
	testJob     = "orders"
	testName    = "kafka:out"
	testCommits = "wasmflow.orders.commits"
)
