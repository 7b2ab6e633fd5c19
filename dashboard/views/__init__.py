"""Views, one module a page; thin."""
