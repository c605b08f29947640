package projecttest

import (
	"bytes"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
)

// WithNotebook puts a layer with a small notebook env, in the place where base's has it,
// on an image: JupyterHub's program, the kernel python3, and a file that only it has.
func WithNotebook(img v1.Image) (v1.Image, error) {
	const at = "srv/conda/envs/notebook/"
	own := func(h layertest.H) layertest.H { h.UID, h.GID = 1000, 1000; return h }
	data := layertest.Tar(
		layertest.H{Name: "srv/"},
		own(layertest.H{Name: "srv/conda/"}), own(layertest.H{Name: "srv/conda/envs/"}), own(layertest.H{Name: at}),
		own(layertest.H{Name: at + "bin/"}),
		own(layertest.H{Name: at + "bin/jupyterhub-singleuser", Mode: 0o755, Data: "#!/bin/sh\n"}),
		own(layertest.H{Name: at + "bin/python", Mode: 0o755, Data: "#!/bin/sh\n"}),
		own(layertest.H{Name: at + "conda-meta/"}),
		own(layertest.H{Name: at + "conda-meta/history", Data: ""}),
		own(layertest.H{Name: at + "only-in-the-base", Data: "old\n"}),
		own(layertest.H{Name: at + "share/"}), own(layertest.H{Name: at + "share/jupyter/"}),
		own(layertest.H{Name: at + "share/jupyter/kernels/"}), own(layertest.H{Name: at + "share/jupyter/kernels/python3/"}),
		own(layertest.H{Name: at + "share/jupyter/kernels/python3/kernel.json", Data: `{"argv": ["python"], "display_name": "Python 3", "language": "python"}` + "\n"}),
	)
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(img, layer)
}
