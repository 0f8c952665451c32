"""Where each port meets its implementation, one module for each part of the desk."""
