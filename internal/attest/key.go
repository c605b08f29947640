package attest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/scrypt"
)

// A KeyError reports a key that cannot be used. It never has the key in it.
type KeyError struct {
	File   string
	Reason string
}

func (e *KeyError) Error() string { return fmt.Sprintf("key %s: %s", e.File, e.Reason) }

// ErrPassword reports a key whose password is wrong or not given.
var ErrPassword = errors.New("the password of the key is wrong, or none was given")

// A PrivateKey signs.
type PrivateKey struct{ key *ecdsa.PrivateKey }

// A PublicKey verifies.
type PublicKey struct{ key *ecdsa.PublicKey }

// Public is the other half of the key.
func (k *PrivateKey) Public() *PublicKey { return &PublicKey{&k.key.PublicKey} }

// Sign signs a message: ASN.1 over its SHA-256.
func (k *PrivateKey) Sign(message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, k.key, sum[:])
}

// Verify tells whether the signature of a message is by this key.
func (k *PublicKey) Verify(message, signature []byte) bool {
	sum := sha256.Sum256(message)
	return ecdsa.VerifyASN1(k.key, sum[:], signature)
}

// Names of PEM blocks.
const (
	sigstoreBlock = "ENCRYPTED SIGSTORE PRIVATE KEY"
	cosignBlock   = "ENCRYPTED COSIGN PRIVATE KEY" // before cosign 2
	pkcs8Block    = "PRIVATE KEY"
	ecBlock       = "EC PRIVATE KEY"
	publicBlock   = "PUBLIC KEY"
)

// ParsePrivateKey reads a private key of cosign (cosign generate-key-pair), which is encrypted, or
// one of openssl's in PKCS #8 or SEC 1, which is not. file is its name in errors. Errors: *KeyError,
// ErrPassword.
func ParsePrivateKey(file string, data, password []byte) (*PrivateKey, error) {
	fail := func(reason string) (*PrivateKey, error) { return nil, &KeyError{file, reason} }
	block, _ := pem.Decode(data)
	if block == nil {
		return fail("is no PEM file: want a private key, as of cosign generate-key-pair")
	}
	der := block.Bytes
	switch block.Type {
	case sigstoreBlock, cosignBlock:
		var err error
		if der, err = decrypt(block.Bytes, password); err != nil {
			if errors.Is(err, ErrPassword) {
				return nil, fmt.Errorf("key %s: %w", file, err)
			}
			return fail(err.Error())
		}
	case ecBlock:
		key, err := x509.ParseECPrivateKey(der)
		if err != nil {
			return fail("cannot be read: " + err.Error())
		}
		return usable(file, key)
	case publicBlock:
		return fail("is the public key: want the private one")
	case pkcs8Block:
	default:
		return fail(fmt.Sprintf("has a PEM block %q: want a private key, as of cosign generate-key-pair", block.Type))
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return fail("cannot be read: " + err.Error())
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return fail(fmt.Sprintf("is a %T: want ECDSA on P-256", key))
	}
	return usable(file, ec)
}

func usable(file string, key *ecdsa.PrivateKey) (*PrivateKey, error) {
	if key.Curve != elliptic.P256() {
		return nil, &KeyError{file, "is on curve " + key.Curve.Params().Name + ": want P-256"}
	}
	return &PrivateKey{key}, nil
}

// ParsePublicKey reads a public key (cosign.pub). Errors are *KeyError.
func ParsePublicKey(file string, data []byte) (*PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != publicBlock {
		return nil, &KeyError{file, "has no public key in PEM, as cosign.pub has one"}
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, &KeyError{file, "cannot be read: " + err.Error()}
	}
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, &KeyError{file, fmt.Sprintf("is a %T: want ECDSA on P-256", key)}
	}
	return &PublicKey{ec}, nil
}

// An envelope is how cosign keeps an encrypted key.
type envelope struct {
	KDF struct {
		Name   string `json:"name"`
		Params struct {
			N int `json:"N"`
			R int `json:"r"`
			P int `json:"p"`
		} `json:"params"`
		Salt []byte `json:"salt"`
	} `json:"kdf"`
	Cipher struct {
		Name  string `json:"name"`
		Nonce []byte `json:"nonce"`
	} `json:"cipher"`
	Ciphertext []byte `json:"ciphertext"`
}

// What a key file may ask for: cosign's own N is 65536, r 8, p 1, which take 64 MB.
const maxScryptN, maxScryptR, maxScryptP = 1 << 20, 16, 8

func decrypt(data, password []byte) ([]byte, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	p := e.KDF.Params
	if e.KDF.Name != "scrypt" || e.Cipher.Name != "nacl/secretbox" || len(e.Cipher.Nonce) != 24 {
		return nil, fmt.Errorf("is encrypted by %q and %q: want scrypt and nacl/secretbox", e.KDF.Name, e.Cipher.Name)
	}
	if p.N > maxScryptN || p.R > maxScryptR || p.P > maxScryptP {
		return nil, fmt.Errorf("asks for too much work: scrypt with N %d, r %d, p %d", p.N, p.R, p.P)
	}
	secret, err := scrypt.Key(password, e.KDF.Salt, p.N, p.R, p.P, 32)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	out, ok := secretbox.Open(nil, e.Ciphertext, (*[24]byte)(e.Cipher.Nonce), (*[32]byte)(secret))
	if !ok {
		return nil, ErrPassword
	}
	return out, nil
}
