package image

// Annotations of a manifest that the OCI gives a meaning to (image-spec v1.1.1 annotations.md).
const (
	AnnotationBaseName = "org.opencontainers.image.base.name"
	AnnotationCreated  = "org.opencontainers.image.created"
	AnnotationSource   = "org.opencontainers.image.source"
	AnnotationRevision = "org.opencontainers.image.revision"
	AnnotationVersion  = "org.opencontainers.image.version"
)
