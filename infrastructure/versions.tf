# Terraform 1.11 is the first that can give a resource a secret without keeping it in the state (password_wo).
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.90"
    }
    google = {
      source  = "hashicorp/google"
      version = ">= 5.0"
    }
  }
}
