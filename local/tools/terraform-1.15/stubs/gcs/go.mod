module github.com/hashicorp/terraform/internal/backend/remote-state/gcs

go 1.24

require github.com/hashicorp/terraform v0.0.0
