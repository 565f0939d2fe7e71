"""What every room stands on: tenancy, errors, clock, ids, paging. No models; imports no app."""
