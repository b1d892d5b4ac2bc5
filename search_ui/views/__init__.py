"""What a person sees, page by page.

Reading order: `address` (the state of a page, which is also its URL), `question` (the state as a query), `backdrop`
and `heat` (maps), `deck` (the map of the search page), `asking`, `prompts`, `moment_bar`, `answer`, `place`,
`in_words`, `in_time`, `keeping`, `saved` (parts of the search page), `search` (the page), `work` (what goes on),
`first_start`, `estimate`, `adding`, `holdings`, `models`, `help_page`, `login` (the other pages); `pieces` and
`words` serve all of them.
"""
