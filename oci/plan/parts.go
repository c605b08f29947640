package plan

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// A private bucket of more than privatePartBytes is several layers, its artifacts spread by
// the hash of their names: one that moves takes its part along and no more. The number of
// parts is in the layers' IDs, "private:a#2/3", so that the order of layers, which a State
// keeps, remembers it: a bucket that grows is not spread anew. Sizes are those of archives; with bytecode
// a part of 5 MiB is some 8 MB of an image.
const privatePartBytes = 5 << 20

// partOf names the part of a private bucket that an artifact is in.
func partOf(bucket, name string, parts int) string {
	if parts == 1 {
		return bucket
	}
	sum := digest.Sum([]byte(name))
	// Other bytes than those that choose the shared bucket.
	return fmt.Sprintf("%s#%d/%d", bucket, binary.BigEndian.Uint64(sum[8:16])%uint64(parts)+1, parts)
}

// bucketOf takes the ID of a layer apart. One that is no part is a bucket of one.
func bucketOf(layer string) (bucket string, parts int) {
	i := strings.LastIndexByte(layer, '#')
	if i < 0 {
		return layer, 1
	}
	at, of, ok := strings.Cut(layer[i+1:], "/")
	k, err := strconv.Atoi(at)
	n, err2 := strconv.Atoi(of)
	if !ok || err != nil || err2 != nil || k < 1 || k > n || n < 2 {
		return layer, 1
	}
	return layer[:i], n
}

// privateEnv is the env that a private layer was made for; ok is false for other layers.
func privateEnv(layer string) (env string, ok bool) {
	bucket, _ := bucketOf(layer)
	return strings.CutPrefix(bucket, privatePrefix)
}

// split spreads private buckets over their parts. placed are the contents, by index, that were given
// a bucket just now; those that kept their layer stay. It returns how many layers there are for
// the sake of parts alone, which are limit at most: where layers are few, a bucket is one again.
// The number of parts that prev knows is no longer open to that.
func (w *world) split(a *assignment, prev *State, placed []int, limit int) (extra int) {
	parts := map[string]int{}
	if prev != nil {
		for _, layer := range prev.Order {
			if bucket, n := bucketOf(layer); KindOf(layer) == ContentPrivate && parts[bucket] == 0 {
				parts[bucket] = n
			}
		}
	}
	size := map[string]int64{} // of the buckets that are new
	for _, i := range placed {
		if bucket := a.content[i]; parts[bucket] == 0 {
			size[bucket] += max(1, w.contents[i].SizeBytes)
		}
	}
	for bucket, n := range size {
		parts[bucket] = int((n + privatePartBytes - 1) / privatePartBytes)
	}
	for {
		if extra = w.extra(a, placed, parts, size); extra <= limit {
			break
		}
		most := ""
		for bucket := range size {
			if most == "" || parts[bucket] > parts[most] || parts[bucket] == parts[most] && bucket < most {
				most = bucket
			}
		}
		parts[most]--
	}
	for _, i := range placed {
		a.content[i] = partOf(a.content[i], w.contents[i].Name, parts[a.content[i]])
	}
	return extra
}

// extra counts the layers of new buckets beyond one each.
func (w *world) extra(a *assignment, placed []int, parts map[string]int, size map[string]int64) int {
	layers := map[string]bool{}
	for _, i := range placed {
		if bucket := a.content[i]; size[bucket] > 0 {
			layers[partOf(bucket, w.contents[i].Name, parts[bucket])] = true
		}
	}
	return len(layers) - len(size)
}
