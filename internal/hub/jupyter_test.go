package hub

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/testkit/hubtest"
)

// TestMain makes the test binary a user's server where a hub starts it as one. What image it is of
// decides what is wrong with it: "nokernel" lacks the kernel r, "broken" has one that fails, "other"
// is another build.
func TestMain(m *testing.M) {
	image, ok := os.LookupEnv("CORN_FAKE_JUPYTER")
	if !ok {
		os.Exit(m.Run())
	}
	at, err := url.Parse(os.Getenv("JUPYTERHUB_SERVICE_URL"))
	if err != nil {
		panic(err)
	}
	sum := "0123"
	if strings.Contains(image, "other") {
		sum = "4567"
	}
	kernels := []hubtest.Kernel{{Name: "py", DisplayName: "Py", Language: "python", Output: `{"prefix": "/envs/py", "sum": "` + sum + `"}`}}
	if !strings.Contains(image, "nokernel") {
		r := hubtest.Kernel{Name: "r", DisplayName: "R", Language: "R", Output: "42"}
		if strings.Contains(image, "broken") {
			r.Error = "simpleError: no libR"
		}
		kernels = append(kernels, r)
	}
	fmt.Fprintln(os.Stderr, http.ListenAndServe(at.Host, hubtest.Jupyter(os.Getenv("JUPYTERHUB_SERVICE_PREFIX"), kernels)))
	os.Exit(1)
}
