variable "prefix" {
  type        = string
  description = "What the names of the buckets begin with."
}

variable "role_names" {
  type        = set(string)
  description = "Roles that the policy is attached to."
}

variable "snapshots_colder_days" {
  type        = number
  description = "After so many days a snapshot moves to a cheaper class."
}

variable "old_versions_days" {
  type        = number
  description = "How long replaced and deleted objects are kept, in days."
}
