"""Frozen values of the field: what a layer, a parcel, a rule, evidence, a finding is."""
