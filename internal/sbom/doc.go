// Package sbom writes down what an image is made of, as SPDX 2.3 or CycloneDX 1.6, both in JSON.
//
// Sources: SPDX 2.3 (ISO/IEC 5962 and its later revision), CycloneDX 1.6, and the package URL
// specification with its types conda, pypi and oci, as of 2026-11.
//
// A conda package is named by a conda URL; where it brings Python distributions (a .dist-info
// folder), those are named by PyPI URLs besides, because that is what databases of
// vulnerabilities know. Licences are what packages declare; text that is no SPDX expression is
// kept as it is. Licences of wheels are not known here.
//
// A document depends on the image and its name alone: no clock, no random numbers. What the base
// image is made of is not listed; the base is named by its digest.
package sbom
