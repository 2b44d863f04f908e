"""Label Studio: where department staff review mail."""
