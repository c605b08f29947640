package attest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nasa-openscapes/corn/digest"
)

// How cosign keeps a signature: the payload is a blob of this type, the signature an annotation.
const (
	PayloadType         = "application/vnd.dev.cosign.simplesigning.v1+json"
	SignatureAnnotation = "dev.cosignproject.cosign/signature"
)

// claim is what cosign calls the kind of a signature.
const claim = "cosign container image signature"

type payload struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

// SignImage signs an image of a repository, "quay.io/team/hub", and returns the payload and the
// text of the annotation.
func (k *PrivateKey) SignImage(repository string, image digest.SHA256) (data []byte, signature string, err error) {
	var p payload
	p.Critical.Identity.Reference, p.Critical.Image.Digest, p.Critical.Type = repository, image.OCI(), claim
	if data, err = json.Marshal(p); err != nil {
		return nil, "", err
	}
	sig, err := k.Sign(data)
	return data, base64.StdEncoding.EncodeToString(sig), err
}

// ErrOtherKey reports a signature that is not by the key.
var ErrOtherKey = errors.New("it is not by this key")

// VerifyImage checks a signature and what is signed: the image's digest. The name that the image
// had is not checked, as images are copied between registries.
func (k *PublicKey) VerifyImage(data []byte, signature string, image digest.SHA256) error {
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !k.Verify(data, sig) {
		return ErrOtherKey
	}
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("what it signs cannot be read: %w", err)
	}
	if p.Critical.Type != claim || p.Critical.Image.Digest != image.OCI() {
		return fmt.Errorf("it signs %s, want %s", p.Critical.Image.Digest, image.OCI())
	}
	return nil
}

// EnvelopeType is the media type of a signed statement.
const EnvelopeType = "application/vnd.dsse.envelope.v1+json"

type dsse struct {
	PayloadType string          `json:"payloadType"`
	Payload     []byte          `json:"payload"`
	Signatures  []dsseSignature `json:"signatures"`
}

type dsseSignature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// preAuth is what DSSE signs: type and payload, each with its length before it.
func preAuth(kind string, data []byte) []byte {
	var b bytes.Buffer
	b.WriteString("DSSEv1 " + strconv.Itoa(len(kind)) + " " + kind + " " + strconv.Itoa(len(data)) + " ")
	b.Write(data)
	return b.Bytes()
}

// Envelop signs a statement.
func (k *PrivateKey) Envelop(statement []byte) ([]byte, error) {
	sig, err := k.Sign(preAuth(StatementType, statement))
	if err != nil {
		return nil, err
	}
	return json.Marshal(dsse{StatementType, statement, []dsseSignature{{Sig: sig}}})
}

// Open checks a signed statement and returns it. One that is by another key is ErrOtherKey.
func (k *PublicKey) Open(envelope []byte) ([]byte, error) {
	var e dsse
	if err := json.Unmarshal(envelope, &e); err != nil {
		return nil, fmt.Errorf("signed statement: %w", err)
	}
	if e.PayloadType != StatementType {
		return nil, fmt.Errorf("signed statement: it is of type %q, want %s", e.PayloadType, StatementType)
	}
	for _, s := range e.Signatures {
		if k.Verify(preAuth(e.PayloadType, e.Payload), s.Sig) {
			return e.Payload, nil
		}
	}
	return nil, ErrOtherKey
}
