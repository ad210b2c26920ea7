# What Vigie may do in a Vault: read the newest version of the secrets that the target names, one path each. No list, no
# write, no metadata, no older version. `ibmsid` is secrets.mount of platform/targets/prod.yaml.
#
#   vault policy write vigie vigie.hcl
#   vault write auth/approle/role/vigie token_policies=vigie token_type=batch token_ttl=20m token_max_ttl=1h \
#     token_no_default_policy=true secret_id_ttl=720h secret_id_bound_cidrs=10.20.0.0/16 token_bound_cidrs=10.20.0.0/16

# schematics.api_key
path "ibmsid/data/hub/account-owner" {
  capabilities = ["read"]
}

# schematics.secure_inputs: {number}/account-owner, for every account
path "ibmsid/data/+/account-owner" {
  capabilities = ["read"]
}

# delivery.password, where the target mails by SMTP with a login
path "ibmsid/data/mail/vigie" {
  capabilities = ["read"]
}
