# What the target prod works on: three buckets, a PostgreSQL server, a BigQuery warehouse.

provider "aws" {
  region = var.aws_region

  default_tags {
    tags = { product = "vigie", target = var.target }
  }
}

provider "google" {
  project = var.gcp_project
}

module "aws" {
  source = "./aws"

  prefix                = var.prefix
  role_names            = var.aws_role_names
  snapshots_colder_days = var.snapshots_colder_days
  old_versions_days     = var.old_versions_days
}

module "gcp" {
  source = "./gcp"

  project             = var.gcp_project
  location            = var.bigquery_location
  dataset             = var.bigquery_dataset
  account_id          = "vigie-${var.target}"
  impersonators       = var.gcp_impersonators
  workload_identities = var.gcp_workload_identities
}

module "postgres" {
  source = "./postgres"

  name             = "${var.prefix}-accounts"
  vpc_id           = var.database_vpc_id
  subnet_ids       = var.database_subnet_ids
  client_cidrs     = var.database_client_cidrs
  instance_class   = var.database_instance_class
  multi_az         = var.database_multi_az
  password         = var.database_password
  password_version = var.database_password_version
}
