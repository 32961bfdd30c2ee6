"""Whether the value, gradient and second derivative of a loss are consistent, and hold in float32."""
