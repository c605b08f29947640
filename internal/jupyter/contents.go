package jupyter

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// MakeFolder makes a folder below the server's root folder; its parent is there.
func (s *Server) MakeFolder(ctx context.Context, path string) error {
	return s.put(ctx, path, map[string]string{"type": "directory"})
}

// WriteFile writes a file below the server's root folder; its folder is there.
func (s *Server) WriteFile(ctx context.Context, path string, data []byte) error {
	return s.put(ctx, path, map[string]string{"type": "file", "format": "base64", "content": base64.StdEncoding.EncodeToString(data)})
}

func (s *Server) put(ctx context.Context, path string, model map[string]string) error {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	err := s.Call(ctx, http.MethodPut, "/api/contents/"+strings.Join(parts, "/"), model, http.StatusCreated, nil)
	if status, ok := errors.AsType[*StatusError](err); ok && status.Got == http.StatusOK {
		return nil // it was there
	}
	return err
}
