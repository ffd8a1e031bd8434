"""What the gateway is compared with: the least a server of the same protocol can do."""
