output "host" {
  description = "The server's name in DNS, without its port."
  value       = aws_db_instance.this.address
}
