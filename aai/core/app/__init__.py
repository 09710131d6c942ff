"""An application: what it wants, what that is locked to, and the installing, checking and starting of it."""
