"""The first page of the admin site leads from a trouble to the list that has its fix."""

import html
import re

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory
from django.urls import resolve

from tests.admin_site import a_superuser

pytestmark = pytest.mark.django_db


def test_each_trouble_leads_to_a_list_that_has_its_fixes() -> None:
    ana = a_superuser()
    page = ana.get("/admin/").content.decode()
    rows = re.findall(r"<tr>.*?</tr>", page.partition('class="module troubles"')[2].partition("</table>")[0], re.S)
    assert len(rows) >= 5
    for row in rows:
        [address], fixes = re.findall(r'href="([^"]+)"', row), re.findall(r"<em>([^<]+)</em>", row)
        assert ana.get(html.unescape(address)).status_code == 200, address
        request = RequestFactory().get(address)
        request.user = User.objects.get(is_superuser=True)
        admin = resolve(address.partition("?")[0]).func.model_admin  # type: ignore[attr-defined]
        offered = {str(description) for _, _, description in admin.get_actions(request).values()}
        assert fixes and set(fixes) <= offered, (address, offered)
