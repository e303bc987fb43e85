#!/bin/sh
# Adds a page and its test, and runs (with the Python $1) the project's tests as a coding agent does.
set -e
name=$(printf %s "$MUSTER_ENTRY_ID" | tr -c 'a-zA-Z0-9\n' '_')
echo "<h1>Page $name</h1>" > "shop/pages/$name.html"
cat > "tests/test_$name.py" <<TEST
from django.test import TestCase


class Page(TestCase):
    def test_it(self) -> None:
        self.assertContains(self.client.get("/$name/"), "Page $name")
TEST
"$1" manage.py test --noinput
