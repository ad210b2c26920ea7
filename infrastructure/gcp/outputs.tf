output "dataset" {
  description = "The dataset of the models."
  value       = google_bigquery_dataset.this[var.dataset].dataset_id
}

output "location" {
  description = "Where the datasets are."
  value       = google_bigquery_dataset.this[var.dataset].location
}

output "service_account" {
  description = "The service account's e-mail address."
  value       = google_service_account.this.email
}
