"""What goes out: the assessment record and its bytes, GeoJSON, the boundary TXT, the tender package."""
