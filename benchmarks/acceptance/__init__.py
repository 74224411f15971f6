"""What the judge costs, and how well it judges."""
