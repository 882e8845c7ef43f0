output "tiers" {
  description = "Names of the tiers."
  value       = { for key, tier in neuralinverse_workspace_tier.this : key => tier.name }
}
