"""The product page as a browser sees it."""

from __future__ import annotations

import json
from html import escape

from dashboard.mesh.http import Answer

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The Comedy of Errors</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem;
  color: #14181f; background: #fff; }}
blockquote {{ margin: 1rem 0; padding: .5rem 1rem; border-left: 3px solid #c9ced6; }}
.fault {{ color: #c3203a; }} dt {{ font-weight: 600; }} footer {{ color: #626b78; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e9ecf1; background: #12161c; }}
  .fault {{ color: #ff8091; }} footer {{ color: #939dab; }} }}
</style></head><body>
<h1>The Comedy of Errors</h1>
<p>One of Shakespeare’s early plays: two pairs of twins, and everybody takes each for the other.</p>
<h2>Book details</h2>{details}
<h2>Reviews</h2>{reviews}
<footer><p>{served}</p></footer>
</body></html>
"""


def product_page(details: Answer, reviews: Answer) -> bytes:
    """The page; what did not answer is said in its place."""
    served = "Reviews were not served."
    if reviews.status == 200:
        found = json.loads(reviews.body)
        served = f"Reviews served by reviews {found['version']}."
        quotes = "".join(
            f"<blockquote>{escape(review['text'])}"
            f"<br>{escape(review['reviewer'])} {_stars(review.get('stars'))}</blockquote>"
            for review in found["reviews"]
        )
        if found.get("fault"):
            quotes += f'<p class="fault">{escape(found["fault"])}</p>'
    else:
        quotes = _fault("reviews", reviews.status)
    if details.status == 200:
        book = json.loads(details.body)
        facts = "".join(
            f"<dt>{escape(name)}</dt><dd>{escape(str(book[name]))}</dd>"
            for name in ("author", "year", "pages", "publisher", "language")
        )
        facts = f"<dl>{facts}</dl>"
    else:
        facts = _fault("details", details.status)
    return PAGE.format(details=facts, reviews=quotes, served=served).encode()


def _stars(count: object) -> str:
    if not isinstance(count, int):
        return ""
    return (
        f'<span aria-label="{count} of 5 stars">{"★" * count}{"☆" * (5 - count)}</span>'
    )


def _fault(service: str, status: int) -> str:
    said = f"answered {status}" if status else "did not answer in time"
    return f'<p class="fault">Sorry: {service} {said}.</p>'
