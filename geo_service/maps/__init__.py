"""Pages with a map: what was concluded of each parcel, where, and on which data. Nothing is fetched from outside."""
