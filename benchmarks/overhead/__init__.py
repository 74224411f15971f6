"""What a staging run costs beside the same tools by hand."""
