"""The code of the book's pages: one module per page or group of pages, named as the page."""
