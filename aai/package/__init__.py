"""A published version as OCI documents: built from a folder, read with distrust."""
