# The answers that `vigie setup` reads: each is named after the variable of platform/targets/prod.yaml that it answers.

output "config_bucket" {
  description = "VIGIE_CONFIG_BUCKET"
  value       = module.aws.buckets["config"]
}

output "data_bucket" {
  description = "VIGIE_DATA_BUCKET"
  value       = module.aws.buckets["data"]
}

output "newsletters_bucket" {
  description = "VIGIE_NEWSLETTERS_BUCKET"
  value       = module.aws.buckets["newsletters"]
}

output "aws_region" {
  description = "VIGIE_AWS_REGION"
  value       = var.aws_region
}

output "database_host" {
  description = "VIGIE_DATABASE_HOST"
  value       = module.postgres.host
}

output "bigquery_project" {
  description = "VIGIE_BIGQUERY_PROJECT"
  value       = var.gcp_project
}

output "bigquery_dataset" {
  description = "VIGIE_BIGQUERY_DATASET"
  value       = module.gcp.dataset
}

output "bigquery_location" {
  description = "VIGIE_BIGQUERY_LOCATION"
  value       = module.gcp.location
}

output "vault_url" {
  description = "VIGIE_VAULT_URL"
  value       = trimsuffix(var.vault_url, "/")
}

# Not for set-up: for people.

output "buckets_policy" {
  description = "The ARN of the IAM policy that lets a role work on the buckets."
  value       = module.aws.policy_arn
}

output "service_account" {
  description = "The service account to impersonate: gcloud auth application-default login --impersonate-service-account."
  value       = module.gcp.service_account
}
