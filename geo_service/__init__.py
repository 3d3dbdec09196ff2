"""geo-service: pre-listing checks of industrial land parcels against regional assessments."""

__version__ = "0.1.0"
