"""What may leave in a share: secrets are taken out before it is stored."""
