"""`python -m reference`: writes the pages of docs/reference that differ from the code.

Here: what is printed. Not here: the pages (pages).
"""

from reference.pages import FOLDER, write
from terminal import out

for page in write():
    out.print(f"written: docs/reference/{page.relative_to(FOLDER)}")
