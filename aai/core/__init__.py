"""What `aai` decides: plain data in and out; no terminal, no network, no inference framework."""
