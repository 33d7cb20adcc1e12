"""What several families draw with: random numbers, palettes, tones, filters."""
