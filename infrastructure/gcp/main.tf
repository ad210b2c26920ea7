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

# Permissions by name, for the predefined roles that hold these hold more. No dataset is made: both are there already, and
# Vigie and dbt ask whether they are before they would make one.
locals {
  roles = {
    jobs     = jsondecode(file("${path.module}/../policies/gcp/jobs.json"))
    datasets = jsondecode(file("${path.module}/../policies/gcp/datasets.json"))
  }
}

resource "google_project_iam_custom_role" "this" {
  for_each = local.roles

  project     = var.project
  role_id     = replace("${var.account_id}_${each.key}", "-", "_")
  title       = each.value.title
  description = each.value.description
  permissions = each.value.includedPermissions
}

resource "google_project_iam_member" "jobs" {
  project = var.project
  role    = google_project_iam_custom_role.this["jobs"].id
  member  = google_service_account.this.member
}

resource "google_bigquery_dataset_iam_member" "editor" {
  for_each = google_bigquery_dataset.this

  project    = var.project
  dataset_id = each.value.dataset_id
  role       = google_project_iam_custom_role.this["datasets"].id
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
