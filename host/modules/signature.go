package modules

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// What cosign writes into a registry: the old form under a tag, the new one beside the artifact.
const (
	payloadType     = "application/vnd.dev.cosign.simplesigning.v1+json"
	signatureKey    = "dev.cosignproject.cosign/signature"
	payloadClaim    = "cosign container image signature"
	bundleType      = "application/vnd.dev.sigstore.bundle.v0.3+json"
	statementType   = "application/vnd.in-toto+json"
	statementClaim  = "https://sigstore.dev/cosign/sign/v1"
	envelopePrefix  = "DSSEv1"
	signaturesMax   = 16       // signatures of an artifact that are looked at
	payloadBytesMax = 64 << 10 // of what is signed: a digest, and what somebody wants to say with it
)

// checkSignature returns the fingerprint of the key that signed the module, or says why there is
// none. a is the artifact that holds it, or nil.
func (f *fetch) checkSignature(ctx context.Context, a *artifact, module []byte, keys []publicKey,
) (string, error) {
	if a != nil && f.source.Signature == "" {
		return a.checkSignature(ctx, keys)
	}
	at, err := f.signatureAt()
	if err != nil {
		return "", err
	}
	data, err := f.readSignature(ctx, at)
	if err != nil {
		return "", err
	}
	signature, err := parseSignature(data)
	if err != nil {
		return "", refuse(SettingSignature, fmt.Sprintf("%s holds no signature: %v", at, err),
			"write it with wasmflow sign, or with cosign sign-blob --key", err)
	}
	by := signedBy(keys, module, signature)
	if by == "" {
		return "", refuse(SettingSignature, fmt.Sprintf("the signature in %s was not made over this "+
			"module with a key of %s", at, f.source.PublicKey),
			"sign this very file, or correct public_key; do not use the module before it is clear", nil)
	}
	return by, nil
}

// signatureAt returns where the signature is.
func (f *fetch) signatureAt() (Reference, error) {
	if f.source.Signature != "" {
		at, err := Parse(f.source.Signature)
		var e *Error
		if errors.As(err, &e) {
			e.Setting, e.Reason = SettingSignature, "the signature: "+e.Reason
			return at, e
		}
		if at.kind == KindOCI {
			return at, refuse(SettingSignature, "a signature of its own is a file",
				"name a file, or leave it out: what cosign keeps beside an artifact is found", nil)
		}
		return at, nil
	}
	if f.ref.kind == KindHTTPS {
		u := *f.ref.url
		u.Path, u.RawPath = u.Path+SignatureSuffix, ""
		return Parse(u.String())
	}
	return Parse(f.ref.text + SignatureSuffix)
}

func (f *fetch) readSignature(ctx context.Context, at Reference) ([]byte, error) {
	var data []byte
	var err error
	if at.kind == KindHTTPS {
		data, _, err = f.get(ctx, at, signatureBytesMax)
	} else {
		data, err = f.readFile(ctx, at.text, signatureBytesMax)
	}
	if err == nil {
		return data, nil
	}
	reason := cause(err).Error()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, filesystem.ErrNotFound) {
		reason = "no such file"
	}
	var e *Error
	if errors.As(err, &e) {
		reason = e.Reason
	}
	no := refuse(SettingSignature, fmt.Sprintf("no signature at %s: %s", at, reason),
		"sign the module (wasmflow sign), say with signature where that is, or remove public_key", err)
	no.Passing = e != nil && e.Passing
	return nil, no
}

// parseSignature reads base64 as cosign and wasmflow write it, the bundle of newer versions of
// cosign, or the bare bytes that openssl writes.
func parseSignature(data []byte) ([]byte, error) {
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		return nil, errors.New("it is empty")
	case text[0] == '{':
		b, err := parseBundle(text)
		if err != nil {
			return nil, err
		}
		if len(b.Message.Signature) == 0 {
			return nil, errors.New("the bundle holds no signature of a file")
		}
		return b.Message.Signature, nil
	}
	if signature, err := base64.StdEncoding.DecodeString(string(text)); err == nil {
		return signature, nil
	}
	if len(data) > bareBytesMax {
		return nil, errors.New("it is neither base64, nor a bundle, nor a bare signature")
	}
	return data, nil
}

// bareBytesMax is the length of the longest bare signature: two numbers of P-256 in ASN.1.
const bareBytesMax = 72

// bundle is what is of interest of the file that cosign calls so.
type bundle struct {
	Message struct {
		Signature []byte `json:"signature"`
	} `json:"messageSignature"`
	Envelope *struct {
		Payload     []byte `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			Sig []byte `json:"sig"`
		} `json:"signatures"`
	} `json:"dsseEnvelope"`
}

func parseBundle(data []byte) (*bundle, error) {
	var b bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	return &b, nil
}

// checkSignature looks for a signature over the digest of the manifest, in both forms of cosign.
func (a *artifact) checkSignature(ctx context.Context, keys []publicKey) (string, error) {
	seen := 0
	for _, look := range []func(context.Context, []publicKey) (string, int, error){
		a.bundledSignatures, a.taggedSignatures,
	} {
		by, n, err := look(ctx, keys)
		if err != nil || by != "" {
			return by, err
		}
		seen += n
	}
	if seen == 0 {
		return "", refuse(SettingPublicKey, fmt.Sprintf("artifact %s is not signed", a.manifest.Digest),
			"sign it: cosign sign --key cosign.key REGISTRY/NAME@"+a.manifest.Digest.String(), nil)
	}
	return "", refuse(SettingPublicKey, fmt.Sprintf("none of the %d signatures of artifact %s was "+
		"made over it with a key of %s", seen, a.manifest.Digest, a.f.source.PublicKey),
		"sign it, or correct public_key; do not use the module before it is clear", nil)
}

// taggedSignatures looks at the artifact with the tag sha256-<digest>.sig: every layer is a text
// that names the artifact, with a signature over it in an annotation.
func (a *artifact) taggedSignatures(ctx context.Context, keys []publicKey,
) (by string, seen int, err error) {
	var m ocispec.Manifest
	tag := "sha256-" + a.manifest.Digest.Encoded() + SignatureSuffix
	if _, err := a.readManifest(ctx, tag, "", &m); err != nil {
		if errors.Is(err, errdef.ErrNotFound) {
			return "", 0, nil
		}
		return "", 0, a.unreadable(err)
	}
	for _, layer := range m.Layers[:min(len(m.Layers), signaturesMax)] {
		signature, err := base64.StdEncoding.DecodeString(layer.Annotations[signatureKey])
		if layer.MediaType != payloadType || err != nil {
			continue
		}
		payload, err := a.blob(ctx, layer, payloadBytesMax)
		if err != nil {
			return "", seen, a.unreadable(err)
		}
		seen++
		if by := signedBy(keys, payload, signature); by != "" && a.claimed(payload) {
			return by, seen, nil
		}
	}
	return "", seen, nil
}

// claimed reports whether a text of cosign's old form is about the artifact.
func (a *artifact) claimed(payload []byte) bool {
	var p struct {
		Critical struct {
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
			Type string `json:"type"`
		} `json:"critical"`
	}
	return json.Unmarshal(payload, &p) == nil && p.Critical.Type == payloadClaim &&
		p.Critical.Image.Digest == a.manifest.Digest.String()
}

// bundledSignatures looks at the bundles that refer to the artifact.
func (a *artifact) bundledSignatures(ctx context.Context, keys []publicKey,
) (by string, seen int, err error) {
	var list []ocispec.Descriptor
	err = a.repo.Referrers(ctx, a.manifest, bundleType, func(page []ocispec.Descriptor) error {
		list = append(list, page...)
		return nil
	})
	if err != nil && !errors.Is(err, errdef.ErrNotFound) {
		return "", 0, a.unreadable(a.explain(err))
	}
	for _, referrer := range list[:min(len(list), signaturesMax)] {
		var m ocispec.Manifest
		if _, err := a.readManifest(ctx, referrer.Digest.String(), "", &m); err != nil {
			return "", seen, a.unreadable(err)
		}
		if len(m.Layers) != 1 || m.Layers[0].MediaType != bundleType {
			continue
		}
		data, err := a.blob(ctx, m.Layers[0], signatureBytesMax)
		if err != nil {
			return "", seen, a.unreadable(err)
		}
		b, err := parseBundle(data)
		if err != nil || b.Envelope == nil || !a.stated(b.Envelope.PayloadType, b.Envelope.Payload) {
			continue // another statement, such as a list of parts
		}
		seen++
		signed := envelopeText(b.Envelope.PayloadType, b.Envelope.Payload)
		for _, s := range b.Envelope.Signatures[:min(len(b.Envelope.Signatures), signaturesMax)] {
			if by := signedBy(keys, signed, s.Sig); by != "" {
				return by, seen, nil
			}
		}
	}
	return "", seen, nil
}

// envelopeText is what a signature of an envelope (DSSE) is made over.
func envelopeText(payloadType string, payload []byte) []byte {
	return fmt.Appendf(nil, "%s %d %s %d %s", envelopePrefix, len(payloadType), payloadType,
		len(payload), payload)
}

// stated reports whether a statement says that the artifact was signed. Others of the same signer,
// such as "this was built by", are about it too, and say something else.
func (a *artifact) stated(payloadType string, payload []byte) bool {
	var s struct {
		PredicateType string `json:"predicateType"`
		Subject       []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
	}
	if payloadType != statementType || json.Unmarshal(payload, &s) != nil ||
		s.PredicateType != statementClaim {
		return false
	}
	for _, x := range s.Subject {
		if x.Digest["sha256"] == a.manifest.Digest.Encoded() {
			return true
		}
	}
	return false
}

// unreadable words that signatures could not be looked at.
func (a *artifact) unreadable(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return &Error{
			Setting: e.Setting, Reason: "reading its signatures: " + e.Reason, Remedy: e.Remedy, Err: err,
			Passing: e.Passing,
		}
	}
	return err
}
