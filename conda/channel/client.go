package channel

import (
	"net/http"
	"time"

	"github.com/nasa-openscapes/corn/transport"
)

// ClientOptions of a Client. The zero value is the default.
type ClientOptions struct {
	Config      Config
	Credentials Credentials // from files; those in the URLs of channels come by themselves
	UserAgent   string
	RetryWait   time.Duration     // the first pause, which doubles; zero means 500 ms
	Transport   http.RoundTripper // for the bytes; nil means Go's, with Config's proxies and TLS
	// Warn is told of every retry and Received of bytes as they come. Both may be nil and
	// are called concurrently. Neither is shown a secret.
	Warn     func(format string, args ...any)
	Received func(bytes int64)
}

// NewClient returns a client that shows the credentials of o and of extra, which count first.
// Files that Config names and that cannot be read are a *ConfigError.
func NewClient(o ClientOptions, extra ...Credential) (*transport.Client, error) {
	return transport.New(transport.Options{
		Settings: o.Config.Settings, Credentials: append(append(Credentials(nil), extra...), o.Credentials...),
		UserAgent: o.UserAgent, RetryWait: o.RetryWait, Transport: o.Transport, Warn: o.Warn, Received: o.Received,
	})
}
