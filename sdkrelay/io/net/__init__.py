"""What every connection needs, whatever it speaks."""
