// Package consul stands in for the state backend of that name, which is not published as a module.
package consul

import "github.com/hashicorp/terraform/internal/backend"

// New fails: this build has no such backend.
func New() backend.Backend { panic("the consul state backend is left out of this build") }
