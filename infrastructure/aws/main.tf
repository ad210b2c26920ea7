# Three private buckets with versions, and one policy for who works on them.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

resource "aws_s3_bucket" "this" {
  for_each = toset(["config", "data", "newsletters"])

  bucket = "${var.prefix}-${each.key}"
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

data "aws_iam_policy_document" "encrypted_only" {
  for_each = aws_s3_bucket.this

  statement {
    sid       = "RefuseWithoutTLS"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "encrypted_only" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = data.aws_iam_policy_document.encrypted_only[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    id     = "old-versions-and-broken-uploads-end"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.old_versions_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # Snapshots cannot be had again: they become cheaper, they never end. Backfills read them at once.
  dynamic "rule" {
    for_each = each.key == "data" ? ["snapshots/"] : []

    content {
      id     = "snapshots-become-cheaper"
      status = "Enabled"

      filter {
        prefix = rule.value
      }

      transition {
        days          = var.snapshots_colder_days
        storage_class = "GLACIER_IR"
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# List, read, put: Vigie takes away its own probe only, and what people configure it only reads.
resource "aws_iam_policy" "work" {
  name        = "${var.prefix}-buckets"
  description = "Vigie: list and read its buckets, put into data and newsletters."
  policy = templatefile("${path.module}/../policies/aws/buckets.json", {
    config_bucket      = aws_s3_bucket.this["config"].bucket
    data_bucket        = aws_s3_bucket.this["data"].bucket
    newsletters_bucket = aws_s3_bucket.this["newsletters"].bucket
  })
}

resource "aws_iam_role_policy_attachment" "work" {
  for_each = var.role_names

  role       = each.value
  policy_arn = aws_iam_policy.work.arn
}
