package main

// target is one fuzz function.
type target struct {
	folder string // of its package
	name   string
}

// subject is what is to be trusted, and the targets that share its minutes.
type subject struct {
	name    string
	targets []target
}

// subjects are the decoders of what a plugin's author, or a plugin, can choose freely, and of files.
func subjects() []subject {
	return []subject{
		{"frame decoder", []target{
			{"abi", "FuzzDecodeOutput"},
			{"abi", "FuzzDecodeFrame"},
		}},
		{"reader, pre-pass, rewriter", []target{
			{"guests/hostile", "FuzzLoad"},
			{"host/guest/meter", "FuzzRewrite"},
			{"host/guest/meter", "FuzzSameResults"},
			{"host/guest/wasm", "FuzzParse"},
		}},
		{"description", []target{
			{"abi", "FuzzParseDescription"},
		}},
		{"files of formats", []target{
			{"connectors/format/sequencefile", "FuzzReader"},
			{"connectors/format/avro", "FuzzFileReader"},
			{"connectors/format/avro", "FuzzDeserialize"},
			{"connectors/format/compress", "FuzzExpand"},
			{"connectors/format/parquet", "FuzzReader"},
			{"connectors/format/parquet", "FuzzJoin"},
			{"connectors/format/parquet", "FuzzSchema"},
			{"connectors/format/parquet", "FuzzRow"},
		}},
	}
}
