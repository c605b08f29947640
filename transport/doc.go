// Package transport asks servers for files: with retries, credentials, proxies, certificates,
// and bodies that go on where they broke. Channels and package indexes are read through it.
//
// Sources: RFC 9110 (conditional requests, ranges, Retry-After), RFC 9111 (freshness), and ftp(1)
// for netrc. Every request looks up its own credential, so what a redirect leads to gets
// what belongs there and nothing else; over http only where the user wrote http.
//
// Nothing here prints a URL: errors hold none, and what is told to Options.Warn is redacted.
//
// Out of scope: what the files mean, caches, and archives (internal/fetch has its own loop around
// [Client.RoundTripper], because a download goes on in a later process).
package transport
