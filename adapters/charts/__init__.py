"""Pictures of figures: Pillow draws them."""
