"""Products and variants: reading, changing, import and export."""
