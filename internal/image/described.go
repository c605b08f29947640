package image

import "context"

// Described returns the files in which an image says what is in it, those of MetadataPath and
// FactsPath that its metadata layer has, by path. An image that corn did not make has none.
func (b *Base) Described(ctx context.Context) (map[string][]byte, error) {
	layers := b.image.layers
	if len(layers) == 0 {
		return nil, nil
	}
	at := len(layers) - 1
	if b.image.read != nil {
		for i, d := range b.image.read.Layers {
			if d.Annotations[AnnotationLayerKind] == MetadataKind {
				at = i
			}
		}
	}
	return readFiles(ctx, layers[at], MetadataPath, FactsPath)
}
