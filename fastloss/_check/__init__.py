"""Whether a loss's value, gradient and second derivative belong together, and survive float32."""
