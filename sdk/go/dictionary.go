package wasmflow

import "github.com/wasmflow/wasmflow/sdk/go/internal/layout"

// dictionaryWordsMax bounds what a dictionary remembers over calls: buckets and topics are few, and
// where they are not, remembering them does not pay.
const dictionaryWordsMax = 1 << 14

// dictionary is the string table of the output. A string stands in it once; one that was known in
// an earlier call costs no allocation.
type dictionary struct {
	known map[string]*word
	last  *word // the word asked for last: mostly it is the next one, too
	call  uint64
	table []layout.String
	words []*word // words[i] is the word that table[i] is
}

type word struct {
	text  string
	call  uint64 // the call in which index was given
	index uint32
}

// reset begins the table of another call.
func (d *dictionary) reset() {
	d.cut(0)
	d.call++
	if d.known == nil || len(d.known) > dictionaryWordsMax {
		d.known = make(map[string]*word)
		d.last = nil
	}
}

// cut takes back the strings from n on: their bytes are about to be overwritten.
func (d *dictionary) cut(n int) {
	clear(d.words[n:])
	d.table, d.words = d.table[:n], d.words[:n]
}

// index returns the index of s in the table.
func (d *dictionary) index(o *Emitter, s []byte) uint32 {
	w := d.last
	if w == nil || w.text != string(s) {
		if w = d.known[string(s)]; w == nil {
			w = &word{text: string(s)}
			d.known[w.text] = w
		}
		d.last = w
	}
	if w.call == d.call && w.index < uint32(len(d.words)) && d.words[w.index] == w {
		return w.index
	}
	w.call, w.index = d.call, uint32(len(d.table))
	d.table = append(d.table, layout.String{Off: o.copied(s), Len: uint32(len(s))})
	d.words = append(d.words, w)
	return w.index
}
