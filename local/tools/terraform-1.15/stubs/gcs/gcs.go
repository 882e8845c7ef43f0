// Package gcs stands in for the state backend of that name, which is not published as a module.
package gcs

import "github.com/hashicorp/terraform/internal/backend"

// New fails: this build has no such backend.
func New() backend.Backend { panic("the gcs state backend is left out of this build") }
