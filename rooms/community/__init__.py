"""What the owner decides: name, logo, accent, languages, who may join, page texts."""
