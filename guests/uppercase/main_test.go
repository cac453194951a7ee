package main

import (
	"slices"
	"testing"

	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func TestUppercase(t *testing.T) {
	g := sdktest.Open(t, "")
	tests := []struct{ name, value, want string }{
		{"empty", "", ""},
		{"letters", "Hello, World", "HELLO, WORLD"},
		{"edges", "`az{@AZ[", "`AZ{@AZ["},
		{"longer than a word", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{"not ASCII", "\u00e4\u00df\xff\x80z", "\u00e4\u00df\xff\x80Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := g.Run("uppercase", sdktest.KeyValue("key", tt.value))
			if got := string(out[0].Value); got != tt.want || string(out[0].Key) != "key" {
				t.Errorf("uppercase = %q %q, want %q", out[0].Key, got, tt.want)
			}
		})
	}
	if out := g.Run("uppercase", sdktest.Record{}); len(out) != 1 || out[0].Value != nil {
		t.Errorf("a null value does not stay null: %+v", out)
	}
}

// TestEveryByte compares toUpper with the loop it replaces, for every byte at every place.
func TestEveryByte(t *testing.T) {
	for b := range 256 {
		for length := range 20 {
			src := slices.Repeat([]byte{byte(b)}, length)
			want := slices.Clone(src)
			for i, c := range want {
				if c >= 'a' && c <= 'z' {
					want[i] = c - 32
				}
			}
			got := make([]byte, length)
			if toUpper(got, src); !slices.Equal(got, want) {
				t.Fatalf("toUpper(%q) = %q, want %q", src, got, want)
			}
		}
	}
}
