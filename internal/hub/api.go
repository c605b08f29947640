package hub

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Client talks to one hub's REST API. It is safe for concurrent use.
type Client struct {
	URL   string // "https://hub.example.org", no slash at the end
	token string

	http http.Client
}

// callLimit is how long one request may take; following a spawn is bounded by the caller.
const callLimit = time.Minute

// NewClient returns a client for a hub's address, as people copy it from a browser.
func NewClient(address, token string) (*Client, error) {
	at, err := hubURL(address)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(token) == "" {
		return nil, ErrNoToken
	}
	c := &Client{URL: at, token: strings.TrimSpace(token)}
	// A hub that sends an API request elsewhere wants a person to log in.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// ErrNoToken reports a missing token.
var ErrNoToken = errors.New("no token for the hub's API in " + TokenVariable)

// A ScopeError reports a token that may not do what is needed.
type ScopeError struct {
	Scope string // "servers!user=ada"
	Act   string // "start a server of ada"
	Said  string // the hub's own words; may be empty
}

func (e *ScopeError) Error() string {
	s := fmt.Sprintf("%s: the token lacks the scope %s", e.Act, e.Scope)
	if e.Said != "" {
		s += ": " + e.Said
	}
	return s
}

// Hint says where scopes are given.
func (e *ScopeError) Hint() string {
	return "give the service or token that scope: c.JupyterHub.load_roles in the hub's configuration, or the token page of an admin"
}

// An APIError reports an answer that was not the one hoped for.
type APIError struct {
	Act     string // "start the server ada/corn-trial"
	Status  int
	Message string // the hub's; may be empty
}

func (e *APIError) Error() string {
	s := fmt.Sprintf("%s: the hub answers %d", e.Act, e.Status)
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// A SpawnError reports a server that did not start, with what the spawner said of it.
type SpawnError struct {
	Server  string // "ada/corn-trial"
	Reasons []string
}

func (e *SpawnError) Error() string {
	return fmt.Sprintf("the server %s did not start:\n%s", e.Server, strings.Join(e.Reasons, "\n"))
}

// A User is what the hub says of somebody.
type User struct {
	Name    string            `json:"name"`
	Kind    string            `json:"kind"` // "user", "service"
	Servers map[string]Server `json:"servers"`
	Scopes  []string          `json:"scopes"` // of the token that asked, where it asked for itself
}

// A Server is one of a user's; the default one has the name "".
type Server struct {
	Name         string         `json:"name"`
	Ready        bool           `json:"ready"`
	Stopped      bool           `json:"stopped"`
	Pending      string         `json:"pending"` // "spawn", "stop"; empty: neither
	URL          string         `json:"url"`     // path: "/user/ada/"
	Started      time.Time      `json:"started"`
	LastActivity time.Time      `json:"last_activity"`
	UserOptions  map[string]any `json:"user_options"`
}

// call does one request. needs are the scopes that it takes, named when the hub says 403. Statuses
// outside of want are *APIError; answer may be nil.
func (c *Client) call(ctx context.Context, act, needs, method, path string, body, answer any, want ...int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	resp, err := c.send(ctx, method, path, body, "application/jupyterhub-pagination+json, application/json")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", act, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return 0, fmt.Errorf("%s: read the hub's answer: %w", act, err)
	}
	if !slices.Contains(want, resp.StatusCode) {
		return resp.StatusCode, c.refused(act, needs, resp, data)
	}
	if answer != nil {
		if err := json.Unmarshal(data, answer); err != nil {
			return resp.StatusCode, &APIError{act, resp.StatusCode, "what it sends is not the JSON of JupyterHub's API: is " + c.URL + " the hub's address?"}
		}
	}
	return resp.StatusCode, nil
}

func (c *Client) send(ctx context.Context, method, path string, body any, accept string) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, r)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "token "+c.token)
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.http.Do(req)
}

// refused turns an answer into an error. JupyterHub says {"status": 403, "message": "..."}.
func (c *Client) refused(act, needs string, resp *http.Response, data []byte) error {
	var said struct{ Message string }
	if json.Unmarshal(data, &said) != nil && resp.Header.Get("Content-Type") == "text/plain" {
		said.Message = string(data)
	}
	message := oneLine(said.Message)
	if len(message) > 500 {
		message = message[:500]
	}
	switch {
	case resp.StatusCode == http.StatusForbidden && (needs == "" || strings.Contains(message, "Missing or invalid credentials")):
		return &APIError{act, resp.StatusCode, "it does not know the token in " + TokenVariable}
	case resp.StatusCode == http.StatusForbidden:
		return &ScopeError{Scope: needs, Act: act, Said: message}
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		message = "it leads to " + showAddress(resp.Header.Get("Location")) + ": is " + c.URL + " the hub's address?"
	case resp.StatusCode == http.StatusNotFound && message == "":
		message = "there is no JupyterHub's API at " + c.URL + "/hub/api"
	}
	return &APIError{act, resp.StatusCode, message}
}

// showAddress is an address without its query, which may have secrets.
func showAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "another address"
	}
	u.RawQuery, u.User, u.Fragment = "", nil, ""
	return u.String()
}

// Version asks the hub for its version, which needs no token.
func (c *Client) Version(ctx context.Context) (string, error) {
	var answer struct{ Version string }
	_, err := c.call(ctx, "ask the hub for its version", "", http.MethodGet, "/hub/api/", nil, &answer, http.StatusOK)
	if err == nil && answer.Version == "" {
		err = &APIError{"ask the hub for its version", http.StatusOK, "is " + c.URL + " the hub's address?"}
	}
	return answer.Version, err
}

// Self says whose the token is and what it may do.
func (c *Client) Self(ctx context.Context) (*User, error) {
	var u User
	_, err := c.call(ctx, "ask the hub whose the token is", "", http.MethodGet, "/hub/api/user", nil, &u, http.StatusOK)
	return &u, err
}

// User asks for a user and the user's servers.
func (c *Client) User(ctx context.Context, name string) (*User, error) {
	act := "ask the hub for user " + name
	var u User
	status, err := c.call(ctx, act, "read:servers!user="+name+" and read:users:name!user="+name, http.MethodGet, "/hub/api/users/"+url.PathEscape(name), nil, &u, http.StatusOK)
	if status == http.StatusNotFound {
		return nil, &APIError{act, status, "it knows nobody of that name, or the token may not see them (scope read:users:name)"}
	}
	return &u, err
}

// Running lists everybody with a server that runs.
func (c *Client) Running(ctx context.Context) ([]User, error) {
	var all []User
	for offset := 0; ; {
		var raw json.RawMessage
		path := fmt.Sprintf("/hub/api/users?state=ready&limit=200&offset=%d", offset)
		if _, err := c.call(ctx, "list users with running servers", "list:users and read:servers", http.MethodGet, path, nil, &raw, http.StatusOK); err != nil {
			return nil, err
		}
		var page struct {
			Items      []User `json:"items"`
			Pagination struct {
				Next *struct{ Offset int } `json:"next"`
			} `json:"_pagination"`
		}
		if json.Unmarshal(raw, &page.Items) == nil { // a hub without pages
			return append(all, page.Items...), nil
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, &APIError{"list users with running servers", http.StatusOK, "its list is not in the form of JupyterHub's API"}
		}
		all = append(all, page.Items...)
		if page.Pagination.Next == nil || page.Pagination.Next.Offset <= offset {
			return all, nil
		}
		offset = page.Pagination.Next.Offset
	}
}

// serverPath is a server's address in the API.
func serverPath(user, server string) string {
	p := "/hub/api/users/" + url.PathEscape(user)
	if server == "" {
		return p + "/server"
	}
	return p + "/servers/" + url.PathEscape(server)
}

// ShowServer names a server for people.
func ShowServer(user, server string) string {
	if server == "" {
		return user
	}
	return user + "/" + server
}

// Start asks for a server with options, which are never nil: no body at all would mean those of the
// last time, with the image of that time.
func (c *Client) Start(ctx context.Context, user, server string, options map[string]any) error {
	if options == nil {
		options = map[string]any{}
	}
	act := "start the server " + ShowServer(user, server)
	status, err := c.call(ctx, act, "servers!user="+user, http.MethodPost, serverPath(user, server), options, nil, http.StatusCreated, http.StatusAccepted)
	if status == http.StatusInternalServerError { // the hub keeps the reason for the progress events
		return errors.Join(err, c.Follow(ctx, user, server, nil))
	}
	return err
}

// An Event is one line of what the spawner says while a server starts.
type Event struct {
	Progress float64 `json:"progress"`
	Message  string  `json:"message"`
	Ready    bool    `json:"ready"`
	Failed   bool    `json:"failed"`
	URL      string  `json:"url"`
}

// Follow reads the progress of a spawn until the server is ready. Failing is a *SpawnError with what
// the spawner said. each may be nil.
//
// The hub sends server-sent events (WHATWG HTML 9.2): of their fields it uses data alone.
func (c *Client) Follow(ctx context.Context, user, server string, each func(Event)) error {
	act := "follow the start of " + ShowServer(user, server)
	resp, err := c.send(ctx, http.MethodGet, serverPath(user, server)+"/progress", nil, "text/event-stream")
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // the status says enough
		return c.refused(act, "read:servers!user="+user, resp, data)
	}
	var said []string
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var e Event
		if json.Unmarshal([]byte(text), &e) != nil {
			continue // a keep-alive, or of a spawner that has its own ideas
		}
		e.Message = oneLine(e.Message)
		if each != nil {
			each(e)
		}
		if e.Message != "" && (len(said) == 0 || said[len(said)-1] != e.Message) {
			said = append(said, e.Message)
		}
		switch {
		case e.Ready:
			return nil
		case e.Failed:
			return &SpawnError{ShowServer(user, server), reasons(said)}
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w%s", act, err, lastWords(said))
	}
	return c.afterStream(ctx, user, server, said, lines.Err())
}

// afterStream looks at a server whose progress ended without a word of how: proxies cut long
// answers.
func (c *Client) afterStream(ctx context.Context, user, server string, said []string, why error) error {
	for {
		u, err := c.User(ctx, user)
		if err != nil {
			return err
		}
		s, there := u.Servers[server]
		switch {
		case s.Ready:
			return nil
		case !there || s.Pending == "":
			reasons := reasons(said)
			if why != nil {
				reasons = append(reasons, "the events ended with: "+why.Error())
			}
			return &SpawnError{ShowServer(user, server), append(reasons, "the hub gave it up")}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server %s: %w%s", ShowServer(user, server), ctx.Err(), lastWords(said))
		case <-time.After(pollEvery):
		}
	}
}

const pollEvery = 300 * time.Millisecond

// reasons are the events that say what went wrong: warnings and failures, else the last ones.
func reasons(said []string) []string {
	var out []string
	for _, s := range said {
		low := strings.ToLower(s)
		if strings.Contains(low, "warning") || strings.Contains(low, "fail") || strings.Contains(low, "error") || strings.Contains(low, "back-off") {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		out = said
	}
	if len(out) > 8 {
		out = out[len(out)-8:]
	}
	if len(out) == 0 {
		return []string{"the hub says no reason: look at its log"}
	}
	return slices.Clone(out)
}

func lastWords(said []string) string {
	if len(said) == 0 {
		return ""
	}
	return "; the spawner said last: " + said[len(said)-1]
}

// Stop stops a server and waits until it is gone. One that does not run is stopped. A named one is
// forgotten too where remove says so.
func (c *Client) Stop(ctx context.Context, user, server string, remove bool) error {
	act := "stop the server " + ShowServer(user, server)
	var body any
	if remove && server != "" {
		body = map[string]bool{"remove": true}
	}
	for {
		status, err := c.call(ctx, act, "servers!user="+user, http.MethodDelete, serverPath(user, server), body, nil, http.StatusNoContent, http.StatusAccepted)
		if status == http.StatusNotFound {
			return nil
		}
		pending := status == http.StatusBadRequest && strings.Contains(err.Error(), "pending")
		if err != nil && !pending {
			return err
		}
		u, userErr := c.User(ctx, user)
		if userErr != nil {
			return userErr
		}
		if s, there := u.Servers[server]; !pending && (!there || s.Stopped || !s.Ready && s.Pending == "") {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", act, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// MayScope tells whether scopes, as the hub lists them of a token, have one for a user. What a
// group's or a server's filter lets through only the hub can tell: it counts as yes.
func MayScope(scopes []string, scope, user string) bool {
	for _, s := range scopes {
		name, filter, filtered := strings.Cut(s, "!")
		if name != scope {
			continue
		}
		if !filtered || filter == "user="+user || strings.HasPrefix(filter, "server="+user+"/") || strings.HasPrefix(filter, "group=") {
			return true
		}
	}
	return false
}
