variable "target" {
  type        = string
  default     = "prod"
  description = "The target of Vigie that this is for: it is in tags and in the name of the service account."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}$", var.target))
    error_message = "Lower case letters, digits and hyphens, 23 at most: it becomes part of a service account's name."
  }
}

variable "prefix" {
  type        = string
  description = "What names begin with, for instance acme-vigie: bucket names are unique in all of AWS."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,39}$", var.prefix))
    error_message = "Lower case letters, digits and hyphens, 40 at most."
  }
}

variable "aws_region" {
  type        = string
  description = "The region of the buckets and of the database, for instance eu-west-3."
}

variable "aws_role_names" {
  type        = set(string)
  default     = []
  description = "Existing IAM roles that Vigie's processes run under: the policy for the buckets is attached to each."
}

variable "snapshots_colder_days" {
  type        = number
  default     = 90
  description = "After so many days a snapshot moves to a class that is cheaper to keep and still read at once."

  validation {
    condition     = var.snapshots_colder_days >= 30
    error_message = "At least 30: recent snapshots are read every day."
  }
}

variable "old_versions_days" {
  type        = number
  default     = 90
  description = "How many days a replaced or deleted object can be brought back."
}

variable "gcp_project" {
  type        = string
  description = "The id of the Google Cloud project that the warehouse is in."
}

variable "bigquery_location" {
  type        = string
  default     = "EU"
  description = "Where BigQuery keeps the data. It cannot be changed later."
}

variable "bigquery_dataset" {
  type        = string
  default     = "vigie"
  description = "The dataset of the dbt models; raw tables are in the dataset raw."

  validation {
    condition     = can(regex("^[A-Za-z_][A-Za-z0-9_]*$", var.bigquery_dataset)) && var.bigquery_dataset != "raw"
    error_message = "Letters, digits and underscores, and not raw, which holds what the models read."
  }
}

variable "gcp_impersonators" {
  type        = set(string)
  default     = []
  description = "Who may act as the service account without a key, for instance user:ana@example.org."
}

variable "gcp_workload_identities" {
  type        = set(string)
  default     = []
  description = "Workloads that are the service account: principal://... or serviceAccount:PROJECT.svc.id.goog[NAMESPACE/NAME]."
}

variable "database_vpc_id" {
  type        = string
  description = "The network that the database is in."
}

variable "database_subnet_ids" {
  type        = list(string)
  description = "Private subnets of that network, in two zones at least."
}

variable "database_client_cidrs" {
  type        = list(string)
  description = "From which addresses Vigie's processes reach the database."
}

variable "database_instance_class" {
  type        = string
  default     = "db.t4g.small"
  description = "The size of the database."
}

variable "database_multi_az" {
  type        = bool
  default     = true
  description = "Whether a second zone takes over where the first fails."
}

variable "database_password" {
  type        = string
  sensitive   = true
  ephemeral   = true
  description = "The password of the database's user vigie. It is in no state and no plan: TF_VAR_database_password."
}

variable "database_password_version" {
  type        = number
  default     = 1
  description = "Count it up when the password is a new one: Terraform cannot see that."
}

variable "vault_url" {
  type        = string
  description = "The address of the Vault that Vigie reads secrets from, which is not made here."

  validation {
    condition     = can(regex("^https://[^@/?#]+/?$", var.vault_url))
    error_message = "https://host:port, with no user and no password in it."
  }
}
