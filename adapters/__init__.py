"""Translators, one folder for each outside thing; none of them knows another."""
