"""The wire, as typed frozen values: bytes in, values or a refusal out, without socket, clock or file."""
