"""Training and testing of networks that recognise."""
