# Two datasets, and a service account that works on them. It has no key: it is impersonated, or is a workload's identity.

terraform {
  required_providers {
    google = { source = "hashicorp/google" }
  }
}

resource "google_bigquery_dataset" "this" {
  for_each = {
    raw           = "Vigie: what the platform loads, and what each dbt run shall replace."
    (var.dataset) = "Vigie: the dbt models."
  }

  project                    = var.project
  dataset_id                 = each.key
  location                   = var.location
  description                = each.value
  delete_contents_on_destroy = false
}

resource "google_service_account" "this" {
  project      = var.project
  account_id   = var.account_id
  display_name = "Vigie"
}

# Asked for by name, for the predefined roles that hold these hold more. Creating datasets: Vigie and dbt make sure that
# theirs are there, and BigQuery refuses to be asked without it.
resource "google_project_iam_custom_role" "jobs" {
  project     = var.project
  role_id     = replace("${var.account_id}_jobs", "-", "_")
  title       = "Vigie: run jobs"
  description = "Run jobs, read their results, make datasets."
  permissions = [
    "bigquery.datasets.create",
    "bigquery.jobs.create",
    "bigquery.readsessions.create",
    "bigquery.readsessions.getData",
    "bigquery.readsessions.update",
  ]
}

resource "google_project_iam_member" "jobs" {
  project = var.project
  role    = google_project_iam_custom_role.jobs.id
  member  = google_service_account.this.member
}

resource "google_bigquery_dataset_iam_member" "editor" {
  for_each = google_bigquery_dataset.this

  project    = var.project
  dataset_id = each.value.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.this.member
}

resource "google_service_account_iam_member" "impersonator" {
  for_each = var.impersonators

  service_account_id = google_service_account.this.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value
}

resource "google_service_account_iam_member" "workload" {
  for_each = var.workload_identities

  service_account_id = google_service_account.this.name
  role               = "roles/iam.workloadIdentityUser"
  member             = each.value
}
