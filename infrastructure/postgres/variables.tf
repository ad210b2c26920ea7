variable "name" {
  type        = string
  description = "The server's name."
}

variable "vpc_id" {
  type        = string
  description = "The network it is in."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets, in two zones at least."
}

variable "client_cidrs" {
  type        = list(string)
  description = "Who reaches it."
}

variable "instance_class" {
  type        = string
  description = "Its size."
}

variable "multi_az" {
  type        = bool
  description = "Whether a second zone takes over."
}

variable "password" {
  type        = string
  sensitive   = true
  ephemeral   = true
  description = "The password of the user vigie."
}

variable "password_version" {
  type        = number
  description = "Counted up with each new password."
}
