output "buckets" {
  description = "The buckets' names by what they are for: config, data, newsletters."
  value       = { for name, bucket in aws_s3_bucket.this : name => bucket.bucket }
}

output "policy_arn" {
  description = "The ARN of the policy to work on the buckets."
  value       = aws_iam_policy.work.arn
}
