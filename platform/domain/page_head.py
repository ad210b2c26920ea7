"""How every HTML page of Vigie begins.

Here: what a browser may do with a page: no script, nothing fetched, no address told to a link's site. Not here: its
title, its style, its words (the pages' own templates).
"""

PAGE_HEAD = """<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
"""
