"""What is decided and carried out for a resource, without knowing how either side is reached."""
