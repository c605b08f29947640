// Package attest says who made an image out of what, and signs it, in forms that cosign and other
// tools read. It knows bytes and keys; where they lie is internal/image's.
//
// Sources: in-toto Statement v1, SLSA Provenance v1, DSSE v1.0.2, and cosign's
// specs/SIGNATURE_SPEC.md and key files, as of 2026-11. Keys are ECDSA on P-256, cosign's default.
//
// Out of scope: signing without a key (Fulcio), the transparency log (Rekor), time stamps. cosign
// verifies these signatures with --key and --insecure-ignore-tlog=true.
package attest
