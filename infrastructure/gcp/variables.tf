variable "project" {
  type        = string
  description = "The project's id."
}

variable "location" {
  type        = string
  description = "Where the datasets are."
}

variable "dataset" {
  type        = string
  description = "The dataset of the models."
}

variable "account_id" {
  type        = string
  description = "The name of the service account, 6 to 30 characters."
}

variable "impersonators" {
  type        = set(string)
  description = "Who may act as the service account."
}

variable "workload_identities" {
  type        = set(string)
  description = "Workloads that are the service account."
}
