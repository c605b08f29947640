package artifact

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// A VersionError reports facts that another version of the code made; they are to be
// computed again.
type VersionError struct{ Got, Want int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("facts of version %d, want %d", e.Got, e.Want)
}

// Encode returns f as one line of JSON without a newline at its end. Equal facts give equal
// bytes: fields have a fixed order, keys of maps are sorted, "<" and ">" stay plain.
func Encode(f *Facts) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f); err != nil {
		return nil, fmt.Errorf("encode facts of %s: %w", f.FileName, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Decode reads what Encode wrote and validates it. Facts of another version are a
// *VersionError, whatever else they hold; facts that do not validate an *InvalidError.
func Decode(b []byte) (*Facts, error) {
	var v struct {
		FactsVersion int `json:"facts"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("decode facts: %w", err)
	}
	if v.FactsVersion != FactsVersion {
		return nil, &VersionError{Got: v.FactsVersion, Want: FactsVersion}
	}
	f := new(Facts)
	if err := json.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("decode facts: %w", err)
	}
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return f, nil
}

// maxPackedBytes bounds what Unpack makes of its input. The facts of an archive with
// 100,000 files take about 25 MB.
const maxPackedBytes = 512 << 20

// Pack returns f as a zstd frame of its JSON: the form that caches keep.
func Pack(f *Facts) ([]byte, error) {
	b, err := Encode(f)
	if err != nil {
		return nil, err
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	return enc.EncodeAll(b, nil), nil
}

// Unpack reads what Pack wrote. Errors are those of Decode, and of damaged bytes.
func Unpack(b []byte) (*Facts, error) {
	text, err := UnpackText(b)
	if err != nil {
		return nil, err
	}
	return Decode(text)
}

// UnpackText returns what Encode gave, out of what Pack made of it, without looking into it.
func UnpackText(b []byte) ([]byte, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPackedBytes))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	text, err := dec.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("decode facts: %w", err)
	}
	return text, nil
}
