package repodata

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/tinylib/msgp/msgp"
)

// A msgpack reads MessagePack that is whole in memory. After the first error the others
// methods give nothing.
type msgpack struct {
	what  string
	whole []byte
	b     []byte
	err   error
}

func (m *msgpack) fail(reason string) error {
	if m.err == nil {
		m.err = &FormatError{What: m.what, Offset: int64(len(m.whole) - len(m.b)), Reason: reason}
	}
	return m.err
}

func (m *msgpack) took(rest []byte, err error) {
	switch {
	case err == nil:
		m.b = rest
	case errors.Is(err, msgp.ErrShortBytes):
		m.err = &FormatError{What: m.what, Offset: int64(len(m.whole)), Err: ErrTruncated}
	default:
		_ = m.fail(err.Error())
	}
}

func (m *msgpack) next() msgp.Type {
	if m.err != nil || len(m.b) == 0 {
		return msgp.InvalidType
	}
	return msgp.NextType(m.b)
}

func (m *msgpack) skip() {
	if m.err == nil {
		m.took(msgp.Skip(m.b))
	}
}

// members calls f with each key of a map; f has to consume the value. null is an empty map.
func (m *msgpack) members(f func(key []byte) error) error {
	switch t := m.next(); {
	case m.err != nil:
		return m.err
	case len(m.b) == 0:
		m.took(nil, msgp.ErrShortBytes)
		return m.err
	case t == msgp.NilType:
		m.skip()
		return m.err
	case t != msgp.MapType:
		return m.fail(fmt.Sprintf("want a map, got %s", t))
	}
	n, rest, err := msgp.ReadMapHeaderBytes(m.b)
	m.took(rest, err)
	for range n {
		key := m.text()
		if m.err != nil {
			return m.err
		}
		if err := f(key); err != nil {
			return err
		}
	}
	return m.err
}

// text reads a string or bytes, the digits of a number, and nothing for anything else.
func (m *msgpack) text() (s []byte) {
	if m.err != nil {
		return nil
	}
	var rest []byte
	var err error
	switch t := m.next(); t {
	case msgp.StrType:
		s, rest, err = msgp.ReadStringZC(m.b)
	case msgp.BinType:
		s, rest, err = msgp.ReadBytesZC(m.b)
	case msgp.IntType, msgp.UintType, msgp.Float64Type, msgp.Float32Type:
		return strconv.AppendFloat(nil, m.number(), 'g', -1, 64)
	case msgp.BoolType:
		var on bool
		if on, rest, err = msgp.ReadBoolBytes(m.b); on {
			s = []byte("true")
		}
	case msgp.InvalidType:
		if len(m.b) == 0 {
			err = msgp.ErrShortBytes
		} else {
			err = fmt.Errorf("want a text, got byte %#02x", m.b[0])
		}
	default:
		rest, err = msgp.Skip(m.b)
	}
	m.took(rest, err)
	return s
}

// number reads a number of any type, and 0 for anything else.
func (m *msgpack) number() (f float64) {
	if m.err != nil {
		return 0
	}
	var rest []byte
	var err error
	switch m.next() {
	case msgp.IntType:
		var i int64
		i, rest, err = msgp.ReadInt64Bytes(m.b)
		f = float64(i)
	case msgp.UintType:
		var u uint64
		u, rest, err = msgp.ReadUint64Bytes(m.b)
		f = float64(u)
	case msgp.Float64Type:
		f, rest, err = msgp.ReadFloat64Bytes(m.b)
	case msgp.Float32Type:
		var f32 float32
		f32, rest, err = msgp.ReadFloat32Bytes(m.b)
		f = float64(f32)
	case msgp.StrType:
		f, _ = strconv.ParseFloat(string(m.text()), 64)
		return sane(f)
	default:
		rest, err = msgp.Skip(m.b)
	}
	m.took(rest, err)
	return sane(f)
}

// texts reads an array of texts; a single text is an array of one.
func (m *msgpack) texts(list [][]byte) [][]byte {
	if m.next() != msgp.ArrayType {
		if s := m.text(); len(s) > 0 {
			list = append(list, s)
		}
		return list
	}
	n, rest, err := msgp.ReadArrayHeaderBytes(m.b)
	m.took(rest, err)
	for range n {
		s := m.text()
		if m.err != nil {
			return list
		}
		if len(s) > 0 {
			list = append(list, s)
		}
	}
	return list
}

func (m *msgpack) words(list [][]byte) [][]byte {
	if m.next() == msgp.StrType {
		return appendWords(list, m.text())
	}
	list = m.texts(list)
	for i, w := range list {
		list[i] = bytes.TrimSpace(w)
	}
	return list
}

// readMsgpack decodes one record of a shard. It differs from readJSON in the sums, which
// are bytes here.
func (e *entry) readMsgpack(m *msgpack) error {
	return m.members(func(key []byte) error {
		switch string(key) {
		case "name":
			e.name = m.text()
		case "version":
			e.version = m.text()
		case "build", "build_string":
			e.build = m.text()
		case "build_number":
			e.buildNumber = int64(m.number())
		case "depends":
			e.depends = m.texts(e.depends[:0])
		case "constrains":
			e.constrains = m.texts(e.constrains[:0])
		case "track_features":
			e.trackFeatures = m.words(e.trackFeatures[:0])
		case "features":
			e.features = m.words(e.features[:0])
		case "flags":
			e.flags = m.texts(e.flags[:0])
		case "md5":
			sumFrom(e.md5[:], m.text())
		case "sha256":
			sumFrom(e.sha256[:], m.text())
		case "size":
			e.sizeBytes = max(0, int64(m.number()))
		case "timestamp":
			e.timestampMillis = m.timestamp()
		case "noarch":
			e.noarch = noarchOf(m.text())
		case "license":
			e.license = m.text()
		case "license_family":
			e.licenseFamily = m.text()
		case "python_site_packages_path":
			e.sitePackagesPath = m.text()
		case "record_version":
			e.recordVersion = int64(m.number())
		case "extra_depends", "extra-depends":
			if m.next() != msgp.MapType {
				m.skip()
				break
			}
			return m.members(func(key []byte) error {
				e.extras = append(e.extras, extra{name: key, depends: m.texts(nil)})
				return m.err
			})
		default:
			m.skip()
		}
		return m.err
	})
}

// timestamp reads a number, or MessagePack's own type of time, which some writers use.
func (m *msgpack) timestamp() int64 {
	if m.next() != msgp.TimeType {
		return millis(m.number())
	}
	t, rest, err := msgp.ReadTimeBytes(m.b)
	m.took(rest, err)
	if m.err != nil {
		return 0
	}
	return max(0, t.UnixMilli())
}
