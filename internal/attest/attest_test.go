package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/scrypt"

	"github.com/nasa-openscapes/corn/digest"
)

func newKey(t *testing.T, curve elliptic.Curve) (pkcs8, public []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if pkcs8, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		t.Fatal(err)
	}
	if public, err = x509.MarshalPKIXPublicKey(&key.PublicKey); err != nil {
		t.Fatal(err)
	}
	return pkcs8, pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: public})
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// sealed encrypts a key as cosign does, with less work.
func sealed(t *testing.T, der []byte, password string, n int) []byte {
	t.Helper()
	var e envelope
	e.KDF.Name, e.Cipher.Name = "scrypt", "nacl/secretbox"
	e.KDF.Params.N, e.KDF.Params.R, e.KDF.Params.P = n, 8, 1
	e.KDF.Salt, e.Cipher.Nonce = bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 24)
	secret, err := scrypt.Key([]byte(password), e.KDF.Salt, 1024, 8, 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	e.Ciphertext = secretbox.Seal(nil, der, (*[24]byte)(e.Cipher.Nonce), (*[32]byte)(secret))
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestKeys(t *testing.T) {
	der, public := newKey(t, elliptic.P256())
	other, otherPublic := newKey(t, elliptic.P384())
	pub, err := ParsePublicKey("k.pub", public)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data     []byte
		password string
	}{
		"PKCS #8":        {block(pkcs8Block, der), ""},
		"cosign":         {block(sigstoreBlock, sealed(t, der, "pass", 1024)), "pass"},
		"older cosign":   {block(cosignBlock, sealed(t, der, "", 1024)), ""},
		"text before it": {append([]byte("# a key\n"), block(pkcs8Block, der)...), ""},
	} {
		key, err := ParsePrivateKey("k", c.data, []byte(c.password))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sig, err := key.Sign([]byte("m"))
		if err != nil || !pub.Verify([]byte("m"), sig) || pub.Verify([]byte("n"), sig) {
			t.Errorf("%s: the public key does not verify what the private one signs (%v)", name, err)
		}
	}
	if _, err := ParsePrivateKey("k", block(sigstoreBlock, sealed(t, der, "pass", 1024)), []byte("wrong")); !errors.Is(err, ErrPassword) {
		t.Errorf("a wrong password gives %v", err)
	}
	for name, bad := range map[string][]byte{
		"nothing":         nil,
		"public":          public,
		"another curve":   block(pkcs8Block, other),
		"certificate":     block("CERTIFICATE", der),
		"damaged":         block(pkcs8Block, der[:20]),
		"no envelope":     block(sigstoreBlock, []byte("{")),
		"too much work":   block(sigstoreBlock, sealed(t, der, "pass", 1<<30)),
		"no power of two": block(sigstoreBlock, sealed(t, der, "pass", 1000)),
	} {
		_, err := ParsePrivateKey("k", bad, []byte("pass"))
		if _, ok := errors.AsType[*KeyError](err); !ok {
			t.Errorf("%s: got %v, want a KeyError", name, err)
		}
	}
	for name, bad := range map[string][]byte{"private": block(pkcs8Block, der), "another curve": otherPublic, "damaged": block(publicBlock, der)} {
		if _, err := ParsePublicKey("k", bad); err == nil {
			t.Errorf("%s: it is taken for a public key", name)
		}
	}
}

func TestSignatures(t *testing.T) {
	der, public := newKey(t, elliptic.P256())
	_, strangers := newKey(t, elliptic.P256())
	key, err := ParsePrivateKey("k", block(pkcs8Block, der), nil)
	if err != nil {
		t.Fatal(err)
	}
	pub, _ := ParsePublicKey("k", public)
	stranger, _ := ParsePublicKey("k", strangers)
	d := digest.Sum([]byte("image"))
	data, sig, err := key.SignImage("quay.io/team/hub", d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"critical":{"identity":{"docker-reference":"quay.io/team/hub"},"image":{"docker-manifest-digest":"` + d.OCI() + `"},"type":"cosign container image signature"},"optional":null}`
	if string(data) != want {
		t.Errorf("payload is\n%s\nwant\n%s", data, want)
	}
	if err := pub.VerifyImage(data, sig, d); err != nil {
		t.Error(err)
	}
	if err := stranger.VerifyImage(data, sig, d); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	if err := pub.VerifyImage(data, sig, digest.Sum([]byte("other"))); err == nil || errors.Is(err, ErrOtherKey) {
		t.Errorf("another image: %v", err)
	}
	for _, bad := range []string{"", "!", base64.StdEncoding.EncodeToString([]byte("no")), sig[:len(sig)-8]} {
		if err := pub.VerifyImage(data, bad, d); !errors.Is(err, ErrOtherKey) {
			t.Errorf("signature %q: %v", bad, err)
		}
	}
	envelope, err := key.Envelop([]byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pub.Open(envelope); err != nil || string(got) != `{"a":1}` {
		t.Errorf("Open = %s, %v", got, err)
	}
	if _, err := stranger.Open(envelope); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	changed := strings.Replace(string(envelope), base64.StdEncoding.EncodeToString([]byte(`{"a":1}`)), base64.StdEncoding.EncodeToString([]byte(`{"a":2}`)), 1)
	if _, err := pub.Open([]byte(changed)); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another statement: %v", err)
	}
	for _, bad := range []string{"", "{}", `{"payloadType":"text/plain"}`, `[]`} {
		if _, err := pub.Open([]byte(bad)); err == nil {
			t.Errorf("Open(%q) passes", bad)
		}
	}
}

// TestPreAuth is the example of DSSE's protocol.md.
func TestPreAuth(t *testing.T) {
	if got, want := string(preAuth("http://example.com/HelloWorld", []byte("hello world"))), "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStatements(t *testing.T) {
	d := digest.Sum([]byte("image"))
	text, err := New("quay.io/team/hub", d, Provenance{RunDetails: RunDetails{Builder: Builder{ID: "me"}}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(text, d)
	if err != nil || !s.Made() || s.Predicate.RunDetails.Builder.ID != "me" {
		t.Errorf("Parse = %+v, %v", s, err)
	}
	for name, bad := range map[string]string{
		"another image": strings.Replace(string(text), d.String(), digest.Sum(nil).String(), 1),
		"another kind":  strings.Replace(string(text), "slsa.dev/provenance/v1", "slsa.dev/provenance/v2", 1),
		"no JSON":       "{",
		"nothing":       "{}",
	} {
		if _, err := Parse([]byte(bad), d); err == nil {
			t.Errorf("%s: it passes", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":[{"digest":{"sha256":"x"}}]}`))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = Parse(data, digest.SHA256{})
		_, _ = ParsePublicKey("k", data)
		_, _ = ParsePrivateKey("k", data, nil)
	})
}
