package archive

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Each reader gets a decoder of its own, however many take and give back at once.
func TestDecodersAreNeverShared(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var d Decoders
	var wg sync.WaitGroup
	for g := range 8 {
		text := bytes.Repeat(fmt.Appendf(nil, "reader %d ", g), 50)
		packed := enc.EncodeAll(text, nil)
		wg.Go(func() {
			for range 200 {
				dec, err := d.get(bytes.NewReader(packed), 1<<20)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := io.ReadAll(dec); err != nil || !bytes.Equal(got, text) {
					t.Errorf("reader %d read %.20q, %v; want %.20q", g, got, err, text)
				}
				d.put(dec, 1<<20)
			}
		})
	}
	wg.Wait()
}
