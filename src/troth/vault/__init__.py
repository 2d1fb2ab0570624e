"""Everything at rest: the encrypted vault. `troth.vault.vault.Vault` is its door."""
